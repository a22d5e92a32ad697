package halibut_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// TestQueuedCallsAreCollectedInOrder: the one that was queued first is first.
func TestQueuedCallsAreCollectedInOrder(t *testing.T) {
	onEachCarrier(t, func(t *testing.T, s setting) {
		var order []int64
		services := echoServices()
		services.Handle("IEchoService", "Note", func(_ context.Context, n int64) error { order = append(order, n); return nil })
		s.services, s.client.Authorizer = services, pollers(t)
		client, service := s.newClient(t), s.newService(t)
		c := client.Client(endpoint(t, subscription))
		var calls sync.WaitGroup
		for i := range 10 {
			calls.Go(func() {
				if err := c.Call(context.Background(), "IEchoService", "Note", nil, i); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		poll(t, service, endpoint(t, s.url(serveOn(t, client, s.listen(t))), halibut.PinOf(certificates()[0])))
		calls.Wait()
		if got := fmt.Sprint(order); got != "[0 1 2 3 4 5 6 7 8 9]" {
			t.Errorf("they ran in the order %s", got)
		}
	})
}

// pollers trusts all certificates of the tests to poll.
func pollers(t testing.TB) *halibut.TrustList {
	t.Helper()
	trust := new(halibut.TrustList)
	for _, cert := range certificates() {
		if err := trust.AllowPolling(halibut.PinOf(cert), halibut.AnySubscription); err != nil {
			t.Fatal(err)
		}
	}
	return trust
}

// TestCallsBoundToAPin go to nobody else who polls the subscription.
func TestCallsBoundToAPin(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		certs := certificates()
		s := setting{network: network, services: echoServices(), client: halibut.Options{Authorizer: pollers(t)}}
		p := s.polling(t)
		bound := p.client.Client(endpoint(t, subscription, halibut.PinOf(certs[2])))
		start := time.Now()
		err := bound.Call(t.Context(), "IEchoService", "SayHello", nil, "x")
		if e := asError(t, err); e.Code != halibut.CodeQueueTimeout || e.Outcome != halibut.NotSent || time.Since(start) != 2*time.Minute {
			t.Errorf("%v, %v after %s: %v", e.Code, e.Outcome, time.Since(start), err)
		}
		hello(t, p)

		stranger := newRuntime(t, certs[2], &halibut.Options{Services: echoServices(), DialContext: network.DialContext})
		poll(t, stranger, p.polls)
		if err := bound.Call(t.Context(), "IEchoService", "SayHello", nil, "x"); err != nil {
			t.Error(err)
		}
	})
}

// TestNobodyCollects: the pick-up limit, in the words that .NET callers look
// for.
func TestNobodyCollects(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		for limit, text := range map[time.Duration]string{0: "(00:02:00)", 90 * time.Second: "(00:01:30)"} {
			client := setting{network: network, limits: halibut.Limits{PickUp: limit}}.newClient(t)
			err := client.Client(endpoint(t, subscription)).Call(t.Context(), "I", "M", nil)
			e := asError(t, err)
			if e.Code != halibut.CodeQueueTimeout || e.Outcome != halibut.NotSent || e.Phase != halibut.PhaseQueued || !halibut.SafeToRetry(err) {
				t.Errorf("%v, %v, %v: %v", e.Code, e.Outcome, e.Phase, err)
			}
			want := "A request was sent to a polling endpoint, but the polling endpoint did not collect the request within the allowed time " + text + ", so the request timed out."
			if e.Message != want || e.Hint == "" || !errors.Is(err, queue.ErrNotCollected) {
				t.Errorf("%q", e.Message)
			}
		}
	})
}

// TestFullQueue: the limit is named, and the call is safe to make again.
func TestFullQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		client := setting{network: network, limits: halibut.Limits{QueueLength: 1}}.newClient(t)
		c := client.Client(endpoint(t, subscription))
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() { first <- c.Call(ctx, "I", "M", nil) }()
		synctest.Wait()
		err := c.Call(t.Context(), "I", "M", nil)
		if e := asError(t, err); e.Code != halibut.CodeLimit || e.Outcome != halibut.NotSent {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		cancel()
		err = <-first
		if e := asError(t, err); e.Code != halibut.CodeCanceled || e.Outcome != halibut.NotSent || e.Phase != halibut.PhaseQueued || !errors.Is(err, context.Canceled) {
			t.Errorf("%v, %v, %v: %v", e.Code, e.Outcome, e.Phase, err)
		}
	})
}

// TestNullRequestsKeepAConnection for as long as nobody calls.
func TestNullRequestsKeepAConnection(t *testing.T) {
	eachModeInBubble(t, setting{services: echoServices()}, func(t *testing.T, p pair) {
		if !polls(p.mode) {
			t.Skip("a client keeps no connection for hours")
		}
		hello(t, p)
		time.Sleep(6 * time.Hour)
		hello(t, p)
		if s := p.client.Subscribers(); len(s) != 1 || s[0].Connections != 1 || time.Since(s[0].Since) != 6*time.Hour {
			t.Errorf("%+v", s)
		}
	})
}

// TestNullRequestOnTheWire: when it comes, and what surrounds it.
func TestNullRequestOnTheWire(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		s := setting{network: network, client: halibut.Options{Authorizer: pollers(t)}}
		client := s.newClient(t)
		addr := serveOn(t, client, s.listen(t))
		peer := dialScripted(t, network, addr, certificates()[1])
		peer.write(asSubscriber)
		peer.meet(false)
		start := time.Now()
		for i := range 3 {
			if request := peer.request(); request != nil {
				t.Errorf("%+v", request)
			}
			if waited := time.Since(start); waited != time.Duration(i+1)*30*time.Second {
				t.Errorf("null request %d after %s", i, waited)
			}
			peer.write("NEXT\r\n")
			peer.line(wire.Proceed)
		}
		peer.write("END\r\n")
		peer.closed()
	})
}

// TestBadPollingServices: a polling service that does not keep to the protocol
// fails the call that it has, and no other.
func TestBadPollingServices(t *testing.T) {
	for _, test := range []struct {
		name    string
		script  func(*scripted)
		code    halibut.Code
		outcome halibut.Outcome
		texts   []string
	}{
		{"END instead of a response", func(s *scripted) { s.request(); s.write("END\r\n") }, halibut.CodeTransfer, halibut.Unknown, []string{"ended the connection"}},
		{"dies with the request", func(s *scripted) { s.request() }, halibut.CodeTransfer, halibut.Unknown, []string{"may have run"}},
		{"garbage", func(s *scripted) { s.request(); s.write("\xff\xff\xff\xff garbage") }, halibut.CodeProtocol, halibut.Unknown, nil},
		{"another response", func(s *scripted) { s.request(); s.respond(result(s.t, "another", 1)) }, halibut.CodeProtocol, halibut.Unknown, []string{"another"}},
		{"a stream that does not come", func(s *scripted) {
			s.respond(result(s.t, s.request().ID, halibut.StreamBytes([]byte("0123456789"))))
			s.write("1234")
		}, halibut.CodeTransfer, halibut.Ran, []string{"the method has run"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := newLogBook()
			s := setting{client: halibut.Options{Authorizer: pollers(t), Logger: log.logger()}}
			client := s.newClient(t)
			addr := serveOn(t, client, s.listen(t))
			peer := dialScripted(t, nil, addr, certificates()[1])
			peer.write(asSubscriber)
			peer.meet(false)
			failed := make(chan error)
			go func() {
				failed <- client.Client(endpoint(t, subscription)).Call(context.Background(), "I", "M", nil)
			}()
			test.script(peer)
			_ = peer.CloseWrite()
			err := <-failed
			e := asError(t, err)
			if e.Code != test.code || e.Outcome != test.outcome || e.Addr != peer.LocalAddr().String() || !hasAll(err.Error(), test.texts) {
				t.Errorf("%v, %v, %s: %v", e.Code, e.Outcome, e.Addr, err)
			}
			peer.closed()
			log.await(t, "the connection was lost under a request", "poll://sq-test/", "id=I::M[1]")
			log.await(t, "polling service left")
		})
	}
}

// TestSilentPollingServices: every wait for one ends with a limit.
func TestSilentPollingServices(t *testing.T) {
	limits := halibut.Limits{Response: 7 * time.Second, Read: 5 * time.Second, NullRequest: 2 * time.Second, NullAnswer: 4 * time.Second}
	t.Run("response", func(t *testing.T) {
		inBubble(t, func(t *testing.T, network *memnet.Network) {
			s := setting{network: network, limits: limits, client: halibut.Options{Authorizer: pollers(t)}}
			client := s.newClient(t)
			peer := dialScripted(t, network, serveOn(t, client, s.listen(t)), certificates()[1])
			peer.write(asSubscriber)
			start := time.Now()
			err := client.Client(endpoint(t, subscription)).Call(t.Context(), "I", "M", nil)
			if e := asError(t, err); e.Outcome != halibut.Unknown || !strings.Contains(err.Error(), "Limits.Response") || time.Since(start) != limits.Response {
				t.Errorf("%v after %s: %v", e.Outcome, time.Since(start), err)
			}
		})
	})
	t.Run("NEXT", func(t *testing.T) {
		inBubble(t, func(t *testing.T, network *memnet.Network) {
			log := newLogBook()
			s := setting{network: network, limits: limits, client: halibut.Options{Authorizer: pollers(t), Logger: log.logger()}}
			client := s.newClient(t)
			peer := dialScripted(t, network, serveOn(t, client, s.listen(t)), certificates()[1])
			peer.write(asSubscriber)
			start := time.Now()
			log.await(t, "WARN polling service left", "nothing came for 4s while waiting for NEXT after a null request (Limits.NullAnswer)")
			if waited := time.Since(start); waited != limits.NullRequest+limits.NullAnswer {
				t.Errorf("after %s", waited)
			}
		})
	})
}

// TestBadClientsOfPollingServices: the service goes on trying, and its log
// says why.
func TestBadClientsOfPollingServices(t *testing.T) {
	limits := halibut.Limits{PollRequest: 11 * time.Second, Read: 5 * time.Second, Handshake: 3 * time.Second}
	good, _ := messageOf(t, "IEchoService", "SayHello", "x")
	for _, test := range []struct {
		name   string
		script func(*scripted)
		log    []string
	}{
		{"closes", func(s *scripted) { s.meet(true); s.write(asServer) }, []string{"the peer ended the connection"}},
		{"END", func(s *scripted) { s.meet(true); s.write(asServer, "END\r\n"); s.closed() }, []string{"the peer ended the connection"}},
		{"no identity", silent, []string{"within 3s (Limits.Handshake)"}},
		{"no request", func(s *scripted) { s.meet(true); s.write(asServer); silent(s) }, []string{"nothing came for 11s while waiting for a request (Limits.PollRequest)"}},
		{"half a request", func(s *scripted) { s.meet(true); s.write(asServer, good[:30]); silent(s) }, []string{"5s", "the rest of the request", "Limits.Read"}},
		{"no PROCEED", func(s *scripted) {
			s.meet(true)
			s.write(asServer, good)
			s.response()
			s.line(wire.Next)
			silent(s)
		}, []string{"nothing came for 5s while waiting for PROCEED (Limits.Read)"}},
		{"NEXT for PROCEED", func(s *scripted) {
			s.meet(true)
			s.write(asServer, good)
			s.response()
			s.line(wire.Next)
			s.write("NEXT\r\n")
			s.closed()
		}, []string{"PROCEED", "NEXT"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				served := make(chan struct{})
				to, _ := serveScripted(t, network, test.script, test.script, func(s *scripted) {
					s.meet(true)
					s.write(asServer, good)
					s.response()
					close(served)
					s.closed()
				})
				log := newLogBook()
				service := newRuntime(t, certificates()[0], &halibut.Options{
					Services: echoServices(), Logger: log.logger(), Limits: limits, DialContext: network.DialContext,
				})
				poll(t, service, to)
				log.await(t, append([]string{"WARN polling interrupted", "poll://sq-test/"}, test.log...)...)
				<-served
			})
		})
	}
}

// TestReconnectPauses double, spread by half either way, and start anew after
// a connection.
func TestReconnectPauses(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		var (
			mu    sync.Mutex
			tries []time.Time
		)
		service := newRuntime(t, certificates()[0], &halibut.Options{
			Limits: halibut.Limits{ReconnectMin: 4 * time.Second, ReconnectMax: time.Minute},
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				tries = append(tries, time.Now())
				return nil, syscall.ECONNREFUSED
			},
		})
		poll(t, service, endpoint(t, "https://host:1", halibut.PinOf(certificates()[1])))
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		for i := range len(tries) - 1 {
			pause, middle := tries[i+1].Sub(tries[i]), min(4*time.Second<<min(i, 10), time.Minute)
			if pause < middle/2 || pause > middle*3/2 {
				t.Errorf("pause %d is %s, want %s and half of it either way", i, pause, middle)
			}
		}
		if len(tries) < 40 {
			t.Errorf("%d tries in an hour", len(tries))
		}
	})
}

// TestSeveralConnectionsOfOneSubscription work side by side.
func TestSeveralConnectionsOfOneSubscription(t *testing.T) {
	services, running, release := slowServices()
	p := setting{services: services}.polling(t)
	poll(t, p.service, p.polls)
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() {
			if err := p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil); err != nil {
				t.Error(err)
			}
		})
	}
	<-running
	<-running
	close(release)
	calls.Wait()
}

// TestSubscriptionConnections: those beyond the limit are refused, in the
// log's words with the subscription and the limit.
func TestSubscriptionConnections(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		log := newLogBook()
		p := setting{
			network: network, services: echoServices(),
			client: halibut.Options{Logger: log.logger(), Limits: halibut.Limits{SubscriptionConnections: 1}},
		}.polling(t)
		hello(t, p)
		poll(t, p.service, p.polls)
		log.await(t, "WARN connection refused", "poll://sq-test/ has 1 connections already", "Limits.SubscriptionConnections")
		hello(t, p)
		if s := p.client.Subscribers(); len(s) != 1 || s[0].Connections != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// brokenWrites makes the writes of accepted connections fail, once each, when
// it is told to.
type brokenWrites struct {
	net.Listener
	armed atomic.Bool
}

func (l *brokenWrites) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &brokenWriter{conn, l}, err
}

type brokenWriter struct {
	net.Conn
	of *brokenWrites
}

func (c *brokenWriter) Write(p []byte) (int, error) {
	if c.of.armed.CompareAndSwap(true, false) {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(p)
}

// TestRequestThatTookNoByteGoesBack to the queue, and over the next
// connection.
func TestRequestThatTookNoByteGoesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		var ran atomic.Int32
		services := echoServices()
		services.Handle("IEchoService", "Run", func(context.Context) error { ran.Add(1); return nil })
		s := setting{network: network, services: services, client: halibut.Options{Authorizer: pollers(t)}}
		client, service := s.newClient(t), s.newService(t)
		l := &brokenWrites{Listener: s.listen(t)}
		poll(t, service, endpoint(t, "https://"+serveOn(t, client, l), halibut.PinOf(certificates()[0])))
		time.Sleep(time.Second)
		l.armed.Store(true)
		start := time.Now()
		if err := client.Client(endpoint(t, subscription)).Call(t.Context(), "IEchoService", "Run", nil); err != nil {
			t.Error(err)
		}
		if ran.Load() != 1 || l.armed.Load() || time.Since(start) < time.Second {
			t.Errorf("it ran %d times, after %s", ran.Load(), time.Since(start))
		}
	})
}

// TestRequestThatWentBackAndStayed: its error says why it went back.
func TestRequestThatWentBackAndStayed(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		s := setting{network: network, services: echoServices(), client: halibut.Options{Authorizer: pollers(t)}}
		client, service := s.newClient(t), s.newService(t)
		l := &brokenWrites{Listener: s.listen(t)}
		polling, stop := context.WithCancel(t.Context())
		go func() {
			_ = service.Poll(polling, subscription, endpoint(t, "https://"+serveOn(t, client, l), halibut.PinOf(certificates()[0])))
		}()
		time.Sleep(time.Second)
		l.armed.Store(true)
		go func() { time.Sleep(time.Second); stop() }()
		err := client.Client(endpoint(t, subscription)).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
		e := asError(t, err)
		if e.Code != halibut.CodeQueueTimeout || e.Outcome != halibut.NotSent || !strings.Contains(err.Error(), "broken pipe") {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
	})
}

// TestCancelledWhileItRuns: the service's method sees it, and the next call
// works over a new connection.
func TestCancelledWhileItRuns(t *testing.T) {
	services := echoServices()
	running, gone := make(chan struct{}, 1), make(chan error, 1)
	services.Handle("IEchoService", "Forever", func(ctx context.Context) error {
		running <- struct{}{}
		<-ctx.Done()
		gone <- context.Cause(ctx)
		return ctx.Err()
	})
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			p := setting{services: services, limits: halibut.Limits{ReconnectMin: time.Millisecond}}.pair(t, mode)
			hello(t, p)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-running; cancel() }()
			err := p.client.Client(p.to).Call(ctx, "IEchoService", "Forever", nil)
			e := asError(t, err)
			if e.Code != halibut.CodeCanceled || e.Outcome != halibut.Unknown || e.Phase != halibut.PhaseSent || !errors.Is(err, context.Canceled) || halibut.SafeToRetry(err) {
				t.Errorf("%v, %v, %v: %v", e.Code, e.Outcome, e.Phase, err)
			}
			if cause := <-gone; cause == nil {
				t.Error("the method's context ended without a cause")
			}
			hello(t, p)
		})
	}
}

// TestNothingToPoll: what Poll refuses at once.
func TestNothingToPoll(t *testing.T) {
	rt := newRuntime(t, certificates()[0], nil)
	good := endpoint(t, "https://host:1", halibut.PinOf(certificates()[1]))
	for name, err := range map[string]error{
		"subscription": rt.Poll(t.Context(), "https://host", good),
		"endpoint":     rt.Poll(t.Context(), subscription, endpoint(t, "poll://other")),
	} {
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if err := rt.Poll(ctx, subscription, good); err == nil || err.Error() != "enough" {
		t.Errorf("Poll returned %v", err)
	}
	if err := rt.Serve(ctx, listen(t)); err == nil || err.Error() != "enough" {
		t.Errorf("Serve returned %v", err)
	}
}
