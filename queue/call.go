package queue

import (
	"context"
	"sync"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// call is one Send. What stands below its queue is guarded by the queue's lock;
// once over is set, its outcome does not change.
type call struct {
	ctx      context.Context
	request  *wire.Request
	options  SendOptions // PickUp is in force
	sent     time.Time
	waited   time.Duration // until it was collected
	deadline time.Time     // of the pick-up; zero: none
	queue    *memoryQueue

	number   uint64 // its place in the queue
	stage    Stage
	holder   *delivery  // the collector that has it, or had it when it was over
	passer   *collector // by which Send is to pass the request on by itself
	returned error      // why the last collector gave it back
	returner *delivery  // whose that was
	over     bool
	signal   chan struct{} // that Send waits for after passer or over was set; nil while it looks by itself
	response *wire.Response
	err      error

	previous, next *call
	first          delivery // holder of most calls, allocated with them
}

var calls = sync.Pool{New: func() any { return new(call) }}

func newCall(ctx context.Context, req *wire.Request, opts SendOptions) *call {
	c := calls.Get().(*call)
	c.ctx, c.request, c.options, c.sent = ctx, req, opts, time.Now()
	if opts.PickUp == 0 {
		c.options.PickUp = DefaultPickUp
	}
	if c.options.PickUp > 0 {
		c.deadline = c.sent.Add(c.options.PickUp)
	}
	return c
}

// wait returns when the call is over, and what ended it if that is the end of its
// context.
func (c *call) wait() (err error) {
	for {
		passer, over := c.look()
		switch {
		case passer != nil:
			if err == nil && c.ctx.Err() != nil {
				err = c.giveUp()
			}
			passer.passOn() // also what is over: the passer waits for nothing else
		case over:
			c.letGo()
			return err
		default:
			select {
			case <-c.signal:
			case <-c.ctx.Done():
				err = c.giveUp()
			}
		}
	}
}

// result is what a call that is over came to. Nobody asks for the call after
// that: one that was passed on in the goroutine of Send, and answered, is known
// to no one else.
func (c *call) result() (*wire.Response, error) {
	response, err := c.response, c.err
	if err == nil && c.holder == &c.first && c.first.direct {
		*c = call{}
		calls.Put(c)
	}
	return response, err
}

// look finds what there is to do. From then on Send is told when there is more.
func (c *call) look() (passer *collector, over bool) {
	q := c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	passer, c.passer = c.passer, nil
	if passer == nil && !c.over && c.signal == nil {
		c.signal = q.memory.signals.Get().(chan struct{})
	}
	return passer, c.over
}

// tell has Send look. The lock is held.
func (c *call) tell() {
	select {
	case c.signal <- struct{}{}:
	default: // Send will look in any case
	}
}

// letGo gives the channel back. The call is over: nothing more is told.
func (c *call) letGo() {
	if c.signal == nil {
		return
	}
	select {
	case <-c.signal:
	default:
	}
	c.queue.memory.signals.Put(c.signal)
}

// giveUp ends the call because its context has ended. It returns nil if the call
// was over before.
func (c *call) giveUp() error {
	q := c.queue
	q.mu.Lock()
	if c.over {
		q.mu.Unlock()
		return nil
	}
	q.end(c, nil, nil)
	q.mu.Unlock()
	c.holder.abandon(context.Cause(c.ctx))
	return Cancelled(c.ctx, c.stage, q.subscription, c.peer())
}

// peer is who holds the request, or held it last.
func (c *call) peer() Peer {
	switch {
	case c.holder != nil:
		return c.holder.peer
	case c.returner != nil:
		return c.returner.peer
	}
	return Peer{}
}

func (c *call) failure(err error) *Error {
	return &Error{Stage: c.stage, Subscription: c.queue.subscription, Peer: c.peer(), Err: err}
}

func (c *call) notCollected() *Error {
	return c.failure(&NotCollectedError{PickUp: c.options.PickUp, Returned: c.returned})
}
