package redisqueue

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// delivery is a request in the hands of a collector of this node. Where the
// sender is on this node too, the call's lock decides who ends it; otherwise
// the delivery's own.
type delivery struct {
	queue   *redisQueue
	id      uuid.UUID
	token   string // of the claim
	request *wire.Request
	peer    queue.Peer
	sender  string
	call    *call // nil: the sender is on another node
	life    time.Duration
	reading *reading // of its data streams

	ctx    context.Context
	cancel context.CancelCauseFunc
	expiry *time.Timer // at the caller's deadline, where it has told one

	mu       sync.Mutex
	started  bool
	settled  bool // Respond, Fail or Return was called, or the sender has gone
	finished bool

	watched watchedDelivery
}

var _ queue.Delivery = (*delivery)(nil)

// deliver makes peer the holder of a request. It is nil when the caller has
// given up. q.mu is held.
func (q *redisQueue) deliver(r *claimedRequest, peer queue.Peer) *delivery {
	d := &delivery{
		queue: q, id: r.id, token: r.token, request: r.request, peer: peer,
		sender: r.sender, call: r.call, life: r.life, reading: r.reading,
	}
	deadline := deadlineContext{Context: context.Background()}
	if d.call != nil {
		deadline.at, deadline.known = d.call.ctx.Deadline()
	} else if r.timeout != 0 {
		deadline.at, deadline.known = time.Now().Add(r.timeout), true
	}
	d.ctx, d.cancel = context.WithCancelCause(deadline)
	if r.timeout != 0 && d.call == nil {
		d.expiry = time.AfterFunc(r.timeout, func() { d.cancel(context.DeadlineExceeded) })
	}
	if d.call != nil && !d.call.collectedBy(d) {
		d.cancel(nil)
		d.drop()
		return nil
	}
	q.collected++
	q.provider.ran.add(d.id, max(r.life, requestGrace))
	if d.call == nil {
		q.provider.holds(d)
	}
	return d
}

// Options implements queue.Delivery. The terms of the Send stay with the sender:
// .NET nodes would not know them.
func (d *delivery) Options() queue.SendOptions { return queue.SendOptions{} }

// Request implements queue.Delivery.
func (d *delivery) Request() *wire.Request { return d.request }

// Context implements queue.Delivery.
func (d *delivery) Context() context.Context { return d.ctx }

// Started implements queue.Delivery.
func (d *delivery) Started() bool {
	if d.call != nil {
		return d.call.startedBy(d)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.settled {
		return false
	}
	d.started = true
	return true
}

// Respond implements queue.Delivery. Where the caller is on another node, the
// response is stored in the background, for as long as ten minutes while Redis
// is away; true then says that nobody has heard of the caller's leaving.
func (d *delivery) Respond(response *wire.Response) bool {
	if response == nil {
		d.Fail(errors.New("the collector answered with no response"))
		return false
	}
	if d.call != nil {
		if !d.call.endBy(d, response, nil) {
			return false
		}
		d.drop()
		d.finish()
		return true
	}
	if _, ok := d.settle(); !ok {
		return false
	}
	if d.sender == "" {
		return d.queue.provider.goAlong(func() {
			d.store(response)
			d.finish()
		})
	}
	d.queue.answers(1)
	return d.queue.provider.goAlong(func() {
		d.store(response)
		d.queue.answers(-1)
		d.finish()
		d.queue.isReady()
	})
}

// Fail implements queue.Delivery.
func (d *delivery) Fail(err error) {
	if err == nil {
		err = errors.New("the collector gave no reason for its failure")
	}
	if d.call != nil {
		if d.call.endBy(d, nil, err) {
			d.drop()
			d.finish()
		}
		return
	}
	stage, ok := d.settle()
	if !ok {
		return
	}
	d.queue.provider.goAlong(func() {
		d.storeFailure(newFailure(stage, d.peer, err))
		d.finish()
	})
}

// settle makes the caller the one who ends the delivery.
func (d *delivery) settle() (queue.Stage, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.settled {
		return 0, false
	}
	d.settled = true
	if d.started {
		return queue.Started, true
	}
	return queue.Collected, true
}

// abandon ends the delivery because its sender is gone, or this node goes. With
// tell the sender is told, in case it is still there.
func (d *delivery) abandon(cause error, tell bool) {
	stage, ok := d.settle()
	if !ok {
		return
	}
	d.cancel(cause)
	if !tell {
		d.drop()
		d.finish()
		return
	}
	if !d.queue.provider.goAlong(func() {
		d.storeFailure(newFailure(stage, d.peer, ErrAbandoned))
		d.finish()
	}) {
		d.finish()
	}
}

// finish takes the delivery off the books.
func (d *delivery) finish() {
	d.mu.Lock()
	again := d.finished
	d.finished = true
	d.mu.Unlock()
	if again {
		return
	}
	if d.expiry != nil {
		d.expiry.Stop() // the context stays as it is: the exchange may not have ended quite
	}
	if d.call == nil || d.request != d.call.request {
		closeStreams(d.request.Streams)
	}
	q := d.queue
	q.mu.Lock()
	q.collected--
	q.mu.Unlock()
	if d.call == nil {
		q.provider.lets(d)
		d.watched.unsubscribe()
	}
}

// drop forgets the claim, which nobody needs any more.
func (d *delivery) drop() {
	d.queue.provider.tidy(d.queue.keys.claimKey(d.id.String()))
}

// deadlineContext has its caller's deadline and nothing else of it: it does not
// end.
type deadlineContext struct {
	context.Context
	at    time.Time
	known bool
}

// Deadline implements context.Context.
func (c deadlineContext) Deadline() (time.Time, bool) { return c.at, c.known }
