package queue

import "context"

// Direct is a Queue in which a Send can pass its request on by itself: no other
// goroutine is woken for it. That is worth it where nothing lies between the one
// who sends and the one who collects.
type Direct interface {
	Queue

	// NextDirect is Next, but that a Send that comes while it waits may call pass
	// in its own goroutine, and then waits for nobody. While pass runs it is as if
	// NextDirect had returned. When pass reports true, which it does when it could
	// pass another request on at once, NextDirect waits on; otherwise it returns
	// nil and no error.
	//
	// The Context of a Delivery that is given to pass is that of Send. If pass
	// fails the Delivery because that has ended, Send says that it has ended.
	NextDirect(ctx context.Context, peer Peer, pass func(Delivery) bool) (Delivery, error)
}

var _ Direct = (*memoryQueue)(nil)

// NextDirect implements Direct.
func (q *memoryQueue) NextDirect(ctx context.Context, peer Peer, pass func(Delivery) bool) (Delivery, error) {
	d, err := q.next(ctx, peer, pass)
	if d == nil {
		return nil, err
	}
	return d, nil
}

// passOn has the collector that was found for a call pass it on, in the goroutine
// of Send.
func (q *memoryQueue) passOn(w *collector) {
	d := w.delivery
	again, returned := false, false
	defer func() {
		if !returned { // the source of a stream has panicked, which is the sender's own
			q.forget(d)
		}
		q.passed(w, again)
	}()
	again = w.pass(d)
	returned = true
}

// forget ends a call that nobody waits for any more.
func (q *memoryQueue) forget(d *delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d.holds() {
		q.end(d.call, nil, nil)
	}
}

// passed lets a collector wait on that has passed a request on, or wakes it.
func (q *memoryQueue) passed(w *collector, again bool) {
	q.mu.Lock()
	w.delivery = nil
	switch {
	case q.closed:
		w.closed = true
	case again && !w.leaving && !q.removed:
		if w.delivery = q.take(w.peer); w.delivery == nil {
			w.served = false
			q.collectors.append(w)
			q.mu.Unlock()
			return
		}
	}
	q.mu.Unlock()
	w.wake()
}
