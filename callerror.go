package halibut

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// exchangeError puts the failure of a call on a connection into an *Error.
func exchangeError(ctx context.Context, err error) *Error {
	e := &Error{Code: CodeTransfer, Outcome: Unknown, Phase: PhaseSent, cause: err}
	var failed *exchange.CallError
	if errors.As(err, &failed) {
		err = failed.Err
		switch failed.Stage {
		case exchange.Preparing:
			e.Outcome, e.Phase = NotSent, PhaseConnecting
		case exchange.Receiving:
			e.Outcome, e.Phase = Ran, PhaseReceiving
		case exchange.Refused:
			e.Code, e.Outcome, e.Phase = CodeConnect, NotRun, PhaseSent
		}
	}
	e.cause = err
	var (
		limit    *wire.LimitError
		stream   *wire.StreamError
		spool    *wire.SpoolError
		encoding *exchange.EncodeError
	)
	switch {
	case ctx.Err() != nil:
		e.Code, e.cause = contextCode(ctx), contextCause(ctx)
		e.Message = "gave up: " + e.cause.Error()
	case errors.Is(err, exchange.ErrClosed):
		e.Code, e.cause = CodeClosed, ErrClosed
	case isBreach(err):
		e.Code = CodeProtocol
	case errors.As(err, &limit):
		e.Code = CodeLimit
	case errors.As(err, &stream), errors.As(err, &spool):
		e.Code = CodeStream
	case errors.As(err, &encoding):
		e.Code = CodeTypeNotAllowed
	}
	if e.Message == "" {
		e.Message = err.Error()
	}
	switch e.Outcome {
	case Unknown:
		e.Message += " (the method may have run)"
	case Ran:
		e.Message += " (the method has run, and its result did not arrive)"
	}
	return e
}

// isBreach reports whether the peer broke the protocol. A connection that ends
// inside of a line or of a message is lost, and nobody broke anything.
func isBreach(err error) bool {
	var protocol *wire.ProtocolError
	return errors.As(err, &protocol) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// queueError puts the failure of a queued call into an *Error. sent says that the
// queue had the request.
func queueError(ctx context.Context, err error, sent bool) error {
	e := &Error{Code: CodeTransfer, Outcome: NotSent, Phase: PhaseQueued, cause: err}
	var failed *queue.Error
	switch {
	case !errors.As(err, &failed):
		if sent && !errors.Is(err, queue.ErrNotCollected) && !errors.Is(err, queue.ErrFull) {
			e.Outcome = Unknown // a queue that does not say how far the request came
		}
	default:
		e.Addr = failed.Peer.Addr
		var onConnection *exchange.CallError
		switch {
		case errors.Is(err, queue.ErrNotCollected): // whatever it came back from
		case errors.As(failed.Err, &onConnection): // who wrote it knows how much
			inner := exchangeError(ctx, onConnection)
			e.Code, e.Message = inner.Code, inner.Message
			e.Outcome, e.Phase = inner.Outcome, inner.Phase
		case failed.Stage.Sent():
			e.Outcome, e.Phase = Unknown, PhaseSent
		}
		if failed.Stage == queue.Collected {
			e.Phase = PhaseCollected
		}
	}
	switch {
	case errors.Is(err, queue.ErrNotCollected):
		e.Code = CodeQueueTimeout
		e.Hint = "No polling service that may have the request was connected, or all of them were busy, for as long as Limits.PickUp or PickUpWait allows"
		if failed != nil && strings.HasPrefix(failed.Subscription, schemeQueue+"://") {
			e.Hint = "Nobody serves the queue (Runtime.ServeQueue), or all who do were busy, for as long as Limits.PickUp or PickUpWait allows"
		}
	case errors.Is(err, queue.ErrFull):
		e.Code = CodeLimit
	case ctx.Err() != nil:
		e.Code, e.cause = contextCode(ctx), contextCause(ctx)
	case errors.Is(err, queue.ErrClosed):
		e.Code, e.cause = CodeClosed, ErrClosed
	}
	if e.Message == "" {
		e.Message = err.Error()
	}
	return e
}
