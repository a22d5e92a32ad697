package queue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// memoryQueue is the queue of one subscription of a Memory.
//
// A request goes straight to a collector that waits, or into queued. One lock
// guards the queue and the state of its calls and collectors; the channels that
// wake their goroutines are used after it is released.
type memoryQueue struct {
	memory       *Memory
	subscription string

	mu         sync.Mutex
	queued     callList // in the order of their numbers
	collected  callList
	collectors collectorList // the last is served first
	last       uint64        // number of the last call
	expiry     *time.Timer   // runs expire
	armed      time.Time     // when expiry fires; zero: it is not set
	removed    bool          // from the Memory's map
	closed     bool
}

var _ Notifier = (*memoryQueue)(nil)

// acquire locks the queue that now stands for q's subscription and returns it.
func (q *memoryQueue) acquire() (*memoryQueue, error) {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return nil, ErrClosed
		}
		if !q.removed {
			return q, nil
		}
		q.mu.Unlock()
		live, err := q.memory.attach(q)
		if err != nil {
			return nil, err
		}
		q = live
	}
}

// Send implements Queue.
func (q *memoryQueue) Send(ctx context.Context, req *wire.Request, opts SendOptions) (*wire.Response, error) {
	if ctx.Err() != nil {
		return nil, Cancelled(ctx, Queued, q.subscription, Peer{})
	}
	c := newCall(ctx, req, opts)
	if err := q.add(c); err != nil {
		return nil, &Error{Stage: Queued, Subscription: q.subscription, Err: err}
	}
	if err := c.wait(); err != nil {
		return nil, err
	}
	return c.result()
}

// add gives c to a collector that waits, or puts it at the end of the queue.
func (q *memoryQueue) add(c *call) error {
	q, err := q.acquire()
	if err != nil {
		return err
	}
	q.last++
	c.queue, c.number = q, q.last
	w := q.offer(c)
	if w == nil {
		if limit := q.memory.length; limit > 0 && q.queued.length >= limit {
			q.mu.Unlock()
			return fmt.Errorf("%w: %d requests wait for %s, which is the limit (Limits.QueueLength, of a queue of your own queue.Options.Length)", ErrFull, limit, q.subscription)
		}
		q.enqueue(c)
	}
	direct := w != nil && w.pass != nil
	if direct {
		w.delivery.passDirectly()
	}
	q.mu.Unlock()
	if direct {
		w.passOn()
	} else {
		w.wake()
	}
	return nil
}

// passOn passes a call on in the goroutine of Send.
func (w *collector) passOn() {
	d, returned := w.delivery, false // w may stand in line again when pass returns
	q := d.call.queue
	defer func() {
		if !returned { // the source of a stream has panicked, which is the sender's own
			q.forget(d)
		}
	}()
	passed := w.pass(d)
	returned = true
	if !passed {
		q.mu.Lock()
		d.direct, d.ctx = false, nil
		q.mu.Unlock()
		w.take(d, nil)
	}
}

// forget ends a call that nobody waits for any more.
func (q *memoryQueue) forget(d *delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d.holds() {
		q.end(d.call, nil, nil)
	}
}

// offer gives c to the collector that began to wait last among those who may
// have it. The collector must be woken once the lock is released.
func (q *memoryQueue) offer(c *call) *collector {
	for w := q.collectors.last; w != nil; w = w.previous {
		if w.peer.MayCollect(c.options.Pins) {
			q.collectors.remove(w)
			w.delivery = q.collect(c, w.peer)
			w.served = true
			return w
		}
	}
	return nil
}

func (q *memoryQueue) enqueue(c *call) {
	c.stage = Queued
	q.queued.insert(c)
	if !c.deadline.IsZero() {
		q.arm(c.deadline)
	}
}

// collect makes peer the holder of c, which is in no list.
func (q *memoryQueue) collect(c *call, peer Peer) *delivery {
	c.stage = Collected
	q.collected.append(c)
	d := &c.first
	if d.call != nil { // returned once already; late calls to that one must not reach this one
		d = new(delivery)
	}
	d.call, d.peer = c, peer
	c.holder = d
	return d
}

// take collects the first request that peer may have, nil if there is none.
func (q *memoryQueue) take(peer Peer) *delivery {
	for c := q.queued.first; c != nil; c = c.next {
		if peer.MayCollect(c.options.Pins) {
			q.queued.remove(c)
			c.waited = time.Since(c.sent)
			return q.collect(c, peer)
		}
	}
	return nil
}

// Next implements Queue.
func (q *memoryQueue) Next(ctx context.Context, peer Peer) (Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q, err := q.acquire()
	if err != nil {
		return nil, err
	}
	if d := q.take(peer); d != nil {
		q.mu.Unlock()
		return d, nil
	}
	w := q.memory.collectors.Get().(*collector)
	defer q.memory.collectors.Put(w)
	w.peer, w.delivery, w.served = peer, nil, false
	q.collectors.append(w)
	q.mu.Unlock()

	select {
	case <-w.ready:
	case <-ctx.Done():
		if q.withdraw(w) {
			return nil, ctx.Err()
		}
	}
	if w.delivery == nil {
		return nil, ErrClosed
	}
	return w.delivery, nil
}

// withdraw ends a wait whose context has ended. A request that was handed over
// at the same moment takes its place again. It reports false when the queue was
// closed.
func (q *memoryQueue) withdraw(w *collector) bool {
	q.mu.Lock()
	if !w.served {
		q.collectors.remove(w)
		q.mu.Unlock()
		return true
	}
	q.mu.Unlock()
	<-w.ready
	if w.delivery == nil {
		return false
	}
	w.delivery.giveBack(nil)
	return true
}

// TryNext implements Queue.
func (q *memoryQueue) TryNext(peer Peer) (Delivery, bool) {
	q, err := q.acquire()
	if err != nil {
		return nil, false
	}
	defer q.mu.Unlock()
	if d := q.take(peer); d != nil {
		return d, true
	}
	return nil, false
}

// Stats implements Queue.
func (q *memoryQueue) Stats() Stats {
	q, err := q.acquire()
	if err != nil {
		return Stats{}
	}
	defer q.mu.Unlock()
	s := Stats{Length: q.queued.length, Collected: q.collected.length, Waiting: q.collectors.length}
	if c := q.queued.first; c != nil {
		s.Oldest = c.sent
	}
	return s
}

// end takes c out of the queue, stores its outcome and has Send return. q.mu is
// held.
func (q *memoryQueue) end(c *call, response *wire.Response, err error) {
	q.unlink(c)
	c.over, c.response, c.err = true, response, err
	c.tell()
}

func (q *memoryQueue) unlink(c *call) {
	if c.stage == Queued {
		q.queued.remove(c)
	} else {
		q.collected.remove(c)
	}
}

// arm sees to it that expire runs at t, or earlier. One timer serves all
// requests of the queue, and it is seldom set: when requests come and go it
// stays where it is, and finds nothing to do when it fires.
func (q *memoryQueue) arm(t time.Time) {
	if !q.armed.IsZero() && !t.Before(q.armed) {
		return
	}
	q.armed = t
	if wait := time.Until(t); q.expiry == nil {
		q.expiry = time.AfterFunc(wait, q.expire)
	} else {
		q.expiry.Reset(wait)
	}
}

// expire ends the requests that were not collected in time.
func (q *memoryQueue) expire() {
	q.mu.Lock()
	now := time.Now()
	q.armed = time.Time{}
	var soonest time.Time
	for c := q.queued.first; c != nil; {
		next := c.next
		switch {
		case c.deadline.IsZero():
		case !now.Before(c.deadline):
			q.end(c, nil, c.notCollected())
		case soonest.IsZero() || c.deadline.Before(soonest):
			soonest = c.deadline
		}
		c = next
	}
	if !soonest.IsZero() {
		q.arm(soonest)
	}
	q.mu.Unlock()
}

// removeIfUnused marks the queue as removed if nobody needs what it holds.
func (q *memoryQueue) removeIfUnused() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.queued.length+q.collected.length+q.collectors.length > 0 {
		return false
	}
	q.removed = true
	q.disarm()
	return true
}

func (q *memoryQueue) disarm() {
	if q.expiry != nil {
		q.expiry.Stop()
	}
	q.armed = time.Time{}
}

// close ends every wait.
func (q *memoryQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.disarm()
	var ended []*call
	for _, list := range []*callList{&q.queued, &q.collected} {
		for list.first != nil {
			c := list.first
			q.end(c, nil, c.failure(ErrClosed))
			ended = append(ended, c)
		}
	}
	var woken []*collector
	for w := q.collectors.last; w != nil; w = q.collectors.last {
		q.collectors.remove(w)
		w.served = true
		woken = append(woken, w)
	}
	q.mu.Unlock()
	for _, w := range woken {
		w.wake()
	}
	for _, c := range ended {
		c.holder.abandon(ErrClosed)
	}
}
