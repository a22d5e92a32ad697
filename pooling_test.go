package halibut_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// keeping is a service that keeps to the protocol and tells when END comes.
func keeping(ended *counter, release <-chan struct{}) func(*scripted) {
	return func(s *scripted) {
		s.meet(true)
		s.write(asServer)
		for {
			request := s.request()
			if request.Method == "Wait" {
				<-release
			}
			s.respond(result(s.t, request.ID, request.Method))
			switch line, err := s.reader.ReadLine(); {
			case err != nil:
				return
			case line == wire.End:
				ended.next()
				return
			case line != wire.Next:
				s.t.Errorf("read the line %q, want NEXT", line)
			}
			s.write("PROCEED\r\n")
		}
	}
}

func callMethod(t testing.TB, c halibut.Caller, method string) {
	t.Helper()
	if got, err := halibut.Call[string](context.Background(), c, "I", method); err != nil || got != method {
		t.Errorf("%s: %q, %v", method, got, err)
	}
}

// TestCallsShareAConnection, one after another, by NEXT and PROCEED.
func TestCallsShareAConnection(t *testing.T) {
	ended := new(counter)
	to, connections := serveScripted(t, nil, keeping(ended, nil))
	client := newRuntime(t, certificates()[0], nil)
	for range 5 {
		callMethod(t, client.Client(to), "M") // the pool is the runtime's, not the client's
	}
	if err := client.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if connections.value() != 1 {
		t.Errorf("%d connections, want 1", connections.value())
	}
	eventually(t, "END", func() bool { return ended.value() == 1 })
}

// TestParallelCallsHaveTheirOwnConnections, which later calls use again.
func TestParallelCallsHaveTheirOwnConnections(t *testing.T) {
	ended, release := new(counter), make(chan struct{})
	to, connections := serveScripted(t, nil, keeping(ended, release))
	client := newRuntime(t, certificates()[0], nil)
	c := client.Client(to)
	for round := range 2 {
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() { callMethod(t, c, "Wait") })
		}
		if round == 0 {
			eventually(t, "five connections", func() bool { return connections.value() == 5 })
			close(release)
		}
		calls.Wait()
	}
	if connections.value() > 5 {
		t.Errorf("%d connections, want 5", connections.value())
	}
}

// TestDeadPooledConnectionsCostNoTry: whether the end of one was seen or not.
func TestDeadPooledConnectionsCostNoTry(t *testing.T) {
	once := func(after func(s *scripted)) func(*scripted) {
		return func(s *scripted) {
			s.meet(true)
			s.write(asServer)
			s.respond(result(s.t, s.request().ID, "M"))
			after(s)
		}
	}
	for name, after := range map[string]func(*scripted){
		"closed":          func(*scripted) {},
		"END":             func(s *scripted) { s.write("END\r\n"); s.closed() },
		"reset":           func(s *scripted) { time.Sleep(time.Second / 2); _ = s.NetConn().(*memnet.Conn).Reset() },
		"closed for NEXT": func(s *scripted) { s.line(wire.Next) },
		"END for PROCEED": func(s *scripted) { s.line(wire.Next); s.write("END\r\n"); s.closed() },
		"silent for NEXT": func(s *scripted) { s.line(wire.Next); s.closed() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				to, connections := serveScripted(t, network, once(after), once(after), answering)
				limits := halibut.Limits{Read: 3 * time.Second}
				client := newRuntime(t, certificates()[0], &halibut.Options{DialContext: network.DialContext, Limits: limits})
				c := client.Client(to, halibut.Retries(0))
				start := time.Now()
				for range 3 {
					callMethod(t, c, "M")
					time.Sleep(time.Second)
				}
				if connections.value() != 3 {
					t.Errorf("%d connections, want 3", connections.value())
				}
				want := 3 * time.Second
				if strings.HasPrefix(name, "silent") {
					want += 2 * limits.Read
				}
				if waited := time.Since(start); waited != want {
					t.Errorf("it took %s, want %s", waited, want)
				}
			})
		})
	}
}

// TestPoolConnections: who finds all connections in use waits, with its
// context.
func TestPoolConnections(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		release := make(chan struct{})
		to, connections := serveScripted(t, network, keeping(new(counter), release))
		client := newRuntime(t, certificates()[0], &halibut.Options{
			DialContext: network.DialContext, Limits: halibut.Limits{PoolConnections: 1},
		})
		c := client.Client(to)
		var calls sync.WaitGroup
		calls.Go(func() { callMethod(t, c, "Wait") })
		synctest.Wait()
		calls.Go(func() { callMethod(t, c, "M") })

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := c.Call(ctx, "I", "M", nil)
		if e := asError(t, err); e.Code != halibut.CodeDeadline || e.Outcome != halibut.NotSent || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		if !strings.Contains(err.Error(), "all 1 connections were in use (Limits.PoolConnections)") {
			t.Error(err)
		}
		close(release)
		calls.Wait()
		if connections.value() != 1 {
			t.Errorf("%d connections, want 1", connections.value())
		}
	})
}

// TestPoolIdleConnections: what is more than that is closed with END at once,
// and the rest when it was idle for Limits.PoolIdle.
func TestPoolIdleConnections(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		ended, release := new(counter), make(chan struct{})
		to, connections := serveScripted(t, network, keeping(ended, release))
		client := newRuntime(t, certificates()[0], &halibut.Options{
			DialContext: network.DialContext, Limits: halibut.Limits{PoolIdleConnections: 2, PoolIdle: 10 * time.Second},
		})
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() { callMethod(t, client.Client(to), "Wait") })
		}
		synctest.Wait()
		close(release)
		calls.Wait()
		synctest.Wait()
		if connections.value() != 5 || ended.value() != 3 {
			t.Errorf("%d connections, %d of them ended", connections.value(), ended.value())
		}
		time.Sleep(10*time.Second - time.Nanosecond)
		synctest.Wait()
		if ended.value() != 3 {
			t.Errorf("%d connections ended before their time", ended.value()-3)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if ended.value() != 5 {
			t.Errorf("%d connections ended, want 5", ended.value())
		}
	})
}

// TestCallsAtTheIdleLimit come when the connections that they find are just given
// up: each is made, and no method runs twice.
func TestCallsAtTheIdleLimit(t *testing.T) {
	services := new(halibut.Services)
	var ran atomic.Int64
	services.Handle("I", "Count", func(context.Context) error { ran.Add(1); return nil })
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		p := setting{network: network, services: services, limits: halibut.Limits{PoolIdle: 10 * time.Second}}.listening(t)
		c := p.client.Client(p.to, halibut.Retries(0))
		const rounds, callers = 100, 3
		for range rounds {
			var calls sync.WaitGroup
			for range callers {
				calls.Go(func() {
					if err := c.Call(t.Context(), "I", "Count", nil); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			time.Sleep(10 * time.Second)
		}
		if n := ran.Load(); n != rounds*callers {
			t.Errorf("%d calls were made, and %d methods ran", rounds*callers, n)
		}
	})
}

// TestDisconnect ends the connections of one endpoint, those in use too.
func TestDisconnect(t *testing.T) {
	services, running, _ := slowServices()
	eachMode(t, services, func(t *testing.T, p pair) {
		failed := make(chan error)
		go func() { failed <- p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil) }()
		<-running
		p.client.Disconnect(p.to)
		err := <-failed
		if e := asError(t, err); e.Outcome != halibut.Unknown {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		if !polls(p.mode) {
			hello(t, p)
		}
	})
}
