package queue

import (
	"context"
	"errors"
)

// A Notifier is a Queue whose collectors can wait without a goroutine. It is
// optional: [NewCollector] makes do with any Queue.
type Notifier interface {
	Queue

	// Collector returns a collector of this queue. take and pass, which may be
	// nil, are called as [Collector] says.
	Collector(peer Peer, take func(Delivery, error), pass func(Delivery) bool) Collector
}

// A Collector waits for requests in the place of a goroutine. Its methods must
// not be called at the same time as each other.
type Collector interface {
	// Collect is Next that does not wait: it returns the first request that the
	// peer may have, or an error, such as ErrClosed. When it returns neither
	// the collector waits, and take is called once: with the next request, or
	// with what ended the wait. take is called from any goroutine, maybe before
	// Collect has returned, and must return at once.
	//
	// Where nothing lies between the one who sends and the one who collects,
	// pass is called before take, in the goroutine of Send, which waits for
	// nothing else: for a request that comes, and in place of what Collect
	// would return for one that was queued already. It may pass the request on
	// before it returns true, and then nobody has to be woken at the end; it may
	// call Collect again. The Delivery's Context is then that of Send, and if the
	// Delivery is failed because that has ended, Send says that it has. Close of
	// the Provider does not end a Send that passes on. Once pass has returned
	// true nothing may be asked of a Delivery that was answered (Respond):
	// another call may be in its place. When pass reports false take is called.
	Collect() (Delivery, error)

	// Withdraw ends the wait. When it reports false there was none, or take was
	// called for it or is being called.
	Withdraw() bool
}

// NewCollector returns a collector of any queue: the queue's own where it is a
// Notifier, otherwise one that waits in Next in a goroutine.
func NewCollector(q Queue, peer Peer, take func(Delivery, error), pass func(Delivery) bool) Collector {
	if n, ok := q.(Notifier); ok {
		return n.Collector(peer, take, pass)
	}
	return &nextCollector{queue: q, peer: peer, take: take}
}

// nextCollector is the collector of a queue that knows only Next.
type nextCollector struct {
	queue  Queue
	peer   Peer
	take   func(Delivery, error)
	cancel context.CancelFunc // of the wait; nil: there was none
	kept   chan bool          // tells whether that wait came to something
}

var errWithdrawn = errors.New("the collector was withdrawn")

func (c *nextCollector) Collect() (Delivery, error) {
	if delivery, ok := c.queue.TryNext(c.peer); ok {
		return delivery, nil
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	kept := make(chan bool, 1)
	c.cancel, c.kept = func() { cancel(errWithdrawn) }, kept
	go func() {
		defer cancel(nil)
		delivery, err := c.queue.Next(ctx, c.peer)
		withdrawn := err != nil && context.Cause(ctx) == errWithdrawn
		kept <- !withdrawn
		if !withdrawn {
			c.take(delivery, err)
		}
	}()
	return nil, nil
}

func (c *nextCollector) Withdraw() bool {
	if c.cancel == nil {
		return false
	}
	c.cancel()
	c.cancel = nil
	return !<-c.kept
}
