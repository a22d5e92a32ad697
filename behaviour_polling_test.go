package halibut_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
)

// cuttable is a listener whose connections can be cut.
type cuttable struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (l *cuttable) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
	}
	return conn, err
}

// cut closes every connection and returns how many there have been.
func (l *cuttable) cut() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	return len(l.conns)
}

// TestOneServicePollsTwoClients and takes work from either.
func TestOneServicePollsTwoClients(t *testing.T) {
	onEachCarrier(t, func(t *testing.T, s setting) {
		s.services, s.client.Authorizer = echoServices(), pollers(t)
		first, second := s.polling(t), s.newClient(t)
		poll(t, first.service, endpoint(t, s.url(serveOn(t, second, s.listen(t))), halibut.PinOf(certificates()[0])))
		for range 3 {
			hello(t, first)
			hello(t, pair{client: second, to: first.to})
		}
	})
}

// TestPollingConnectionIsMadeAnew at once after one that had worked, however
// long the service had tried in vain before: each round runs its call once.
func TestPollingConnectionIsMadeAnew(t *testing.T) {
	onEachCarrier(t, func(t *testing.T, s setting) {
		var runs atomic.Int64
		services := echoServices()
		services.Handle("ICount", "Increment", func(context.Context) (int64, error) { return runs.Add(1), nil })
		s.services, s.client.Authorizer = services, pollers(t)
		service := s.newService(t)
		l := &cuttable{Listener: s.listen(t)}
		poll(t, service, endpoint(t, s.url(l.Addr().String()), halibut.PinOf(certificates()[0])))
		client := s.newClient(t)
		serveOn(t, client, l)
		c := client.Client(endpoint(t, subscription))
		for round := range 3 {
			start := time.Now()
			if n, err := halibut.Call[int64](t.Context(), c, "ICount", "Increment"); err != nil || n != int64(round+1) {
				t.Errorf("round %d: %d, %v", round, n, err)
			}
			if waited := time.Since(start); waited > 30*time.Second {
				t.Errorf("round %d: back after %s", round, waited)
			}
			time.Sleep(time.Minute)
			l.cut()
			synctest.Wait()
		}
		if n := runs.Load(); n != 3 {
			t.Errorf("%d runs, want 3", n)
		}
	})
}

// TestBothWaysThroughOneListener: who listens calls who polls, and the other way
// round, side by side.
func TestBothWaysThroughOneListener(t *testing.T) {
	certs := certificates()
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(certs[1]))
	if err := trust.AllowPolling(halibut.PinOf(certs[1]), subscription); err != nil {
		t.Fatal(err)
	}
	var listener, poller *halibut.Runtime
	var toListener, toPoller halibut.Endpoint
	services := func(back func() *halibut.Client) *halibut.Services {
		s := echoServices()
		s.Handle("IRelay", "CallBack", func(ctx context.Context, text string) (string, error) {
			return halibut.Call[string](ctx, back(), "IEchoService", "SayHello", text)
		})
		return s
	}
	listener = newRuntime(t, certs[0], &halibut.Options{Authorizer: trust, Services: services(func() *halibut.Client { return listener.Client(toPoller) })})
	poller = newRuntime(t, certs[1], &halibut.Options{Services: services(func() *halibut.Client { return poller.Client(toListener) })})
	toListener = endpoint(t, "https://"+serve(t, listener), halibut.PinOf(certs[0]))
	toPoller = endpoint(t, subscription, halibut.PinOf(certs[1]))
	poll(t, poller, toListener, halibut.PollConnections(4))
	calls := []struct {
		from *halibut.Runtime
		to   halibut.Endpoint
	}{{listener, toPoller}, {poller, toListener}}

	t.Run("a method calls back", func(t *testing.T) {
		for _, call := range calls {
			got, err := halibut.Call[string](t.Context(), call.from.Client(call.to), "IRelay", "CallBack", "x")
			if err != nil || got != "x..." {
				t.Errorf("%s: %q, %v", call.to, got, err)
			}
		}
	})
	t.Run("ten each at once", func(t *testing.T) {
		var all sync.WaitGroup
		for _, call := range calls {
			c := call.from.Client(call.to)
			for i := range 10 {
				all.Go(func() {
					text := fmt.Sprint(call.to, i)
					if got, err := halibut.Call[string](context.Background(), c, "IEchoService", "SayHello", text); err != nil || got != text+"..." {
						t.Errorf("%s: %q, %v", text, got, err)
					}
				})
			}
		}
		all.Wait()
	})
	t.Run("opposing calls that wait for each other", func(t *testing.T) {
		var met, done sync.WaitGroup
		met.Add(2)
		for _, call := range calls {
			done.Go(func() {
				met.Done()
				met.Wait()
				if err := call.from.Client(call.to).Call(context.Background(), "IRelay", "CallBack", nil, "y"); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
	})
}

// TestPollingStartsAndStops: calls get through while the service polls and only
// then, whatever connections there are.
func TestPollingStartsAndStops(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		certs := certificates()
		trust := pollers(t)
		trust.AllowCalls(halibut.PinOf(certs[1]))
		s := setting{
			network: network, services: echoServices(), limits: halibut.Limits{PickUp: 5 * time.Second},
			client: halibut.Options{Authorizer: trust, Services: echoServices()},
		}
		client, service := s.newClient(t), s.newService(t)
		to := endpoint(t, "https://"+serveOn(t, client, s.listen(t)), halibut.PinOf(certs[0]))
		c := client.Client(endpoint(t, subscription))
		if _, err := halibut.Call[string](t.Context(), service.Client(to), "IEchoService", "Missing"); halibut.CodeOf(err) != halibut.CodeMethodNotFound {
			t.Fatal(err) // it is connected, as a client
		}
		for range 2 {
			if err := c.Call(t.Context(), "IEchoService", "SayHello", nil, "x"); halibut.CodeOf(err) != halibut.CodeQueueTimeout {
				t.Errorf("while it does not poll: %v", err)
			}
			ctx, stop := context.WithCancel(t.Context())
			polled := make(chan error)
			go func() { polled <- service.Poll(ctx, subscription, to) }()
			if err := c.Call(t.Context(), "IEchoService", "SayHello", nil, "x"); err != nil {
				t.Errorf("while it polls: %v", err)
			}
			stop()
			if err := <-polled; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
}

// TestManyPollingServices: each call reaches the service that it is for.
func TestManyPollingServices(t *testing.T) {
	const services, callers, calls = 100, 20, 20
	certs := certificates()
	client := newRuntime(t, certs[0], &halibut.Options{Authorizer: pollers(t)})
	to := endpoint(t, "https://"+serve(t, client), halibut.PinOf(certs[0]))
	name := func(i int) string { return fmt.Sprintf("poll://service-%d/", i) }
	var polled sync.WaitGroup
	defer polled.Wait()
	for i := range services {
		own := new(halibut.Services)
		own.Handle("INamed", "Name", func(context.Context) (string, error) { return name(i), nil })
		rt := newRuntime(t, certs[1], &halibut.Options{Services: own})
		polled.Go(func() { _ = rt.Poll(context.Background(), name(i), to) })
		defer rt.Close()
	}
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for call := range calls {
				i := (caller*31 + call*17) % services
				got, err := halibut.Call[string](context.Background(), client.Client(endpoint(t, name(i))), "INamed", "Name")
				if err != nil || got != name(i) {
					t.Errorf("%s: %q, %v", name(i), got, err)
				}
			}
		})
	}
	all.Wait()
	eventually(t, "every service is known", func() bool { return len(client.Subscribers()) == services })
}

// TestNewcomersThatBreakOffTakeNoRequest: what is queued waits for a service
// that comes through, and the client's log has the others.
func TestNewcomersThatBreakOffTakeNoRequest(t *testing.T) {
	log := newLogBook()
	s := setting{services: echoServices(), client: halibut.Options{Authorizer: pollers(t), Logger: log.logger()}}
	client, service := s.newClient(t), s.newService(t)
	addr := serve(t, client)
	done := make(chan error, 1)
	go func() {
		done <- client.Client(endpoint(t, subscription)).Call(context.Background(), "IEchoService", "SayHello", nil, "x")
	}()
	_ = dialPlain(t, nil, addr).Close()
	log.await(t, "WARN connection refused", "TLS handshake")
	for _, said := range []string{"MX\r\n\r\nMX-SUBSC", "MX\r\n\r\nMX-SUBSCRIBER 1.0 poll://sq-test/\r\n"} {
		peer := dialScripted(t, nil, addr, certificates()[1])
		peer.write(said)
		_ = peer.NetConn().Close()
	}
	eventually(t, "all are refused", func() bool { return len(client.Rejections()) == 3 })
	poll(t, service, endpoint(t, "https://"+addr, halibut.PinOf(certificates()[0])))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestReconnectPolicy is told how many tries have failed since a connection.
func TestReconnectPolicy(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		var asked []int
		policy := func(failures int) time.Duration {
			asked = append(asked, failures)
			return time.Duration(failures+1) * time.Second
		}
		s := setting{network: network, services: echoServices(), client: halibut.Options{Authorizer: pollers(t)}}
		service := s.newService(t)
		l := &cuttable{Listener: s.listen(t)}
		addr := l.Addr().String()
		_ = l.Close()
		start := time.Now()
		poll(t, service, endpoint(t, "https://"+addr, halibut.PinOf(certificates()[0])), halibut.PollReconnect(policy))
		time.Sleep(7 * time.Second) // tries at 0, 1, 3 and 6 seconds
		synctest.Wait()
		if !slices.Equal(asked, []int{0, 1, 2, 3}) {
			t.Errorf("asked with %v in %s", asked, time.Since(start))
		}
	})
}

// TestSlowMethodOutlastsThePickUpLimit, which ends with the collection.
func TestSlowMethodOutlastsThePickUpLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		services := echoServices()
		services.Handle("ISlow", "Sleep", func(ctx context.Context) error {
			select {
			case <-time.After(10 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		p := setting{network: network, services: services, limits: halibut.Limits{PickUp: 5 * time.Second}}.polling(t)
		if err := p.client.Client(p.to).Call(t.Context(), "ISlow", "Sleep", nil); err != nil {
			t.Error(err)
		}
	})
}

// TestCancelledQueuedCallNeverRuns, also when a service comes later.
func TestCancelledQueuedCallNeverRuns(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		var runs atomic.Int64
		services := echoServices()
		services.Handle("ICount", "Increment", func(context.Context) (int64, error) { return runs.Add(1), nil })
		s := setting{network: network, services: services, client: halibut.Options{Authorizer: pollers(t)}}
		client, service := s.newClient(t), s.newService(t)
		c := client.Client(endpoint(t, subscription))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.Call(ctx, "ICount", "Increment", nil)
		if e := asError(t, err); e.Outcome != halibut.NotSent || e.Phase != halibut.PhaseQueued || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v: %v", e.Outcome, e.Phase, err)
		}
		poll(t, service, endpoint(t, "https://"+serveOn(t, client, s.listen(t)), halibut.PinOf(certificates()[0])))
		if n, err := halibut.Call[int64](t.Context(), c, "ICount", "Increment"); err != nil || n != 1 {
			t.Errorf("%d runs, %v", n, err)
		}
	})
}
