package queue

import (
	"context"
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
	signal   chan struct{} // to Send: one after passer was set, one after over was by another goroutine
	queue    *memoryQueue

	number   uint64 // its place in the queue
	stage    Stage
	holder   *delivery  // the collector that has it, or had it when it was over
	passer   *collector // by which Send is to pass the request on by itself
	returned error      // why the last collector gave it back
	returner *delivery  // whose that was
	over     bool
	response *wire.Response
	err      error

	previous, next *call
	first          delivery // holder of most calls, allocated with them
}

func newCall(ctx context.Context, req *wire.Request, opts SendOptions) *call {
	c := &call{ctx: ctx, request: req, options: opts, sent: time.Now()}
	if opts.PickUp == 0 {
		c.options.PickUp = DefaultPickUp
	}
	if c.options.PickUp > 0 {
		c.deadline = c.sent.Add(c.options.PickUp)
	}
	return c
}

// wait returns when the call is over. It returns an error only when the call's
// context has ended before. drained says that no signal can follow.
func (c *call) wait() (drained bool, err error) {
	for drained = true; drained; {
		select {
		case <-c.signal:
		case <-c.ctx.Done():
		}
		if c.ctx.Err() != nil {
			drained, err = false, c.giveUp()
		}
		passer := c.takePasser()
		if passer == nil {
			break
		}
		passer.passOn() // also what is over: the passer waits for nothing else
	}
	return drained, err
}

// takePasser is the collector by which to pass the request on, once.
func (c *call) takePasser() *collector {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	passer := c.passer
	c.passer = nil
	return passer
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
