package queue

import (
	"context"
	"errors"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// delivery is a call in the hands of one collector. When the call is given back
// and collected again it gets another delivery, and this one is dead.
type delivery struct {
	call   *call
	peer   Peer
	direct bool // passed on in the goroutine of Send

	// Guarded by the queue's lock; made when first asked for.
	ctx    context.Context
	cancel context.CancelCauseFunc
	cause  error // why ctx has ended
}

var _ Waited = (*delivery)(nil)

// holds reports whether the call is still with this collector. The lock is held.
func (d *delivery) holds() bool {
	c := d.call
	return !c.over && c.holder == d
}

// passDirectly says that the delivery's collector passes it on in the goroutine
// of Send. The lock is held.
func (d *delivery) passDirectly() { d.direct, d.ctx = true, d.call.ctx }

// Request implements Delivery.
func (d *delivery) Request() *wire.Request { return d.call.request }

// Waited implements Waited.
func (d *delivery) Waited() time.Duration { return d.call.waited }

// Options implements Delivery.
func (d *delivery) Options() SendOptions { return d.call.options }

// Context implements Delivery.
func (d *delivery) Context() context.Context {
	q := d.call.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if d.ctx == nil {
		d.ctx, d.cancel = context.WithCancelCause((*callerDeadline)(d.call))
		if d.cause != nil {
			d.cancel(d.cause)
		}
	}
	return d.ctx
}

// abandon ends the context of a delivery whose call is over. The lock is not
// held, because ending a context may run foreign code.
func (d *delivery) abandon(cause error) {
	if d == nil {
		return
	}
	q := d.call.queue
	q.mu.Lock()
	d.cause = cause
	cancel := d.cancel
	q.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
}

// Started implements Delivery.
func (d *delivery) Started() bool {
	q := d.call.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if !d.holds() {
		return false
	}
	d.call.stage = Started
	return true
}

// Respond implements Delivery.
func (d *delivery) Respond(response *wire.Response) bool {
	if response == nil {
		d.Fail(errors.New("the collector answered with no response"))
		return false
	}
	q := d.call.queue
	q.mu.Lock()
	if !d.holds() {
		q.mu.Unlock()
		return false
	}
	q.end(d.call, response, nil)
	q.mu.Unlock()
	return true
}

// Fail implements Delivery.
func (d *delivery) Fail(err error) {
	if err == nil {
		err = errors.New("the collector gave no reason for its failure")
	}
	c, q := d.call, d.call.queue
	q.mu.Lock()
	if !d.holds() || d.direct && c.ctx.Err() != nil { // Send is about to see that
		q.mu.Unlock()
		return
	}
	q.end(c, nil, c.failure(err))
	q.mu.Unlock()
}

// Return implements Delivery.
func (d *delivery) Return(err error) {
	if err == nil {
		err = errors.New("the collector gave no reason for returning it")
	}
	d.giveBack(err)
}

// giveBack is Return; err is nil when the collector never saw the request.
func (d *delivery) giveBack(err error) {
	c, q := d.call, d.call.queue
	q.mu.Lock()
	if !d.holds() || d.direct && c.ctx.Err() != nil { // Send is about to see that
		q.mu.Unlock()
		return
	}
	if err != nil {
		c.returned, c.returner = err, d
	}
	c.stage = Collected
	switch {
	case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
		q.end(c, nil, c.notCollected())
	default:
		q.collected.remove(c)
		c.holder = nil
		w := q.offer(c)
		if w == nil {
			q.enqueue(c)
		}
		q.mu.Unlock()
		w.wake()
		return
	}
	q.mu.Unlock()
}

// callerDeadline is a call as a context that has its caller's deadline and
// nothing else of it.
type callerDeadline call

func (c *callerDeadline) Deadline() (time.Time, bool) { return c.ctx.Deadline() }
func (*callerDeadline) Done() <-chan struct{}         { return nil }
func (*callerDeadline) Err() error                    { return nil }
func (*callerDeadline) Value(any) any                 { return nil }
