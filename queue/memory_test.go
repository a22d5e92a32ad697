package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/queue/queuetest"
	"github.com/halibut-go/halibut/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	queuetest.Run(t, func(*testing.T) queue.Provider { return queue.NewMemory(nil) })
}

// TestCollectors runs the suite with collectors that wait without a goroutine,
// and with those of a queue that knows only Next.
func TestCollectors(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		queuetest.Run(t, func(*testing.T) queue.Provider { return queuetest.ByCollector(queue.NewMemory(nil)) })
	})
	t.Run("next", func(t *testing.T) {
		queuetest.Run(t, func(*testing.T) queue.Provider { return queuetest.ByCollector(onlyNext{queue.NewMemory(nil)}) })
	})
}

// onlyNext hides that a queue is a Notifier.
type onlyNext struct{ queue.Provider }

func (p onlyNext) Queue(subscription string) (queue.Queue, error) {
	q, err := p.Provider.Queue(subscription)
	return struct{ queue.Queue }{q}, err
}

var peer = queue.Peer{Thumbprint: "AAAA", SHA256: "SHA256:a", Addr: "192.0.2.1:1"}

func open(t *testing.T, m *queue.Memory, subscription string) queue.Queue {
	t.Helper()
	q, err := m.Queue(subscription)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// send starts a Send and returns the channel of its outcome.
func send(ctx context.Context, q queue.Queue, id string, opts queue.SendOptions) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := q.Send(ctx, &wire.Request{ID: id}, opts)
		done <- err
	}()
	return done
}

func TestPickUpLimitIsExact(t *testing.T) {
	for _, test := range []struct {
		pickUp, want time.Duration
		text         string
	}{
		{0, 2 * time.Minute, "(00:02:00)"},
		{time.Second, time.Second, "(00:00:01)"},
		{66 * time.Second, 66 * time.Second, "(00:01:06)"},
		{25*time.Hour + 250*time.Millisecond, 25*time.Hour + 250*time.Millisecond, "(1.01:00:00.2500000)"},
		{time.Nanosecond, time.Nanosecond, "(00:00:00)"},
	} {
		t.Run(test.want.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := open(t, queue.NewMemory(nil), "poll://a/")
				begin := time.Now()
				_, err := q.Send(t.Context(), &wire.Request{ID: "1"}, queue.SendOptions{PickUp: test.pickUp})
				if took := time.Since(begin); took != test.want {
					t.Errorf("ended after %v, want %v", took, test.want)
				}
				want := "A request was sent to a polling endpoint, but the polling endpoint did not collect the request within the allowed time " + test.text + ", so the request timed out."
				var e *queue.Error
				if !errors.As(err, &e) || e.Stage != queue.Queued || e.Subscription != "poll://a/" || e.Error() != want {
					t.Errorf("error %#v\n%v, want\n%v", e, err, want)
				}
				var late *queue.NotCollectedError
				if !errors.As(err, &late) || late.PickUp != test.want {
					t.Errorf("error tells %+v, want %v", late, test.want)
				}
			})
		})
	}
}

// Requests with limits in any order each end at their own, by the one timer that
// a queue has.
func TestPickUpLimitsInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, queue.NewMemory(nil), "poll://a/")
		begin := time.Now()
		type end struct {
			want, got time.Duration
			err       error
		}
		ends := make(chan end)
		limits := []int{50, 10, 30, 30, 20, 40, 5}
		for _, seconds := range limits {
			want := time.Duration(seconds) * time.Second
			go func() {
				_, err := q.Send(t.Context(), &wire.Request{}, queue.SendOptions{PickUp: want})
				ends <- end{want, time.Since(begin), err}
			}()
			synctest.Wait()
		}
		forever := send(t.Context(), q, "forever", queue.SendOptions{PickUp: -time.Second})
		for range limits {
			if e := <-ends; e.got != e.want || !errors.Is(e.err, queue.ErrNotCollected) {
				t.Errorf("a limit of %v ended after %v: %v", e.want, e.got, e.err)
			}
		}
		time.Sleep(1000 * time.Hour)
		d, ok := q.TryNext(peer)
		if !ok || d.Request().ID != "forever" {
			t.Fatal("the request without limit is gone")
		}
		d.Respond(&wire.Response{})
		if err := <-forever; err != nil {
			t.Error(err)
		}
	})
}

// The limit is counted from Send: time in the hands of a collector counts too.
func TestReturnedKeepsItsPickUpTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, queue.NewMemory(nil), "poll://a/")
		begin := time.Now()
		done := send(t.Context(), q, "1", queue.SendOptions{PickUp: time.Minute})
		d, err := q.Next(t.Context(), peer)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Second)
		d.Return(nil)
		err = <-done
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("ended after %v, want 1m0s", took)
		}
		var e *queue.Error
		if !errors.As(err, &e) || e.Stage != queue.Queued || e.Peer != peer || !errors.Is(err, queue.ErrNotCollected) {
			t.Errorf("error %#v: %v", e, err)
		}

		done = send(t.Context(), q, "2", queue.SendOptions{PickUp: time.Minute})
		if d, err = q.Next(t.Context(), peer); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		d.Return(errors.New("reset by peer"))
		err = <-done
		if !errors.As(err, &e) || e.Stage != queue.Collected || !strings.HasSuffix(err.Error(), "lost before the first byte was written: reset by peer") {
			t.Errorf("error %#v: %v", e, err)
		}
	})
}

// A collector that is woken has a request: in a day with nothing to do, and with
// requests for others, it sleeps.
func TestNextIsNotWokenForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := queue.NewMemory(nil)
		q := open(t, m, "poll://a/")
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		begin := time.Now()
		woken := make(chan error, 1)
		go func() {
			_, err := q.Next(ctx, peer)
			woken <- err
		}()
		for range 10 {
			<-send(t.Context(), q, "for another", queue.SendOptions{PickUp: time.Hour, Pins: []string{"BBBB"}})
		}
		if err := <-woken; err != context.DeadlineExceeded || time.Since(begin) != 24*time.Hour {
			t.Errorf("Next ended after %v with %v", time.Since(begin), err)
		}
	})
}

func TestLength(t *testing.T) {
	for _, test := range []struct {
		limit, queued int
		full          string
	}{
		{0, 10_000, "the queue is full: 10000 requests wait for poll://a/, which is the limit (Limits.QueueLength, of a queue of your own queue.Options.Length)"},
		{3, 3, "the queue is full: 3 requests wait for poll://a/, which is the limit (Limits.QueueLength, of a queue of your own queue.Options.Length)"},
		{-1, 10_001, ""},
	} {
		t.Run(fmt.Sprint(test.limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := queue.NewMemory(&queue.Options{Length: test.limit})
				q := open(t, m, "poll://a/")
				ctx, cancel := context.WithCancel(t.Context())
				var sent []<-chan error
				for range test.queued {
					sent = append(sent, send(ctx, q, "1", queue.SendOptions{}))
				}
				synctest.Wait()
				if s := q.Stats(); s.Length != test.queued {
					t.Fatalf("%d requests are queued, want %d", s.Length, test.queued)
				}
				if test.full != "" {
					checkFull(t, q, test.full)
				}
				cancel()
				for _, done := range sent {
					if err := <-done; !errors.Is(err, context.Canceled) {
						t.Fatal(err)
					}
				}
				if s := q.Stats(); s != (queue.Stats{}) {
					t.Errorf("afterwards: %+v", s)
				}
			})
		})
	}
}

// checkFull shows that a full queue takes no request, and one again for each
// that is collected.
func checkFull(t *testing.T, q queue.Queue, text string) {
	t.Helper()
	_, err := q.Send(t.Context(), &wire.Request{}, queue.SendOptions{})
	var e *queue.Error
	if !errors.As(err, &e) || e.Stage != queue.Queued || !errors.Is(err, queue.ErrFull) || err.Error() != text {
		t.Errorf("Send to a full queue: %v, want %s", err, text)
	}
	d, _ := q.TryNext(peer)
	ctx, cancel := context.WithCancel(t.Context())
	done := send(ctx, q, "fits", queue.SendOptions{})
	synctest.Wait()
	cancel()
	if err := <-done; errors.Is(err, queue.ErrFull) {
		t.Errorf("Send after one was collected: %v", err)
	}
	d.Return(nil)
}

// A full queue still hands requests to a collector that may have them at once.
func TestFullQueueServesWaitingCollectors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, queue.NewMemory(&queue.Options{Length: 1}), "poll://a/")
		other := send(t.Context(), q, "for another", queue.SendOptions{Pins: []string{"BBBB"}})
		go func() {
			d, err := q.Next(t.Context(), peer)
			if err != nil {
				t.Error(err)
				return
			}
			d.Respond(&wire.Response{})
		}()
		synctest.Wait()
		if err := <-send(t.Context(), q, "1", queue.SendOptions{}); err != nil {
			t.Error(err)
		}
		<-other
	})
}

func TestSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := queue.NewMemory(&queue.Options{Subscriptions: 2})
		ctx, cancel := context.WithCancel(t.Context())
		inA := send(ctx, open(t, m, "a"), "1", queue.SendOptions{})
		inB := send(ctx, open(t, m, "b"), "2", queue.SendOptions{})
		synctest.Wait()
		_, err := m.Queue("c")
		if !errors.Is(err, queue.ErrFull) || !strings.Contains(err.Error(), "2 subscriptions have a queue in use, which is the limit (Options.Subscriptions)") {
			t.Errorf("the third queue: %v", err)
		}
		if again := open(t, m, "b"); again.Stats().Length != 1 {
			t.Error("a queue in use is not found again")
		}
		cancel()
		<-inA
		<-inB
		open(t, m, "c")
		open(t, m, "d")
	})
}

func TestSubscriptionsUnlimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := queue.NewMemory(&queue.Options{Subscriptions: -1})
		ctx, cancel := context.WithCancel(t.Context())
		var sent []<-chan error
		for i := range 300 {
			sent = append(sent, send(ctx, open(t, m, fmt.Sprint(i)), "1", queue.SendOptions{}))
			synctest.Wait()
		}
		if q := open(t, m, "0"); q.Stats().Length != 1 {
			t.Error("a queue in use went away")
		}
		cancel()
		for _, done := range sent {
			<-done
		}
	})
}

// Who keeps a queue that went away meets the others of its subscription all the
// same.
func TestKeptQueueComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := queue.NewMemory(&queue.Options{Subscriptions: 1})
		kept := open(t, m, "a")
		other := open(t, m, "b") // a goes away
		again := open(t, m, "a") // b goes away
		open(t, m, "c")          // a goes away again
		done := send(t.Context(), kept, "1", queue.SendOptions{})
		synctest.Wait()
		d, ok := again.TryNext(peer)
		if !ok {
			t.Fatal("two queues that were made for one subscription do not meet")
		}
		if _, err := m.Queue("d"); !errors.Is(err, queue.ErrFull) {
			t.Errorf("a queue whose request is collected went away: %v", err)
		}
		if _, err := other.Next(t.Context(), peer); !errors.Is(err, queue.ErrFull) {
			t.Errorf("Next of a queue that cannot come back: %v", err)
		}
		if err := <-send(t.Context(), other, "2", queue.SendOptions{}); !errors.Is(err, queue.ErrFull) {
			t.Errorf("Send to a queue that cannot come back: %v", err)
		}
		d.Respond(&wire.Response{})
		if err := <-done; err != nil {
			t.Error(err)
		}
		m.Close()
		if _, err := other.Next(t.Context(), peer); !errors.Is(err, queue.ErrClosed) {
			t.Errorf("Next after Close: %v", err)
		}
	})
}

// The context of a delivery is the caller's in its deadline only.
func TestDeliveryContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, queue.NewMemory(nil), "poll://a/")
		type key struct{}
		reason := errors.New("changed my mind")
		ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "secret"))
		ctx, stop := context.WithTimeout(ctx, time.Minute)
		defer stop()
		done := send(ctx, q, "1", queue.SendOptions{})
		d, err := q.Next(t.Context(), peer)
		if err != nil {
			t.Fatal(err)
		}
		at, ok := d.Context().Deadline()
		if want, _ := ctx.Deadline(); !ok || !at.Equal(want) {
			t.Errorf("deadline %v (%v), want %v", at, ok, want)
		}
		if v := d.Context().Value(key{}); v != nil {
			t.Errorf("the caller's value %v came through", v)
		}
		if d.Context() != d.Context() || d.Context().Err() != nil {
			t.Error("asked twice, it is another context, or has ended")
		}
		watched := make(chan struct{})
		context.AfterFunc(d.Context(), func() { close(watched) })
		cancel(reason)
		<-watched
		if got := context.Cause(d.Context()); got != reason {
			t.Errorf("cause %v, want %v", got, reason)
		}
		if err := <-done; !errors.Is(err, reason) || !errors.Is(err, context.Canceled) {
			t.Errorf("Send: %v", err)
		}

		ctx, cancelLate := context.WithCancel(t.Context())
		done = send(ctx, q, "2", queue.SendOptions{})
		if d, err = q.Next(t.Context(), peer); err != nil {
			t.Fatal(err)
		}
		cancelLate()
		<-done
		synctest.Wait()
		if d.Context().Err() == nil {
			t.Error("first asked for after the caller gave up, the context has not ended")
		}
	})
}

func TestFailuresWithoutReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, queue.NewMemory(nil), "poll://a/")
		for _, end := range []func(queue.Delivery){
			func(d queue.Delivery) { d.Fail(nil) },
			func(d queue.Delivery) { time.Sleep(queue.DefaultPickUp); d.Return(nil) },
		} {
			done := send(t.Context(), q, "1", queue.SendOptions{})
			d, err := q.Next(t.Context(), peer)
			if err != nil {
				t.Fatal(err)
			}
			end(d)
			if err := <-done; err == nil || !strings.Contains(err.Error(), "no reason") {
				t.Errorf("Send: %v", err)
			}
		}
	})
}
