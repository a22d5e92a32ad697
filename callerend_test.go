package halibut_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// endings are what a data stream's source can do to the goroutine it runs in.
var endings = map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit}

func endingStream(end func()) *halibut.DataStream {
	return halibut.StreamFunc(10, func() (io.ReadCloser, error) { end(); return nil, nil })
}

// TestCallerComesToItsEnd: where a data stream's source, or the decoding of a
// result, ends the caller's goroutine, the connection ends and nothing is left.
func TestCallerComesToItsEnd(t *testing.T) {
	services := echoServices()
	services.Handle("I", "Take", func(context.Context, *halibut.DataStream) error { return nil })
	services.Handle("I", "Get", func(context.Context) (string, error) { return "x", nil })
	calls := map[string]func(c *halibut.Client, end func()) error{
		"a source": func(c *halibut.Client, end func()) error {
			return c.Call(context.Background(), "I", "Take", nil, endingStream(end))
		},
		"a result": func(c *halibut.Client, end func()) error {
			return c.Call(context.Background(), "I", "Get", &textThatEnds{end: end})
		},
	}
	for _, mode := range []string{"listening", "polling"} {
		for what, call := range calls {
			for how, end := range endings {
				t.Run(mode+"/"+what+"/"+how, func(t *testing.T) {
					inBubble(t, func(t *testing.T, network *memnet.Network) {
						p := setting{network: network, services: services}.pair(t, mode)
						hello(t, p)
						synctest.Wait() // until the connection is free for the caller's own goroutine
						ended := make(chan struct{})
						go func() {
							defer close(ended)
							defer func() { _ = recover() }()
							err := call(p.client.Client(p.to), end)
							t.Errorf("the call returned %v", err)
						}()
						<-ended
						time.Sleep(time.Minute)
						hello(t, p)
						ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
						defer cancel()
						if err := p.client.Shutdown(ctx); err != nil {
							t.Error("Shutdown:", err)
						}
					})
				})
			}
		}
	}
}

type textThatEnds struct{ end func() }

func (x *textThatEnds) UnmarshalText([]byte) error  { x.end(); return nil }
func (x textThatEnds) MarshalText() ([]byte, error) { return []byte("x"), nil }

// plainQueues are queues of which nothing more is known than that they are some.
type plainQueues struct{ queue.Provider }

func (p plainQueues) Queue(subscription string) (queue.Queue, error) {
	q, err := p.Provider.Queue(subscription)
	return struct{ queue.Queue }{q}, err
}

// TestSourceOfAQueuedCallComesToItsEnd: where the queue is the runtime's own, the
// caller's goroutine passes the call on when its turn has come, and the end is
// its own. Otherwise it is another goroutine, and the caller hears of it.
func TestSourceOfAQueuedCallComesToItsEnd(t *testing.T) {
	for how, end := range endings {
		for whose, queues := range map[string]func() queue.Provider{
			"caller's":  func() queue.Provider { return nil },
			"another's": func() queue.Provider { return plainQueues{queue.NewMemory(nil)} },
		} {
			t.Run(how+" in the "+whose+" goroutine", func(t *testing.T) {
				inBubble(t, func(t *testing.T, network *memnet.Network) {
					services, running, release := slowServices()
					services.Handle("I", "Take", func(context.Context, *halibut.DataStream) error { return nil })
					p := setting{network: network, services: services, client: halibut.Options{Queues: queues()}}.polling(t)
					hello(t, p)
					first, second := make(chan error, 1), make(chan error, 1)
					c := p.client.Client(p.to)
					go func() { first <- c.Call(context.Background(), "IEchoService", "Wait", nil) }()
					<-running
					go func() {
						defer close(second)
						defer func() { _ = recover() }()
						second <- c.Call(context.Background(), "I", "Take", nil, endingStream(end))
					}()
					synctest.Wait()
					close(release)
					if err := <-first; err != nil {
						t.Error(err)
					}
					err, returned := <-second
					switch {
					case returned != (whose == "another's"):
						t.Errorf("the call returned %v", err)
					case returned:
						if e := asError(t, err); e.Outcome == halibut.Ran || how == "panic" && !strings.Contains(err.Error(), "panicked: boom") {
							t.Errorf("%v: %v", e.Outcome, err)
						}
					}
					hello(t, p)
				})
			})
		}
	}
}

// TestHalfALineAfterTheResponse holds up nobody but those who come next.
func TestHalfALineAfterTheResponse(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		s := setting{network: network, client: halibut.Options{Authorizer: pollers(t)}}
		client := s.newClient(t)
		peer := dialScripted(t, network, serveOn(t, client, s.listen(t)), certificates()[1])
		peer.write(asSubscriber)
		peer.meet(false)
		synctest.Wait()
		go func() {
			document, err := wire.AppendResponse(nil, result(t, peer.request().ID, "hi"))
			if err != nil {
				t.Error(err)
			}
			peer.write(string(wire.AppendDeflated(nil, document)) + "NE")
		}()
		begin := time.Now()
		got, err := halibut.Call[string](t.Context(), client.Client(endpoint(t, subscription)), "I", "M")
		if err != nil || got != "hi" || time.Since(begin) > time.Second {
			t.Errorf("%q, %v, after %s", got, err, time.Since(begin))
		}
	})
}

// TestPeerCallsOfLiveStreams: a call that waits for others of its peer has its
// stream kept, so that its caller is not held up in a write.
func TestPeerCallsOfLiveStreams(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		services, running, release := slowServices()
		var lives atomic.Int64
		services.Handle("I", "Live", func(_ context.Context, r io.Reader) (int64, error) {
			lives.Add(1)
			return io.Copy(io.Discard, r)
		})
		p := setting{network: network, services: services, service: halibut.Options{Limits: halibut.Limits{PeerCalls: 1}}}.listening(t)
		c := p.client.Client(p.to)
		var calls sync.WaitGroup
		calls.Go(func() {
			if err := c.Call(context.Background(), "IEchoService", "Wait", nil); err != nil {
				t.Error(err)
			}
		})
		<-running
		const size = 1 << 20
		calls.Go(func() {
			n, err := halibut.Call[int64](context.Background(), c, "I", "Live", halibut.StreamBytes(make([]byte, size)))
			if err != nil || n != size {
				t.Errorf("%d, %v", n, err)
			}
		})
		time.Sleep(4 * time.Minute)
		if lives.Load() != 0 {
			t.Error("the method ran beside another call")
		}
		close(release)
		calls.Wait()
	})
}

// TestElasticPollingCountsWhatComesBack: the connection that is just being made
// anew is one of those that PollConnections allows.
func TestElasticPollingCountsWhatComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		services, running, release := slowServices()
		dialled := make(chan net.Conn, 9)
		s := setting{network: network, services: services, pollOptions: []halibut.PollOption{halibut.PollConnections(2)}}
		s.service.DialContext = func(ctx context.Context, n, addr string) (net.Conn, error) {
			c, err := network.DialContext(ctx, n, addr)
			dialled <- c
			return c, err
		}
		p := s.polling(t)
		main := <-dialled
		hello(t, p)
		var calls sync.WaitGroup
		wait := func() {
			calls.Go(func() { _ = p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil) })
			<-running
		}
		wait()
		synctest.Wait()
		_ = main.Close()
		time.Sleep(100 * time.Millisecond)
		wait()
		time.Sleep(30 * time.Second)
		if n := p.service.Pollers()[0].Connections; n > 2 {
			t.Errorf("%d connections, want 2 at most", n)
		}
		close(release)
		calls.Wait()
	})
}

// TestSeveralAddresses: of a host's addresses those that are dead are passed
// over, refused or silent, and where all are dead the error says so once.
func TestSeveralAddresses(t *testing.T) {
	p := newListening(t, echoServices(), halibut.Limits{})
	_, port, err := net.SplitHostPort(p.to.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		addresses [][4]byte
		reached   bool
	}{
		"the first is dead": {[][4]byte{{127, 0, 0, 2}, {127, 0, 0, 1}}, true},
		"the last is dead":  {[][4]byte{{127, 0, 0, 1}, {127, 0, 0, 2}}, true},
		"all are dead":      {[][4]byte{{127, 0, 0, 2}, {127, 0, 0, 3}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := &net.Resolver{PreferGo: true, Dial: nameServer(t, test.addresses)}
			client := newRuntime(t, certificates()[0], &halibut.Options{
				DialContext: (&net.Dialer{Resolver: resolver}).DialContext, Limits: halibut.Limits{ConnectTries: 1},
			})
			to := endpoint(t, "https://agent.example:"+port, halibut.PinOf(certificates()[1]))
			err := client.Client(to).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
			if test.reached && err != nil {
				t.Error(err)
			}
			if !test.reached && (halibut.CodeOf(err) != halibut.CodeConnect || !errors.Is(err, syscallRefused) || !strings.Contains(err.Error(), "agent.example")) {
				t.Error(err)
			}
		})
	}
}
