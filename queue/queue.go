package queue

import (
	"context"
	"io"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// DefaultPickUp is how long a request waits to be collected where
// [SendOptions.PickUp] is zero. It is the reference's default.
const DefaultPickUp = 2 * time.Minute

// A Provider has one queue for each subscription. All methods may be called
// from any goroutine.
type Provider interface {
	// Queue returns the queue of a subscription, made on first use by either
	// side. The name is compared byte by byte: callers and collectors must
	// spell it alike. The error is ErrClosed after Close, or ErrFull where a
	// limit on the number of queues is reached.
	Queue(subscription string) (Queue, error)

	// Close ends every wait: Send and Next return ErrClosed, now and from then
	// on, and the contexts of deliveries end; a Send that passes its request on
	// by itself (Collector) ends as that does. A second Close does nothing.
	Close() error
}

// A Queue passes the requests of one subscription from those who send them to
// those who collect them. All methods may be called from any goroutine, at any
// number at once.
type Queue interface {
	// Send puts a request at the end of the queue and waits for its response.
	//
	// Its error is an *Error, whose Stage says whether a byte of the request
	// may have reached a peer. It wraps ErrNotCollected when no peer collected
	// the request within the pick-up limit, ErrFull, ErrClosed, the context's
	// error, or what the collector passed to Fail. With an error, the request
	// is gone: at Stage Queued and Collected nobody has seen it or will see
	// it, and sending it again is safe.
	//
	// The deadline of ctx bounds the whole call. When ctx ends, Send returns
	// at once and the Delivery's Context ends. A response that was handed over
	// before wins over an ended ctx.
	//
	// The request must not be changed until Send returns, and after an error
	// not while a collector may still read it.
	Send(ctx context.Context, req *wire.Request, opts SendOptions) (*wire.Response, error)

	// Next waits for the first request that this peer may have. It returns a
	// Delivery, or an error when ctx ends (that of ctx) or the queue is closed
	// (ErrClosed); it never wakes up for nothing. A request that was handed
	// over at the moment ctx ended keeps its place in the queue.
	//
	// When several collectors wait, the one whose Next began last is served
	// first: its connection is the one most lately known to be alive.
	Next(ctx context.Context, peer Peer) (Delivery, error)

	// TryNext is Next without waiting. A queue that other nodes share may say
	// false although a request has just come in; Next finds it.
	TryNext(peer Peer) (Delivery, bool)

	// Stats tells the state of the queue. A queue that other nodes share may
	// tell one that is some seconds old.
	Stats() Stats
}

// SendOptions are the terms of one Send.
type SendOptions struct {
	// PickUp is how long the request may stay uncollected, counted from Send.
	// Zero is DefaultPickUp, negative is no limit. It does not bound the time
	// that a collected request takes.
	PickUp time.Duration

	// Response is how long the request may stay without the first byte of a
	// response once it was written, in place of what the collector has
	// configured. Zero leaves that as it is, negative is no limit. A queue that
	// other nodes share may not carry it.
	Response time.Duration

	// Pins binds the request to peers that hold one of them: canonical texts,
	// of either kind. Empty: any peer that was admitted to the subscription.
	// The slice must not be changed while Send runs.
	Pins []string

	// StreamTo, if not nil, is where the collector may write the bytes of the
	// response's one data stream while they come; who sends looks whether it did
	// (wire.Streams.Deliver). A queue that other nodes share does not carry it,
	// and a collector may keep the stream as any other. The collector may still
	// write to it when Send has returned with an error.
	StreamTo io.Writer
}

// Stats is the state of a queue at one moment.
type Stats struct {
	Length    int       // requests that wait to be collected
	Oldest    time.Time // when the oldest of those was queued; zero when none waits
	Collected int       // requests that a collector holds
	Waiting   int       // collectors that wait in Next
}
