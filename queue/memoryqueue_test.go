package queue

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// handOver brings about by hand what is a race in life: the request is handed to
// a collector whose context has ended, and that has not yet noticed.
func handOver(t *testing.T, q *memoryQueue) (w *collector, sent <-chan error) {
	t.Helper()
	w = &collector{ready: make(chan struct{}, 1), peer: Peer{Thumbprint: "AA"}}
	q.mu.Lock()
	q.collectors.append(w)
	q.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		_, err := q.Send(t.Context(), &wire.Request{ID: "1"}, SendOptions{PickUp: time.Minute})
		done <- err
	}()
	synctest.Wait()
	if !w.served || w.delivery == nil {
		t.Fatal("the request was not handed over")
	}
	return w, done
}

func TestCollectorLeavesAsItIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		q, err := m.attach(&memoryQueue{memory: m, subscription: "poll://a/"})
		if err != nil {
			t.Fatal(err)
		}

		w, sent := handOver(t, q)
		if !q.withdraw(w) {
			t.Error("withdraw took the queue for closed")
		}
		if s := q.Stats(); s.Length != 1 || s.Collected != 0 || s.Waiting != 0 {
			t.Fatalf("the request has not taken its place again: %+v", s)
		}
		d, err := q.Next(t.Context(), Peer{Thumbprint: "BB"})
		if err != nil {
			t.Fatal(err)
		}
		d.Respond(&wire.Response{})
		if err := <-sent; err != nil {
			t.Error(err)
		}

		// its pick-up time ends between the two
		w, sent = handOver(t, q)
		time.Sleep(time.Minute)
		q.withdraw(w)
		if err := <-sent; err.(*Error).Peer != w.peer || err.Error() != (&NotCollectedError{PickUp: time.Minute}).Error() {
			t.Errorf("Send: %#v", err)
		}
	})
}

func TestCollectorLeavesAsTheQueueIsClosed(t *testing.T) {
	m := NewMemory(nil)
	q, err := m.attach(&memoryQueue{memory: m, subscription: "poll://a/"})
	if err != nil {
		t.Fatal(err)
	}
	w := &collector{ready: make(chan struct{}, 1)}
	q.mu.Lock()
	q.collectors.append(w)
	q.mu.Unlock()
	m.Close()
	if q.withdraw(w) {
		t.Error("withdraw did not see that the queue was closed")
	}
}

// Queues that nobody uses go away as others are made, so that names which are
// asked for once cost nothing in the end.
func TestUnusedQueuesGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		used, err := m.Queue("used")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error)
		go func() {
			_, err := used.Next(ctx, Peer{})
			waiting <- err
		}()
		synctest.Wait()
		most := 0
		for i := range 10_000 {
			if _, err := m.Queue(time.Duration(i).String()); err != nil {
				t.Fatal(err)
			}
			most = max(most, len(m.queues))
		}
		if most > leastSweep {
			t.Errorf("there were %d queues at once, of which one is used", most)
		}
		if again, _ := m.Queue("used"); again != used {
			t.Error("the queue with a waiting collector went away")
		}
		cancel()
		<-waiting
	})
}

// A queue that went away keeps no timer running.
func TestUnusedQueueStopsItsTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		q, err := m.attach(&memoryQueue{memory: m, subscription: "poll://a/"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := q.Send(ctx, &wire.Request{}, SendOptions{})
			done <- err
		}()
		synctest.Wait()
		cancel()
		<-done
		if !q.removeIfUnused() || q.expiry.Stop() {
			t.Error("the timer of an unused queue still runs")
		}
	})
}
