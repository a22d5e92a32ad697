package halibut_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// TestPeerCalls: of one peer's calls so many run at once and the rest wait,
// with one log line about it; none is lost, and other peers are not held up.
func TestPeerCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		log := newLogBook()
		services, running, release := slowServices()
		trust := new(halibut.TrustList)
		trust.AllowCalls(halibut.PinOf(certificates()[0]), halibut.PinOf(certificates()[2]))
		p := setting{
			network: network, services: services,
			service: halibut.Options{Authorizer: trust, Logger: log.logger(), Limits: halibut.Limits{PeerCalls: 2}},
		}.listening(t)
		var calls sync.WaitGroup
		wait := func(rt *halibut.Runtime) {
			calls.Go(func() {
				if err := rt.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil); err != nil {
					t.Error(err)
				}
			})
		}
		for range 4 {
			wait(p.client)
		}
		<-running
		<-running
		synctest.Wait()
		select {
		case <-running:
			t.Error("a third call of one peer runs")
		default:
		}
		if lines := strings.Count(log.all(), "calls wait: too many of one peer run at once"); lines != 1 {
			t.Errorf("%d lines about calls that wait, want 1", lines)
		}
		log.await(t, "WARN calls wait: too many of one peer run at once", "limit=2")
		other := newRuntime(t, certificates()[2], &halibut.Options{DialContext: network.DialContext})
		wait(other)
		<-running
		go func() { // the two that waited
			<-running
			<-running
		}()
		close(release)
		calls.Wait()
	})
}

// TestPeerCallsWhileClosing: a call that waits for its turn ends with the
// runtime, and its method does not run.
func TestPeerCallsWhileClosing(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		services := new(halibut.Services)
		running := make(chan struct{}, 2)
		services.Handle("I", "Wait", func(ctx context.Context) error {
			running <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
		p := setting{network: network, services: services, service: halibut.Options{Limits: halibut.Limits{PeerCalls: 1}}}.listening(t)
		ended := make(chan error)
		for range 2 {
			go func() { ended <- p.client.Client(p.to).Call(context.Background(), "I", "Wait", nil) }()
		}
		<-running
		synctest.Wait()
		_ = p.service.Close()
		for range 2 {
			if err := <-ended; err == nil {
				t.Error("a call of a closed service succeeded")
			}
		}
		if len(running) != 0 {
			t.Error("the second method ran")
		}
	})
}

// TestPeerSubscriptions: one certificate polls so many subscriptions and no
// further one, in the log's words with the limit; the place of one that left is
// free again.
func TestPeerSubscriptions(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		log := newLogBook()
		trust := new(halibut.TrustList)
		if err := trust.AllowPolling(halibut.PinOf(certificates()[1]), halibut.AnySubscription); err != nil {
			t.Fatal(err)
		}
		p := setting{
			network: network, services: echoServices(),
			client: halibut.Options{Authorizer: trust, Logger: log.logger(), Limits: halibut.Limits{PeerSubscriptions: 2}},
		}.polling(t)
		hello(t, p)
		pollAs := func(name string) (stop func()) {
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- p.service.Poll(ctx, name, p.polls) }()
			return func() {
				cancel()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		}
		call := func(name string) error {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			return p.client.Client(endpoint(t, name)).Call(ctx, "IEchoService", "SayHello", nil, "x")
		}
		second := pollAs("poll://second/")
		if err := call("poll://second/"); err != nil {
			t.Fatal(err)
		}
		again := pollAs("poll://second/") // no further subscription
		synctest.Wait()
		if s := p.client.Subscribers(); len(s) != 2 || s[0].Connections != 2 {
			t.Errorf("%+v", s)
		}
		third := pollAs("poll://third/")
		log.await(t, "WARN connection refused", "polls 2 subscriptions already", "Limits.PeerSubscriptions")
		second()
		if err := call("poll://second/"); err != nil {
			t.Error(err)
		}
		again()
		if err := call("poll://third/"); err != nil {
			t.Error("the place of one that left is not free:", err)
		}
		third()
	})
}

// TestCallLimits: the limits of a client and of a context stand in for those of
// the runtime, in either mode.
func TestCallLimits(t *testing.T) {
	services := echoServices()
	services.Handle("IEchoService", "Wait", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	eachModeInBubble(t, setting{services: services}, func(t *testing.T, p pair) {
		for _, test := range []struct {
			name    string
			options []halibut.ClientOption
			limits  halibut.CallLimits
			want    time.Duration
		}{
			{"runtime", nil, halibut.CallLimits{}, 5 * time.Minute},
			{"client", []halibut.ClientOption{halibut.ResponseWait(7 * time.Second)}, halibut.CallLimits{}, 7 * time.Second},
			{"context", []halibut.ClientOption{halibut.ResponseWait(7 * time.Second)}, halibut.CallLimits{Response: 9 * time.Second}, 9 * time.Second},
		} {
			hello(t, p)
			begin := time.Now()
			ctx := halibut.WithCallLimits(t.Context(), test.limits)
			err := p.client.Client(p.to, test.options...).Call(ctx, "IEchoService", "Wait", nil)
			if e := asError(t, err); e.Code != halibut.CodeTransfer || e.Outcome != halibut.Unknown || time.Since(begin) != test.want {
				t.Errorf("%s: after %s: %v", test.name, time.Since(begin), err)
			}
		}
	})
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		client := setting{network: network}.newClient(t)
		for _, test := range []struct {
			options []halibut.ClientOption
			limits  halibut.CallLimits
			want    time.Duration
		}{
			{nil, halibut.CallLimits{}, 2 * time.Minute},
			{[]halibut.ClientOption{halibut.PickUpWait(time.Hour)}, halibut.CallLimits{}, time.Hour},
			{[]halibut.ClientOption{halibut.PickUpWait(time.Hour)}, halibut.CallLimits{PickUp: time.Second}, time.Second},
		} {
			begin := time.Now()
			ctx := halibut.WithCallLimits(t.Context(), test.limits)
			err := client.Client(endpoint(t, subscription), test.options...).Call(ctx, "I", "M", nil)
			if !errors.Is(err, queue.ErrNotCollected) || time.Since(begin) != test.want {
				t.Errorf("after %s: %v", time.Since(begin), err)
			}
		}
		nobody := endpoint(t, "https://nobody:1", halibut.PinOf(certificates()[1]))
		for tries, limits := range map[int]halibut.CallLimits{5: {}, 2: {Tries: 2}, 1: {Tries: -1}} {
			err := client.Client(nobody).Call(halibut.WithCallLimits(t.Context(), limits), "I", "M", nil)
			if e := asError(t, err); e.Attempts != tries {
				t.Errorf("%d tries, want %d: %v", e.Attempts, tries, err)
			}
		}
	})
}

// TestUntidyQueue: of a queue whose error does not say how far the request came
// nobody may conclude that it was not sent.
func TestUntidyQueue(t *testing.T) {
	for _, test := range []struct {
		err  error
		want halibut.Outcome
	}{
		{errors.New("the broker went away"), halibut.Unknown},
		{queue.ErrClosed, halibut.Unknown},
		{queue.ErrFull, halibut.NotSent},
		{&queue.NotCollectedError{PickUp: time.Second}, halibut.NotSent},
		{&queue.Error{Stage: queue.Queued, Err: errors.New("gone")}, halibut.NotSent},
	} {
		client := newRuntime(t, certificates()[0], &halibut.Options{Queues: failingQueues{test.err}})
		err := client.Client(endpoint(t, subscription)).Call(t.Context(), "I", "M", nil)
		if e := asError(t, err); e.Outcome != test.want || !strings.Contains(err.Error(), test.err.Error()) && !errors.Is(test.err, queue.ErrClosed) {
			t.Errorf("%v: %v, %v", test.err, e.Outcome, err)
		}
	}
}

// failingQueues have one queue, whose Send fails.
type failingQueues struct{ err error }

func (q failingQueues) Queue(string) (queue.Queue, error) { return failingQueue{err: q.err}, nil }
func (failingQueues) Close() error                        { return nil }

type failingQueue struct {
	queue.Queue
	err error
}

func (q failingQueue) Send(context.Context, *wire.Request, queue.SendOptions) (*wire.Response, error) {
	return nil, q.err
}
