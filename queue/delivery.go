package queue

import (
	"context"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// Waited is a [Delivery] that knows how long its request was in the queue before
// it was collected: zero when a collector was there already. It is optional.
type Waited interface {
	Delivery
	Waited() time.Duration
}

// A Delivery is a request in the hands of the collector that got it from Next.
// Exactly one of Respond, Fail and Return must be called; further calls do
// nothing. All methods may be called from any goroutine. The one exception is a
// delivery that was passed on in the goroutine of Send and answered there: once
// pass has returned it must not be used any more ([Collector]).
type Delivery interface {
	// Request is what to send. It must not be changed.
	Request() *wire.Request

	// Context ends when the caller has given up or the queue is closed; the
	// collector then breaks the exchange off. It does not end by Respond, Fail
	// or Return, nor by the pick-up limit. Its deadline is the caller's, where
	// the queue knows it; it carries none of the caller's values.
	Context() context.Context

	// Options are the terms of the Send, as far as the queue carries them. The
	// slice in it must not be changed.
	Options() SendOptions

	// Started is called just before the first byte is written to the peer.
	// When it reports false the caller has given up, and was told that nothing
	// was sent: nothing may be written then. From here on who gives up is told
	// that the request may have run.
	Started() bool

	// Respond hands the response to the caller and reports whether there was
	// one who waits. If not, the response and its streams still belong to the
	// collector, which closes them.
	Respond(*wire.Response) bool

	// Fail ends the caller's wait with an *Error that wraps err, at the stage
	// that the request has reached.
	Fail(err error)

	// Return gives the request back because its connection died, for the reason
	// err, before it took a byte: before Started, or after it when the first
	// write failed and had taken nothing. The request takes its old place, at
	// the head of the queue; if its pick-up time is over the caller's wait ends
	// with ErrNotCollected.
	Return(err error)
}
