package halibut_test

import (
	"context"
	"net"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// reached has each limit reached that somebody can be told of, and returns what
// the caller, the log or the Trace is told.
var reached = map[string]func(*testing.T, *memnet.Network) string{
	"Connect": func(t *testing.T, network *memnet.Network) string {
		to, _ := serveScripted(t, network, answering)
		options := halibut.Options{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		return failure(newRuntime(t, certificates()[0], &options), to)
	},
	"Handshake": func(t *testing.T, network *memnet.Network) string {
		return failureAt(t, network, halibut.Limits{}, silent)
	},
	"Response": func(t *testing.T, network *memnet.Network) string {
		return failureAt(t, network, halibut.Limits{}, func(s *scripted) { s.meet(true); s.write(asServer); silent(s) })
	},
	"Read": func(t *testing.T, network *memnet.Network) string {
		return failureAt(t, network, halibut.Limits{}, func(s *scripted) {
			s.meet(true)
			s.write(asServer)
			s.request()
			s.write("\x01")
			silent(s)
		})
	},
	"Write": func(t *testing.T, network *memnet.Network) string {
		stop := make(chan struct{})
		defer close(stop)
		return failureAt(t, network, halibut.Limits{}, func(s *scripted) { s.meet(true); s.write(asServer); <-stop }, halibut.StreamBytes(make([]byte, 1<<20)))
	},
	"NextRequest": func(t *testing.T, network *memnet.Network) string {
		log := newLogBook()
		service := setting{network: network, service: halibut.Options{Authorizer: callers(), Logger: log.logger()}}.newService(t)
		dialScripted(t, network, serveOn(t, service, setting{network: network}.listen(t)), certificates()[0]).write(asClient)
		return log.after(time.Hour)
	},
	"PollRequest": func(t *testing.T, network *memnet.Network) string {
		log := newLogBook()
		to, _ := serveScripted(t, network, func(s *scripted) { s.meet(true); s.write(asServer); silent(s) })
		poll(t, setting{network: network, service: halibut.Options{Logger: log.logger()}}.newService(t), to)
		return log.after(2 * time.Minute)
	},
	"NullAnswer": func(t *testing.T, network *memnet.Network) string {
		log := newLogBook()
		client := setting{network: network, client: halibut.Options{Authorizer: pollers(t), Logger: log.logger()}}.newClient(t)
		dialScripted(t, network, serveOn(t, client, setting{network: network}.listen(t)), certificates()[1]).write(asSubscriber)
		return log.after(2 * time.Minute)
	},
	"PickUp": func(t *testing.T, network *memnet.Network) string {
		return failure(setting{network: network}.newClient(t), endpoint(t, subscription))
	},
	"PoolIdle": func(t *testing.T, network *memnet.Network) string { return endOfIdle(t, network) },
	"PoolIdleProceeded": func(t *testing.T, network *memnet.Network) string {
		return endOfIdle(t, network, halibut.EagerNext())
	},
	"PoolConnections": func(t *testing.T, network *memnet.Network) string {
		services, running, release := slowServices()
		p := setting{network: network, services: services, limits: halibut.Limits{PoolConnections: 1}}.listening(t)
		defer whileOneRuns(p, running, release)()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return text(p.client.Client(p.to).Call(ctx, "IEchoService", "SayHello", nil, "x"))
	},
	"Line": func(t *testing.T, network *memnet.Network) string {
		return failureAt(t, network, halibut.Limits{Line: 100}, func(s *scripted) { s.meet(true); s.write(strings.Repeat("x", 200)); silent(s) })
	},
	"Document": func(t *testing.T, network *memnet.Network) string {
		return failureOf(t, network, halibut.Limits{Document: 1000}, strings.Repeat("x", 2000))
	},
	"DocumentsMemory": func(t *testing.T, network *memnet.Network) string {
		return failureOf(t, network, halibut.Limits{DocumentsMemory: 1000}, strings.Repeat("x", 2000))
	},
	"Depth": func(t *testing.T, network *memnet.Network) string {
		return failureOf(t, network, halibut.Limits{Depth: 5}, [][][][][][]int{{{{{{1}}}}}})
	},
	"Streams": func(t *testing.T, network *memnet.Network) string {
		return failureOf(t, network, halibut.Limits{Streams: 1}, []*halibut.DataStream{halibut.StreamBytes([]byte("a")), halibut.StreamBytes([]byte("b"))})
	},
	"TemporaryFiles": func(t *testing.T, network *memnet.Network) string {
		return failureOf(t, network, halibut.Limits{StreamMemory: 10, TemporaryFiles: 1000}, halibut.StreamBytes(make([]byte, 5000)))
	},
	"Unauthenticated": func(t *testing.T, network *memnet.Network) string {
		return crowded(t, network, halibut.Limits{Unauthenticated: 1})
	},
	"UnauthenticatedPerAddress": func(t *testing.T, network *memnet.Network) string {
		return crowded(t, network, halibut.Limits{UnauthenticatedPerAddress: 1})
	},
	"QueueLength": func(t *testing.T, network *memnet.Network) string {
		client := setting{network: network, limits: halibut.Limits{QueueLength: 1}}.newClient(t)
		var first sync.WaitGroup
		first.Go(func() { failure(client, endpoint(t, subscription)) })
		defer first.Wait()
		synctest.Wait()
		return failure(client, endpoint(t, subscription))
	},
	"SubscriptionConnections": func(t *testing.T, network *memnet.Network) string {
		log := newLogBook()
		p := setting{network: network, client: halibut.Options{Logger: log.logger(), Limits: halibut.Limits{SubscriptionConnections: 1}}}.polling(t)
		poll(t, p.service, p.polls)
		return log.after(time.Second)
	},
	"PeerSubscriptions": func(t *testing.T, network *memnet.Network) string {
		log := newLogBook()
		p := setting{network: network, client: halibut.Options{Authorizer: pollers(t), Logger: log.logger(), Limits: halibut.Limits{PeerSubscriptions: 1}}}.polling(t)
		ctx, cancel := context.WithCancel(t.Context())
		var second sync.WaitGroup
		second.Go(func() { _ = p.service.Poll(ctx, "poll://second/", p.polls) })
		defer second.Wait()
		defer cancel()
		return log.after(time.Second)
	},
	"PeerCalls": func(t *testing.T, network *memnet.Network) string {
		log := newLogBook()
		services, running, release := slowServices()
		p := setting{network: network, services: services, service: halibut.Options{Logger: log.logger(), Limits: halibut.Limits{PeerCalls: 1}}}.listening(t)
		defer whileOneRuns(p, running, release)()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = p.client.Client(p.to).Call(ctx, "IEchoService", "SayHello", nil, "x")
		return log.all()
	},
}

// untold are the limits of which nobody is told, and why.
var untold = map[string]string{
	"ConnectTries":        "the error is that of the last try, and says how many there were",
	"ConnectWindow":       "the same, and how long they took",
	"ConnectPause":        "a pause, after which it is tried again",
	"NullRequest":         "a time after which the client says something: nothing fails",
	"ReconnectMin":        "a pause: the log line of the connection that was lost tells how long it is",
	"ReconnectMax":        "the same",
	"PoolIdleConnections": "a connection that is one too many is closed in good order",
	"StreamMemory":        "what is longer goes to a temporary file",
	"StreamsMemory":       "beyond it shorter ones do, too",
	"Handshakes":          "a place to wait for; who waits for too long is told of Limits.Handshake",
}

// TestLimitsAreNamed: whoever meets a limit reads its name, so that he knows
// what to look at and, where need be, to raise.
func TestLimitsAreNamed(t *testing.T) {
	for limit := range reflect.TypeFor[halibut.Limits]().Fields() {
		name := limit.Name
		reach, reason := reached[name], untold[name]
		switch {
		case reach == nil && reason == "":
			t.Errorf("no test reaches Limits.%s, and no reason is given why nobody is told of it", name)
		case reach != nil && reason != "":
			t.Errorf("Limits.%s is told of, and yet a reason is given why not", name)
		case reach != nil:
			t.Run(name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, network *memnet.Network) {
					if told := reach(t, network); !regexp.MustCompile(`\bLimits\.` + name + `\b`).MatchString(told) {
						t.Errorf("Limits.%s is not named:\n%s", name, told)
					}
				})
			})
		}
	}
	limits := reflect.TypeFor[halibut.Limits]()
	for _, listed := range []any{reached, untold} {
		for _, name := range reflect.ValueOf(listed).MapKeys() {
			if _, ok := limits.FieldByName(name.String()); !ok {
				t.Errorf("there is no Limits.%s", name)
			}
		}
	}
}

func text(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// failure is what a call ends with.
func failure(client *halibut.Runtime, to halibut.Endpoint, args ...any) string {
	return text(client.Client(to, halibut.Retries(0)).Call(context.Background(), "I", "M", nil, args...))
}

// failureAt is that of a call of a service that does what a test tells it.
func failureAt(t *testing.T, network *memnet.Network, limits halibut.Limits, script func(*scripted), args ...any) string {
	to, _ := serveScripted(t, network, script)
	return failure(setting{network: network, limits: limits}.newClient(t), to, args...)
}

// failureOf is that of a call with a result that is beyond a limit of its caller.
func failureOf[T any](t *testing.T, network *memnet.Network, limits halibut.Limits, result T) string {
	services := new(halibut.Services)
	services.Handle("I", "M", func(context.Context) (T, error) { return result, nil })
	p := setting{network: network, services: services, client: halibut.Options{Limits: limits}}.listening(t)
	var got T
	return text(p.client.Client(p.to).Call(context.Background(), "I", "M", &got))
}

// endOfIdle is why a connection ends over which a call was made.
func endOfIdle(t *testing.T, network *memnet.Network, options ...halibut.ClientOption) string {
	ended := make(chan error, 1)
	to, _ := serveScripted(t, network, func(s *scripted) {
		s.meet(true)
		s.write(asServer)
		s.respond(result(s.t, s.request().ID, "M"))
		if line, err := s.reader.ReadLine(); err == nil && line == wire.Next {
			s.write("PROCEED\r\n")
			s.closed()
		}
	})
	client := setting{network: network, client: halibut.Options{
		Trace: &halibut.Trace{Disconnected: func(_ halibut.Connection, err error) { ended <- err }},
	}}.newClient(t)
	callMethod(t, client.Client(to, options...), "M")
	return text(<-ended)
}

// whileOneRuns has a call of a slow service run until end is called.
func whileOneRuns(p pair, running <-chan struct{}, release chan<- struct{}) (end func()) {
	var calls sync.WaitGroup
	calls.Go(func() { _ = p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil) })
	<-running
	return func() { close(release); calls.Wait() }
}

// crowded is the log of a listener before which two peers stand who say nothing.
func crowded(t *testing.T, network *memnet.Network, limits halibut.Limits) string {
	log := newLogBook()
	service := setting{network: network, service: halibut.Options{Logger: log.logger(), Limits: limits}}.newService(t)
	addr := serveOn(t, service, setting{network: network}.listen(t))
	for range 2 {
		dialPlain(t, network, addr)
	}
	return log.after(time.Second)
}

// callers admits everybody's calls.
func callers() *halibut.TrustList {
	trust := new(halibut.TrustList)
	for _, cert := range certificates() {
		trust.AllowCalls(halibut.PinOf(cert))
	}
	return trust
}

// after is what the log has when some time has passed.
func (b *logBook) after(d time.Duration) string {
	time.Sleep(d)
	return b.all()
}
