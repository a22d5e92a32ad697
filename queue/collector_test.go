package queue

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// standing is a Collector that stands in the line of a queue.
type standing struct {
	Collector
	queue Queue
	took  chan Delivery // nil for the end of the queue
}

func stand(t *testing.T, m *Memory, pass func(c *standing, d Delivery) bool) *standing {
	t.Helper()
	q, err := m.Queue("poll://a/")
	if err != nil {
		t.Fatal(err)
	}
	s := &standing{queue: q, took: make(chan Delivery, 1)}
	s.Collector = NewCollector(q, Peer{Thumbprint: "AA"}, func(d Delivery, err error) {
		if (d == nil) != errors.Is(err, ErrClosed) {
			t.Errorf("take was told %v, %v", d, err)
		}
		s.took <- d
	}, func(d Delivery) bool { return pass(s, d) })
	s.collect(t)
	return s
}

// collect has the collector wait, for which nothing may be there.
func (s *standing) collect(t *testing.T) {
	t.Helper()
	if d, err := s.Collect(); d != nil || err != nil {
		t.Errorf("Collect: %v, %v", d, err)
	}
}

func answer(d Delivery) bool {
	d.Started()
	return d.Respond(&wire.Response{ID: d.Request().ID})
}

// TestDirect: a Send passes its request on in its own goroutine, and the
// collector may stand in line again before it returns.
func TestDirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		passed := 0
		s := stand(t, NewMemory(nil), func(s *standing, d Delivery) bool {
			passed++
			if d.Context().Value(key{}) != "caller" {
				t.Error("the context of the delivery is not that of Send")
			}
			answer(d)
			s.collect(t)
			return true
		})
		ctx := context.WithValue(t.Context(), key{}, "caller")
		for range 3 {
			if response, err := s.queue.Send(ctx, &wire.Request{ID: "1"}, SendOptions{}); err != nil || response.ID != "1" {
				t.Fatalf("%v, %v", response, err)
			}
		}
		if passed != 3 || !s.Withdraw() || s.Withdraw() {
			t.Errorf("%d were passed on, or the collector did not wait to the end", passed)
		}
	})
}

// TestDirectDeclined: what pass does not want is taken in the usual way, with a
// context of its own.
func TestDirectDeclined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		s := stand(t, m, func(*standing, Delivery) bool { return false })
		ended := make(chan error, 1)
		go func() {
			_, err := s.queue.Send(t.Context(), &wire.Request{ID: "1"}, SendOptions{})
			ended <- err
		}()
		d := <-s.took
		ctx := d.Context()
		_ = m.Close()
		if <-ctx.Done(); !errors.Is(<-ended, ErrClosed) || !errors.Is(context.Cause(ctx), ErrClosed) {
			t.Error(context.Cause(ctx))
		}
	})
}

// TestDeclinedDeliveryStaysDead: what is answered outside of Send may be asked
// later, and must reach no other call.
func TestDeclinedDeliveryStaysDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead Delivery
		direct := false
		s := stand(t, NewMemory(nil), func(_ *standing, d Delivery) bool {
			if direct && (dead.Started() || answer(dead) || dead.Request().ID != "1") {
				t.Error("the delivery of a call that is over has another one")
			}
			return direct && answer(d)
		})
		for _, id := range []string{"1", "2", "3"} {
			if direct = id != "1"; !direct {
				go func() { dead = <-s.took; answer(dead) }()
			}
			if response, err := s.queue.Send(t.Context(), &wire.Request{ID: id}, SendOptions{}); err != nil || response.ID != id {
				t.Fatalf("%v, %v", response, err)
			}
			synctest.Wait()
			s.collect(t)
		}
		s.Withdraw()
	})
}

// TestDirectLeavesNobodyWaiting: what is queued while a request is passed on is
// the collector's next one, and its own Send passes it on.
func TestDirectLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		second := make(chan error, 1)
		var passed []any
		s := stand(t, NewMemory(nil), func(s *standing, d Delivery) bool {
			if passed = append(passed, d.Context().Value(key{})); len(passed) == 1 {
				go func() {
					_, err := s.queue.Send(context.WithValue(t.Context(), key{}, "second"), &wire.Request{ID: "2"}, SendOptions{})
					second <- err
				}()
				time.Sleep(time.Second)
			}
			answer(d)
			s.collect(t)
			return true
		})
		if _, err := s.queue.Send(context.WithValue(t.Context(), key{}, "first"), &wire.Request{ID: "1"}, SendOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := <-second; err != nil {
			t.Error(err)
		}
		if !slices.Equal(passed, []any{"first", "second"}) || !s.Withdraw() {
			t.Errorf("passed on by %v, or the collector did not wait to the end", passed)
		}
	})
}

// TestDirectHandedToWhoHasGivenUp: a collector is not lost with the Send that
// was to pass on, and neither is the other way round.
func TestDirectHandedToWhoHasGivenUp(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or Send may run before it is given up
	for name, end := range map[string]func(*Memory, context.CancelFunc){
		"given up": func(_ *Memory, cancel context.CancelFunc) { cancel() },
		"closed":   func(m *Memory, _ context.CancelFunc) { _ = m.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewMemory(nil)
				passed := 0
				s := stand(t, m, func(s *standing, d Delivery) bool {
					passed++
					if d.Started() {
						t.Error("a request that is over may be sent")
					}
					return true
				})
				if !s.Withdraw() {
					t.Fatal("the collector does not wait")
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				sent := make(chan error, 1)
				go func() {
					_, err := s.queue.Send(ctx, &wire.Request{ID: "1"}, SendOptions{})
					sent <- err
				}()
				synctest.Wait()
				s.collect(t) // Send has a signal, and runs only when this goroutine waits
				end(m, cancel)
				if err := <-sent; err == nil {
					t.Error("Send returned no error")
				}
				if passed != 1 || s.Withdraw() {
					t.Errorf("pass was called %d times", passed)
				}
			})
		})
	}
}

// TestCollectorOfAClosedQueue is told, once.
func TestCollectorOfAClosedQueue(t *testing.T) {
	m := NewMemory(nil)
	s := stand(t, m, nil)
	_ = m.Close()
	if d := <-s.took; d != nil || s.Withdraw() {
		t.Errorf("%v", d)
	}
	if d, err := s.Collect(); d != nil || !errors.Is(err, ErrClosed) {
		t.Errorf("%v, %v", d, err)
	}
}

// TestDirectCallerGivesUp: the error is that of the caller's context, whatever
// that has done to what pass was doing.
func TestDirectCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stand(t, NewMemory(nil), func(_ *standing, d Delivery) bool {
			d.Started()
			<-d.Context().Done()
			d.Fail(errors.New("the connection was closed"))
			return true
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := s.queue.Send(ctx, &wire.Request{ID: "1"}, SendOptions{})
		var e *Error
		if !errors.As(err, &e) || e.Stage != Started || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Send: %v", err)
		}
	})
}

// TestDirectReturned: another collector gets what was given back, and Send waits
// for that one.
func TestDirectReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		other := stand(t, m, func(*standing, Delivery) bool {
			t.Error("a request that was given back was passed on in the goroutine of who gave it")
			return false
		})
		s := stand(t, m, func(_ *standing, d Delivery) bool {
			d.Return(errors.New("the connection was dead"))
			return true
		})
		go func() { answer(<-other.took) }()
		if _, err := s.queue.Send(t.Context(), &wire.Request{ID: "1"}, SendOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// TestDirectPanic: a panic in pass is the sender's, and leaves nothing behind.
func TestDirectPanic(t *testing.T) {
	s := stand(t, NewMemory(nil), func(*standing, Delivery) bool { panic("a stream's source") })
	func() {
		defer func() { _ = recover() }()
		_, err := s.queue.Send(t.Context(), &wire.Request{ID: "1"}, SendOptions{})
		t.Errorf("Send returned %v", err)
	}()
	if stats := s.queue.Stats(); stats != (Stats{}) {
		t.Errorf("left in the queue: %+v", stats)
	}
}

// givingUp is a context that ends when somebody begins to wait for that, after
// something else has happened.
type givingUp struct {
	context.Context
	before func()
	done   chan struct{}
}

func (c *givingUp) Done() <-chan struct{} {
	if c.Err() == nil {
		c.before()
		close(c.done)
	}
	return c.done
}

func (c *givingUp) Err() error {
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

// TestDirectWhileTheCallerGivesUp: that a request is collected at the very moment
// at which its Send gives up makes no difference to what Send says.
func TestDirectWhileTheCallerGivesUp(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	for range 100 { // Send may see either first
		s := stand(t, m, func(*standing, Delivery) bool { return true })
		if !s.Withdraw() {
			t.Fatal("the collector does not wait")
		}
		ctx := &givingUp{t.Context(), func() { s.collect(t) }, make(chan struct{})}
		if response, err := s.queue.Send(ctx, &wire.Request{ID: "1"}, SendOptions{}); !errors.Is(err, context.Canceled) {
			t.Fatalf("Send returned %v, %v", response, err)
		}
	}
}
