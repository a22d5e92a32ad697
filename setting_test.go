package halibut_test

import (
	"context"
	"crypto/fips140"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/websocket"
)

// setting says how a pair of runtimes is made. Its zero value is a pair on
// loopback without services.
type setting struct {
	services        *halibut.Services
	limits          halibut.Limits // of both sides
	client, service halibut.Options
	network         *memnet.Network // nil: TCP on loopback
	websockets      bool            // where TLS alone would do
	pollOptions     []halibut.PollOption
	wrap            func(net.Listener) net.Listener // nil: as it is
}

func (s setting) options(own halibut.Options) *halibut.Options {
	if own.Limits == (halibut.Limits{}) {
		own.Limits = s.limits
	}
	if s.network != nil && own.DialContext == nil {
		own.DialContext = s.network.DialContext
	}
	if s.websockets {
		own.Protocols = []halibut.Protocol{websocket.HTTP(&websocket.Handler{})}
		own.Transports = map[string]halibut.Transport{"wss": &websocket.Transport{}}
	}
	return &own
}

// url is that of a runtime that listens.
func (s setting) url(addr string) string {
	if s.websockets {
		return "wss://" + addr + "/halibut"
	}
	return "https://" + addr
}

// listen opens a port of the setting's network.
func (s setting) listen(t testing.TB) net.Listener {
	t.Helper()
	if s.network == nil {
		l := listen(t)
		if s.wrap != nil {
			l = s.wrap(l)
		}
		return l
	}
	l, err := s.network.Listen("service:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s setting) newService(t testing.TB) *halibut.Runtime {
	t.Helper()
	options := s.options(s.service)
	options.Services = s.services
	return newRuntime(t, certificates()[1], options)
}

func (s setting) newClient(t testing.TB) *halibut.Runtime {
	t.Helper()
	return newRuntime(t, certificates()[0], s.options(s.client))
}

// listening is a pair whose service listens.
func (s setting) listening(t testing.TB) pair {
	t.Helper()
	if s.service.Authorizer == nil {
		trust := new(halibut.TrustList)
		trust.AllowCalls(halibut.PinOf(certificates()[0]))
		s.service.Authorizer = trust
	}
	p := pair{mode: "listening", service: s.newService(t), client: s.newClient(t)}
	p.to = endpoint(t, s.url(serveOn(t, p.service, s.listen(t))), halibut.PinOf(certificates()[1]))
	return p
}

// polling is a pair whose service polls.
func (s setting) polling(t testing.TB) pair {
	t.Helper()
	if s.client.Authorizer == nil {
		trust := new(halibut.TrustList)
		if err := trust.AllowPolling(halibut.PinOf(certificates()[1]), subscription); err != nil {
			t.Fatal(err)
		}
		s.client.Authorizer = trust
	}
	p := pair{mode: "polling", service: s.newService(t), client: s.newClient(t)}
	p.polls = endpoint(t, s.url(serveOn(t, p.client, s.listen(t))), halibut.PinOf(certificates()[0]))
	poll(t, p.service, p.polls, s.pollOptions...)
	p.to = endpoint(t, subscription, halibut.PinOf(certificates()[1]))
	return p
}

// poll has a runtime poll for the tests' subscription until it is closed.
func poll(t testing.TB, rt *halibut.Runtime, to halibut.Endpoint, options ...halibut.PollOption) {
	t.Helper()
	polled := make(chan error, 1)
	go func() { polled <- rt.Poll(context.Background(), subscription, to, options...) }()
	t.Cleanup(func() {
		_ = rt.Close()
		if err := <-polled; !errors.Is(err, halibut.ErrClosed) {
			t.Errorf("Poll returned %v, want ErrClosed", err)
		}
	})
}

func (s setting) pair(t testing.TB, mode string) (p pair) {
	t.Helper()
	s.websockets = strings.HasSuffix(mode, overWebsockets)
	switch {
	case mode == "queue":
		p = s.queued(t)
	case polls(mode):
		p = s.polling(t)
	default:
		p = s.listening(t)
	}
	p.mode = mode
	return p
}

// modes are who may open the connection, and what carries it: it must make no
// difference.
var (
	modes      = []string{"listening", "polling", "listening" + overWebsockets, "polling" + overWebsockets}
	everyModes = append(slices.Clip(modes), "queue")
)

const overWebsockets = " over websockets"

// polls reports whether the service polls in a mode.
func polls(mode string) bool { return strings.HasPrefix(mode, "polling") }

// inBubble runs a test with a network in memory, where time passes only when
// all wait for it.
func inBubble(t *testing.T, test func(t *testing.T, network *memnet.Network)) {
	certificates() // outside: they take their time
	if fips140.Enabled() {
		t.Skip("FIPS mode has no entropy in virtual time")
	}
	synctest.Test(t, func(t *testing.T) { test(t, new(memnet.Network)) })
}

// eachModeInBubble runs a test in memory in each mode.
func eachModeInBubble(t *testing.T, s setting, test func(t *testing.T, p pair)) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				s.network = network
				test(t, s.pair(t, mode))
			})
		})
	}
}

// hello makes a call that must work.
func hello(t testing.TB, p pair) {
	t.Helper()
	got, err := halibut.Call[string](context.Background(), p.client.Client(p.to), "IEchoService", "SayHello", "x")
	if err != nil || got != "x..." {
		t.Fatalf("SayHello: %q, %v", got, err)
	}
}

// asError is the *halibut.Error of a failed call.
func asError(t testing.TB, err error) *halibut.Error {
	t.Helper()
	var e *halibut.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *halibut.Error", err)
	}
	return e
}
