package halibut_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// afterwards checks that a runtime that has ended says so to everybody.
func afterwards(t *testing.T, rt *halibut.Runtime, to halibut.Endpoint) {
	t.Helper()
	err := rt.Client(to).Call(context.Background(), "I", "M", nil)
	if e := asError(t, err); e.Code != halibut.CodeClosed || e.Outcome != halibut.NotSent || !errors.Is(err, halibut.ErrClosed) {
		t.Errorf("a call afterwards: %v, %v: %v", e.Code, e.Outcome, err)
	}
	network := new(memnet.Network)
	l, err := network.Listen("h:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := rt.Serve(context.Background(), l); !errors.Is(err, halibut.ErrClosed) {
		t.Errorf("Serve afterwards: %v", err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("Serve left its listener open")
	}
	if err := rt.Poll(context.Background(), subscription, endpoint(t, "https://host:1", halibut.PinOf(certificates()[1]))); !errors.Is(err, halibut.ErrClosed) {
		t.Errorf("Poll afterwards: %v", err)
	}
	if err := rt.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown afterwards: %v", err)
	}
	if err := rt.Close(); err != nil {
		t.Errorf("Close afterwards: %v", err)
	}
}

// ends are the two ways to end a runtime.
var ends = map[string]func(*halibut.Runtime) error{
	"Shutdown": func(rt *halibut.Runtime) error { return rt.Shutdown(context.Background()) },
	"Close":    (*halibut.Runtime).Close,
}

// unwatched is how long after a call nobody reads the connection at its client,
// which sees the service leave only then.
const unwatched = 10 * time.Millisecond

// TestEndWhileIdle: either side, in either mode, takes no time.
func TestEndWhileIdle(t *testing.T) {
	for name, end := range ends {
		for _, side := range []string{"client", "service"} {
			t.Run(name+" of the "+side, func(t *testing.T) {
				eachModeInBubble(t, setting{services: echoServices()}, func(t *testing.T, p pair) {
					hello(t, p)
					synctest.Wait()
					start := time.Now()
					rt := p.client
					if side == "service" {
						rt = p.service
					}
					if err := end(rt); err != nil {
						t.Error(err)
					}
					if took := time.Since(start); took > unwatched {
						t.Errorf("it took %s", took)
					}
					afterwards(t, rt, p.to)
				})
			})
		}
	}
}

// TestShutdownWaitsForACall, on either side, and the call ends well.
func TestShutdownWaitsForACall(t *testing.T) {
	for _, side := range []string{"client", "service"} {
		t.Run(side, func(t *testing.T) {
			for _, mode := range modes {
				t.Run(mode, func(t *testing.T) {
					inBubble(t, func(t *testing.T, network *memnet.Network) {
						services, running, release := slowServices()
						p := setting{network: network, services: services}.pair(t, mode)
						called := make(chan error, 1)
						go func() { called <- p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil) }()
						<-running
						rt := p.client
						if side == "service" {
							rt = p.service
						}
						done := make(chan error, 1)
						go func() { done <- rt.Shutdown(context.Background()) }()
						time.Sleep(3 * time.Minute)
						select {
						case err := <-done:
							t.Fatalf("Shutdown did not wait for the call: %v", err)
						default:
						}
						close(release)
						if err := <-called; err != nil {
							t.Errorf("the call: %v", err)
						}
						if err := <-done; err != nil {
							t.Errorf("Shutdown: %v", err)
						}
						afterwards(t, rt, p.to)
					})
				})
			}
		})
	}
}

// TestShutdownIsCutOff when its context ends: the call fails, the method's
// context ends.
func TestShutdownIsCutOff(t *testing.T) {
	for _, side := range []string{"client", "service"} {
		t.Run(side, func(t *testing.T) {
			for _, mode := range modes {
				t.Run(mode, func(t *testing.T) {
					inBubble(t, func(t *testing.T, network *memnet.Network) {
						services, running, _ := slowServices()
						p := setting{network: network, services: services}.pair(t, mode)
						called := make(chan error, 1)
						go func() { called <- p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil) }()
						<-running
						rt := p.client
						if side == "service" {
							rt = p.service
						}
						ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
						defer cancel()
						start := time.Now()
						if err := rt.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("Shutdown: %v", err)
						}
						if took := time.Since(start); took < 5*time.Second || took > 6*time.Second { // a websocket may say good-bye
							t.Errorf("it took %s", took)
						}
						err := <-called
						e := asError(t, err)
						// The method's last word may still get through.
						if e.Outcome != halibut.Unknown && (side == "client" || e.Outcome != halibut.Ran) {
							t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
						}
						if side == "client" && (e.Code != halibut.CodeClosed || !errors.Is(err, halibut.ErrClosed)) {
							t.Errorf("%v: %v", e.Code, err)
						}
					})
				})
			}
		})
	}
}

// TestCloseCutsCallsOff at once.
func TestCloseCutsCallsOff(t *testing.T) {
	services, running, _ := slowServices()
	eachMode(t, services, func(t *testing.T, p pair) {
		called := make(chan error, 1)
		go func() { called <- p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil) }()
		<-running
		if err := p.client.Close(); err != nil {
			t.Error(err)
		}
		err := <-called
		if e := asError(t, err); e.Code != halibut.CodeClosed || e.Outcome != halibut.Unknown || !errors.Is(err, halibut.ErrClosed) {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
	})
}

// TestEndWithQueuedCalls: with nobody to collect them they fail at once, not
// sent, whoever owns the queue.
func TestEndWithQueuedCalls(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				client := setting{network: network}.newClient(t)
				called := make(chan error, 1)
				go func() {
					called <- client.Client(endpoint(t, subscription)).Call(context.Background(), "I", "M", nil)
				}()
				synctest.Wait()
				start := time.Now()
				if err := end(client); err != nil || time.Since(start) != 0 {
					t.Errorf("%v after %s", err, time.Since(start))
				}
				err := <-called
				if e := asError(t, err); e.Code != halibut.CodeClosed || e.Outcome != halibut.NotSent || !errors.Is(err, halibut.ErrClosed) {
					t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
				}
			})
		})
	}
	t.Run("in a queue that others use", func(t *testing.T) {
		inBubble(t, func(t *testing.T, network *memnet.Network) {
			shared := queue.NewMemory(nil)
			client := setting{network: network, client: halibut.Options{Queues: shared}}.newClient(t)
			called := make(chan error, 1)
			go func() {
				called <- client.Client(endpoint(t, subscription)).Call(context.Background(), "I", "M", nil)
			}()
			synctest.Wait()
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			err := <-called
			if e := asError(t, err); e.Code != halibut.CodeClosed || e.Outcome != halibut.NotSent {
				t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
			}
			if _, err := shared.Queue("poll://sq-test/"); err != nil {
				t.Errorf("the runtime closed a queue that it does not own: %v", err)
			}
		})
	})
}

// TestShutdownPassesQueuedCallsOn to a polling service that is connected, and
// busy at first.
func TestShutdownPassesQueuedCallsOn(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		services, running, release := slowServices()
		p := setting{network: network, services: services}.polling(t)
		called := make(chan error, 3)
		for range 3 {
			go func() { called <- p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil) }()
		}
		<-running
		synctest.Wait() // all are queued
		done := make(chan error, 1)
		go func() { done <- p.client.Shutdown(context.Background()) }()
		synctest.Wait()
		close(release)
		for range 3 {
			if err := <-called; err != nil {
				t.Error(err)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestShutdownSaysEnd where the protocol has a place for it, to peers of any
// kind.
func TestShutdownSaysEnd(t *testing.T) {
	t.Run("a client to a listening service", func(t *testing.T) {
		ended := new(counter)
		to, _ := serveScripted(t, nil, keeping(ended, nil))
		client := newRuntime(t, certificates()[0], nil)
		callMethod(t, client.Client(to), "M")
		if err := client.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		eventually(t, "END", func() bool { return ended.value() == 1 })
	})
	t.Run("a polling service after a call", func(t *testing.T) {
		inBubble(t, func(t *testing.T, network *memnet.Network) {
			services, running, release := slowServices()
			message, _ := messageOf(t, "IEchoService", "Wait")
			done := make(chan struct{})
			to, _ := serveScripted(t, network, func(s *scripted) {
				defer close(done)
				s.meet(true)
				s.write(asServer, message)
				s.response()
				s.line(wire.End)
				if said := s.closed(); said != "" {
					s.t.Errorf("it said %q after END", said)
				}
			})
			service := setting{network: network, services: services}.newService(t)
			poll(t, service, to)
			<-running
			ended := make(chan error, 1)
			go func() { ended <- service.Shutdown(context.Background()) }()
			synctest.Wait()
			close(release)
			if err := <-ended; err != nil {
				t.Error(err)
			}
			<-done
		})
	})
	t.Run("a polling service with the null request", func(t *testing.T) {
		inBubble(t, func(t *testing.T, network *memnet.Network) {
			to, _ := serveScripted(t, network, func(s *scripted) {
				s.meet(true)
				s.write(asServer)
				time.Sleep(30 * time.Second)
				s.write(string(wire.AppendDeflated(nil, wire.AppendNullRequest(nil))))
				s.line(wire.End)
				s.closed()
			})
			service := newRuntime(t, certificates()[0], &halibut.Options{DialContext: network.DialContext})
			poll(t, service, to)
			synctest.Wait()
			start := time.Now()
			if err := service.Shutdown(context.Background()); err != nil || time.Since(start) != 30*time.Second {
				t.Errorf("%v after %s", err, time.Since(start))
			}
		})
	})
	t.Run("a listening service closes for a client that has to ask first", func(t *testing.T) {
		p := setting{services: echoServices()}.listening(t)
		s := dialScripted(t, nil, p.to.Addr(), certificates()[0])
		message, _ := messageOf(t, "IEchoService", "SayHello", "x")
		s.write(asClient, message)
		s.meet(false)
		s.response()
		if err := p.service.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if said := s.closed(); said != "" {
			t.Errorf("it said %q", said)
		}
	})
}

// TestShutdownWaitsForARequestThatIsDue: a client that has just come, or has
// its PROCEED, may be sending one.
func TestShutdownWaitsForARequestThatIsDue(t *testing.T) {
	message, _ := messageOf(t, "IEchoService", "SayHello", "x")
	for name, before := range map[string]string{"identified": asClient, "told to proceed": asClient + message + "NEXT\r\n"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				p := setting{network: network, services: echoServices()}.listening(t)
				s := dialScripted(t, network, p.to.Addr(), certificates()[0])
				s.write(before)
				s.meet(false)
				if strings.Contains(before, "NEXT") {
					s.response()
					s.line(wire.Proceed)
				}
				done := make(chan error, 1)
				go func() { done <- p.service.Shutdown(context.Background()) }()
				time.Sleep(time.Second)
				s.write(message)
				if r := s.response(); r.Error != nil {
					t.Error(r.Error)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
				if said := s.closed(); said != "" {
					t.Errorf("it said %q", said)
				}
			})
		})
	}
	t.Run("but not for ever", func(t *testing.T) {
		inBubble(t, func(t *testing.T, network *memnet.Network) {
			p := setting{network: network, services: echoServices()}.listening(t)
			s := dialScripted(t, network, p.to.Addr(), certificates()[0])
			s.write(asClient)
			s.meet(false)
			start := time.Now()
			if err := p.service.Shutdown(context.Background()); err != nil || time.Since(start) != 5*time.Second {
				t.Errorf("%v after %s", err, time.Since(start))
			}
		})
	})
}

// TestShutdownDoesNotWaitForNewcomers: peers that have not said who they are,
// and dials that hang.
func TestShutdownDoesNotWaitForNewcomers(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		p := setting{network: network, services: echoServices()}.listening(t)
		plain := dialPlain(t, network, p.to.Addr())
		s := dialScripted(t, network, p.to.Addr(), certificates()[0])
		s.write("MX\r\n\r\n")
		synctest.Wait()
		start := time.Now()
		if err := p.service.Shutdown(context.Background()); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		s.closed()
		if _, err := io.ReadAll(plain); err != nil && !isCut(err) {
			t.Error(err)
		}
	})
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		to, _ := serveScripted(t, network, silent)
		service := setting{network: network}.newService(t)
		poll(t, service, to)
		synctest.Wait()
		start := time.Now()
		if err := service.Shutdown(context.Background()); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// TestCallsUnderWayMayStillDial while a runtime drains.
func TestCallsUnderWayMayStillDial(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		to, _ := serveScripted(t, network, silentlyClose, answering)
		client := newRuntime(t, certificates()[0], &halibut.Options{DialContext: network.DialContext})
		called := make(chan error, 1)
		go func() { called <- client.Client(to).Call(context.Background(), "I", "M", nil) }()
		synctest.Wait() // it waits for its second try
		if err := client.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-called; err != nil {
			t.Error(err)
		}
	})
}

// TestContextEndsServeAndPoll, with what they started.
func TestContextEndsServeAndPoll(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				services, running, _ := slowServices()
				var left atomic.Bool
				services.Handle("IEchoService", "Stay", func(ctx context.Context) error {
					running <- struct{}{}
					<-ctx.Done()
					time.Sleep(time.Second) // it takes its time, and is waited for
					left.Store(true)
					return ctx.Err()
				})
				s := setting{network: network, services: services, client: halibut.Options{Authorizer: pollers(t)}}
				trust := new(halibut.TrustList)
				trust.AllowCalls(halibut.PinOf(certificates()[0]))
				s.service.Authorizer = trust
				s.websockets = strings.HasSuffix(mode, overWebsockets)
				client, service := s.newClient(t), s.newService(t)
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error, 1)
				var to halibut.Endpoint
				if !polls(mode) {
					l := s.listen(t)
					go func() { ended <- service.Serve(ctx, l) }()
					to = endpoint(t, s.url(l.Addr().String()), halibut.PinOf(certificates()[1]))
				} else {
					address := serveOn(t, client, s.listen(t))
					go func() {
						ended <- service.Poll(ctx, subscription, endpoint(t, s.url(address), halibut.PinOf(certificates()[0])))
					}()
					to = endpoint(t, subscription)
				}
				called := make(chan error, 1)
				go func() {
					called <- client.Client(to, halibut.Retries(0)).Call(context.Background(), "IEchoService", "Stay", nil)
				}()
				<-running
				cancel()
				if err := <-ended; !errors.Is(err, context.Canceled) || !left.Load() {
					t.Errorf("%v, the method has left: %v", err, left.Load())
				}
				if err := <-called; err == nil {
					t.Error("the call ended well")
				}
			})
		})
	}
}
