package queue

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// directly is one NextDirect that waits, and what it came to.
type directly struct {
	queue  Direct
	cancel context.CancelFunc
	ended  chan struct{}
	next   Delivery
	err    error
}

func nextDirect(t *testing.T, m *Memory, pass func(Delivery) bool) *directly {
	t.Helper()
	q, err := m.Queue("poll://a/")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d := &directly{queue: q.(Direct), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(d.ended)
		d.next, d.err = d.queue.NextDirect(ctx, Peer{Thumbprint: "AA"}, pass)
	}()
	synctest.Wait()
	return d
}

func (d *directly) waits() bool {
	synctest.Wait()
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

func answer(d Delivery) bool {
	d.Started()
	return d.Respond(&wire.Response{ID: d.Request().ID})
}

// TestDirect: a Send passes its request on in its own goroutine, and the
// collector waits on as long as it may.
func TestDirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		again, passed := true, 0
		d := nextDirect(t, NewMemory(nil), func(d Delivery) bool {
			passed++
			if d.Context().Value(key{}) != "caller" {
				t.Error("the context of the delivery is not that of Send")
			}
			answer(d)
			return again
		})
		ctx := context.WithValue(t.Context(), key{}, "caller")
		for _, last := range []bool{false, false, true} {
			again = !last
			response, err := d.queue.Send(ctx, &wire.Request{ID: "1"}, SendOptions{})
			if err != nil || response.ID != "1" || d.waits() == last {
				t.Fatalf("%v, %v, and it waits: %v", response, err, d.waits())
			}
		}
		if passed != 3 || d.next != nil || d.err != nil {
			t.Errorf("%d were passed on, then NextDirect returned %v, %v", passed, d.next, d.err)
		}
	})
}

// TestDirectLeavesNobodyWaiting: what is queued while a request is passed on is
// the collector's next one.
func TestDirectLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d *directly
		second := make(chan error, 1)
		d = nextDirect(t, NewMemory(nil), func(first Delivery) bool {
			go func() {
				_, err := d.queue.Send(t.Context(), &wire.Request{ID: "2"}, SendOptions{})
				second <- err
			}()
			time.Sleep(time.Second)
			return answer(first)
		})
		if _, err := d.queue.Send(t.Context(), &wire.Request{ID: "1"}, SendOptions{}); err != nil {
			t.Fatal(err)
		}
		if d.waits() || d.err != nil || d.next.Request().ID != "2" {
			t.Fatalf("NextDirect returned %v, %v", d.next, d.err)
		}
		answer(d.next)
		if err := <-second; err != nil {
			t.Error(err)
		}
	})
}

// TestDirectEnds: what ends the wait while pass runs is told when it has returned.
func TestDirectEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end     func(d *directly, m *Memory)
		nextErr error
	}{
		"the collector's context": {func(d *directly, _ *Memory) { d.cancel() }, context.Canceled},
		"the queue":               {func(_ *directly, m *Memory) { _ = m.Close() }, ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewMemory(nil)
				var d *directly
				d = nextDirect(t, m, func(passed Delivery) bool {
					test.end(d, m)
					if !d.waits() {
						t.Error("NextDirect returned while pass was running")
					}
					answer(passed)
					return true
				})
				_, err := d.queue.Send(t.Context(), &wire.Request{ID: "1"}, SendOptions{})
				if errors.Is(test.nextErr, ErrClosed) != errors.Is(err, ErrClosed) {
					t.Errorf("Send: %v", err)
				}
				if d.waits() || d.next != nil || !errors.Is(d.err, test.nextErr) {
					t.Errorf("NextDirect: %v, %v", d.next, d.err)
				}
			})
		})
	}
}

// TestDirectCallerGivesUp: the error is that of the caller's context, whatever
// that has done to what pass was doing.
func TestDirectCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := nextDirect(t, NewMemory(nil), func(d Delivery) bool {
			d.Started()
			<-d.Context().Done()
			d.Fail(errors.New("the connection was closed"))
			return false
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := d.queue.Send(ctx, &wire.Request{ID: "1"}, SendOptions{})
		var e *Error
		if !errors.As(err, &e) || e.Stage != Started || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Send: %v", err)
		}
		if d.waits() || d.next != nil || d.err != nil {
			t.Errorf("NextDirect: %v, %v", d.next, d.err)
		}
	})
}

// TestDirectReturned: another collector gets what was given back, and Send waits
// for that one.
func TestDirectReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		other := nextDirect(t, m, answer)
		d := nextDirect(t, m, func(d Delivery) bool {
			d.Return(errors.New("the connection was dead"))
			return false
		})
		go func() {
			<-other.ended
			answer(other.next)
		}()
		if _, err := d.queue.Send(t.Context(), &wire.Request{ID: "1"}, SendOptions{}); err != nil {
			t.Error(err)
		}
		if d.waits() || d.next != nil || d.err != nil {
			t.Errorf("NextDirect: %v, %v", d.next, d.err)
		}
	})
}

// TestDirectPanic: a panic in pass is the sender's, and wakes the collector.
func TestDirectPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := nextDirect(t, NewMemory(nil), func(Delivery) bool { panic("a stream's source") })
		func() {
			defer func() { _ = recover() }()
			_, err := d.queue.Send(t.Context(), &wire.Request{ID: "1"}, SendOptions{})
			t.Errorf("Send returned %v", err)
		}()
		if d.waits() || d.next != nil || d.err != nil {
			t.Errorf("NextDirect: %v, %v", d.next, d.err)
		}
		if s := d.queue.Stats(); s != (Stats{}) {
			t.Errorf("left in the queue: %+v", s)
		}
	})
}
