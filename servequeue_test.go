package halibut_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/queue"
)

const queueName = "queue://SQ-Test"

// queued is a pair whose sides meet in a queue.
func (s setting) queued(t testing.TB) pair {
	t.Helper()
	shared := queue.NewMemory(nil)
	s.client.Queues, s.service.Queues = shared, shared
	p := pair{mode: "queue", service: s.newService(t), client: s.newClient(t), to: endpoint(t, queueName)}
	serveQueue(t, p.service)
	return p
}

// serveQueue has a runtime serve the tests' queue until it is closed.
func serveQueue(t testing.TB, rt *halibut.Runtime, options ...halibut.ServeQueueOption) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- rt.ServeQueue(context.Background(), queueName, options...) }()
	t.Cleanup(func() {
		_ = rt.Close()
		if err := <-served; !errors.Is(err, halibut.ErrClosed) {
			t.Errorf("ServeQueue returned %v, want ErrClosed", err)
		}
	})
}

// TestQueuedMethodHasNoPeer, though ServeQueue was called with a context that
// has one, and it is told all else about the call.
func TestQueuedMethodHasNoPeer(t *testing.T) {
	services := echoServices()
	var seen *halibut.CallInfo
	intercept := func(ctx context.Context, call *halibut.CallInfo, next func(context.Context) error) error {
		if call.Side == halibut.ServiceSide {
			seen = call
		}
		return next(ctx)
	}
	var inner pair
	services.Handle("IWho", "Calls", func(ctx context.Context) (bool, error) {
		_, ok := halibut.PeerFromContext(ctx)
		return ok, nil
	})
	services.Handle("IWho", "Serve", func(ctx context.Context) (bool, error) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		if _, ok := halibut.PeerFromContext(ctx); !ok {
			return false, errors.New("a call over a connection has no peer")
		}
		served := make(chan error, 1)
		go func() { served <- inner.service.ServeQueue(ctx, "who") }()
		found, err := halibut.Call[bool](ctx, inner.client.Client(endpoint(t, "queue://who")), "IWho", "Calls")
		stop()
		if err := <-served; !errors.Is(err, context.Canceled) {
			t.Errorf("ServeQueue returned %v", err)
		}
		return found, err
	})
	inner = setting{services: services, service: halibut.Options{Intercept: []halibut.Interceptor{intercept}}}.queued(t)
	outer := newListening(t, services, halibut.Limits{})
	ctx := halibut.WithMetadata(t.Context(), map[string]string{"tenant": "7"})
	found, err := halibut.Call[bool](ctx, outer.client.Client(outer.to), "IWho", "Serve")
	if err != nil || found {
		t.Errorf("the method finds a peer: %v, %v", found, err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if found, err := halibut.Call[bool](ctx, inner.client.Client(inner.to), "IWho", "Calls"); err != nil || found {
		t.Errorf("%v, %v", found, err)
	}
	if seen == nil || seen.Peer.Presented() || seen.Metadata["tenant"] != "7" || seen.Deadline.IsZero() || seen.ID == "" {
		t.Errorf("the interceptor saw %+v", seen)
	}
}

// TestQueuedCallsAtOnce: as many as QueueCalls says.
func TestQueuedCallsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		services := echoServices()
		var mu sync.Mutex
		running, most := 0, 0
		services.Handle("IEchoService", "Count", func(context.Context) error {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return nil
		})
		rt := setting{network: network, client: halibut.Options{Services: services}}.newClient(t)
		serveQueue(t, rt, halibut.QueueCalls(3))
		var calls sync.WaitGroup
		for range 9 {
			calls.Go(func() {
				if err := rt.Client(endpoint(t, queueName)).Call(t.Context(), "IEchoService", "Count", nil); err != nil {
					t.Error(err)
				}
			})
		}
		start := time.Now()
		calls.Wait()
		if most != 3 || time.Since(start) != 3*time.Second {
			t.Errorf("%d ran at once, and all took %s", most, time.Since(start))
		}
	})
}

// TestCancellationReachesAQueuedMethod, and so does the caller's deadline.
func TestCancellationReachesAQueuedMethod(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		services := echoServices()
		ended := make(chan error, 1)
		services.Handle("IEchoService", "Wait", func(ctx context.Context) error {
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		})
		p := setting{network: network, services: services}.queued(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		err := p.client.Client(p.to).Call(ctx, "IEchoService", "Wait", nil)
		if e := asError(t, err); e.Code != halibut.CodeCanceled || e.Outcome != halibut.Unknown {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the method saw %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = p.client.Client(p.to).Call(ctx, "IEchoService", "Wait", nil)
		// At this moment the method answers, too.
		if e := asError(t, err); e.Code != halibut.CodeDeadline && (e.Code != halibut.CodeServiceFailed || !strings.Contains(e.Message, "deadline")) {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			t.Errorf("the method saw %v", err)
		}
		hello(t, p)
	})
}

// TestQueueThatNobodyServes: the call waits as long as for a polling service.
func TestQueueThatNobodyServes(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		rt := setting{network: network}.newClient(t)
		start := time.Now()
		err := rt.Client(endpoint(t, queueName)).Call(t.Context(), "I", "M", nil)
		e := asError(t, err)
		if e.Code != halibut.CodeQueueTimeout || e.Outcome != halibut.NotSent || time.Since(start) != 2*time.Minute || !strings.Contains(e.Hint, "ServeQueue") {
			t.Errorf("%v, %v after %s: %v (%s)", e.Code, e.Outcome, time.Since(start), err, e.Hint)
		}
	})
}

// openQueues is a Provider of which nothing is known.
type openQueues struct{ queue.Provider }

// TestServeQueueRefuses what nobody authenticates, and what is no queue.
func TestServeQueueRefuses(t *testing.T) {
	rt := setting{client: halibut.Options{Services: echoServices(), Queues: openQueues{queue.NewMemory(nil)}}}.newClient(t)
	for name, want := range map[string]string{
		"work":            "does not authenticate requests",
		"queue://work":    "InsecureServeQueue",
		"poll://work":     "expected queue://name",
		"queue://a/b":     "has a path",
		"":                "",
		"https://host:10": "",
	} {
		if err := rt.ServeQueue(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "halibut: ") {
			t.Errorf("%q: %v", name, err)
		}
	}
	serveQueue(t, rt, halibut.InsecureServeQueue())
	if got, err := halibut.Call[string](t.Context(), rt.Client(endpoint(t, queueName)), "IEchoService", "SayHello", "x"); err != nil || got != "x..." {
		t.Errorf("%q, %v", got, err)
	}
}

// TestEndOfServeQueue: by Shutdown methods and what is queued come to their
// end, also in a queue in memory that the runtime was given, by Close and by the
// context the methods are cut off.
func TestEndOfServeQueue(t *testing.T) {
	type served struct {
		rt      *halibut.Runtime
		release chan struct{}
		calls   chan error
		ended   chan error
	}
	start := func(t *testing.T, ctx context.Context, network *memnet.Network, queues queue.Provider) served {
		services, running, release := slowServices()
		rt := setting{network: network, client: halibut.Options{Services: services, Queues: queues}}.newClient(t)
		s := served{rt, release, make(chan error, 3), make(chan error, 1)}
		go func() { s.ended <- rt.ServeQueue(ctx, queueName, halibut.QueueCalls(1)) }()
		for range cap(s.calls) {
			go func() {
				s.calls <- rt.Client(endpoint(t, queueName)).Call(context.Background(), "IEchoService", "Wait", nil)
			}()
		}
		<-running
		synctest.Wait()
		return s
	}
	shutdown := func(t *testing.T, given bool) {
		inBubble(t, func(t *testing.T, network *memnet.Network) {
			var queues queue.Provider
			if given {
				queues = queue.NewMemory(nil)
			}
			s := start(t, t.Context(), network, queues)
			done := make(chan error, 1)
			go func() { done <- s.rt.Shutdown(t.Context()) }()
			synctest.Wait()
			close(s.release)
			for range cap(s.calls) {
				if err := <-s.calls; err != nil {
					t.Error(err)
				}
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			if err := <-s.ended; !errors.Is(err, halibut.ErrClosed) {
				t.Error(err)
			}
		})
	}
	t.Run("Shutdown", func(t *testing.T) { shutdown(t, false) })
	t.Run("Shutdown with a queue that was given", func(t *testing.T) { shutdown(t, true) })
	t.Run("Close", func(t *testing.T) {
		inBubble(t, func(t *testing.T, network *memnet.Network) {
			s := start(t, t.Context(), network, nil)
			if err := s.rt.Close(); err != nil {
				t.Error(err)
			}
			for range cap(s.calls) {
				if e := asError(t, <-s.calls); e.Code != halibut.CodeClosed {
					t.Errorf("%v, %v: %v", e.Code, e.Outcome, e)
				}
			}
			if err := <-s.ended; !errors.Is(err, halibut.ErrClosed) {
				t.Error(err)
			}
			if err := s.rt.ServeQueue(t.Context(), queueName); !errors.Is(err, halibut.ErrClosed) {
				t.Errorf("ServeQueue afterwards: %v", err)
			}
		})
	})
	t.Run("context", func(t *testing.T) {
		inBubble(t, func(t *testing.T, network *memnet.Network) {
			ctx, cancel := context.WithCancel(t.Context())
			s := start(t, ctx, network, nil)
			cancel()
			if err := <-s.ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if e := asError(t, <-s.calls); e.Code != halibut.CodeTransfer || e.Outcome != halibut.Unknown || !strings.Contains(e.Error(), "the service was stopped") {
				t.Errorf("%v, %v: %v", e.Code, e.Outcome, e)
			}
			close(s.release)
			serveQueue(t, s.rt) // the others were not touched
			for range cap(s.calls) - 1 {
				if err := <-s.calls; err != nil {
					t.Error(err)
				}
			}
		})
	})
}

// TestMethodsThatEndTheirGoroutine end their call, and nothing else.
func TestMethodsThatEndTheirGoroutine(t *testing.T) {
	services := echoServices()
	services.Handle("IEchoService", "Exit", func(context.Context) error { runtime.Goexit(); return nil })
	shared := queue.NewMemory(nil)
	options := halibut.Options{Queues: shared, Services: services}
	p := pair{service: setting{client: options}.newClient(t), client: setting{client: options}.newClient(t), to: endpoint(t, queueName)}
	serveQueue(t, p.service, halibut.QueueCalls(1))
	for range 2 {
		err := p.client.Client(p.to).Call(t.Context(), "IEchoService", "Exit", nil)
		if e := asError(t, err); e.Outcome != halibut.Unknown || e.Code != halibut.CodeTransfer {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		hello(t, p)
	}
}

// TestQueuedStreamsThatFail: the call fails with what is known of the method.
func TestQueuedStreamsThatFail(t *testing.T) {
	p := setting{services: streamServices()}.queued(t)
	c := p.client.Client(p.to)
	err := c.Call(t.Context(), "IEchoService", "Count", nil, halibut.StreamOf(strings.NewReader("123"), 10))
	if e := asError(t, err); e.Code != halibut.CodeStream || e.Outcome != halibut.NotRun {
		t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
	}
	err = c.Call(t.Context(), "IStreams", "Short", nil)
	if e := asError(t, err); e.Code != halibut.CodeStream || e.Outcome != halibut.Ran {
		t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
	}
	full := setting{services: streamServices(), limits: halibut.Limits{StreamMemory: 10, TemporaryFiles: 1000}}.queued(t)
	err = full.client.Client(full.to).Call(t.Context(), "IStreams", "Echo", nil, halibut.StreamBytes(make([]byte, 5000)))
	if e := asError(t, err); e.Code != halibut.CodeStream || e.Outcome != halibut.NotRun || !e.Remote {
		t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
	}
	hello(t, p)
}
