package halibut

import (
	"context"
	"errors"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// Repeat is a policy for making calls again. Zero fields have the defaults told
// here.
type Repeat struct {
	Tries  int           // how often a call is tried at least, while Window is over already: 2
	Window time.Duration // how long it is tried besides: 1 minute; negative is only Tries
	Pause  time.Duration // before the second try, doubled before each further one: 1 second
	Limit  time.Duration // where the doubling of Pause ends: 15 seconds
}

func (r Repeat) withDefaults() Repeat {
	orDefault(&r.Tries, 2)
	orDefault(&r.Window, time.Minute)
	orDefault(&r.Pause, time.Second)
	orDefault(&r.Limit, 15*time.Second)
	return r
}

// RepeatCalls returns an interceptor for the client's side that makes calls
// again that failed for reasons of the connection: those that certainly did
// not run ([SafeToRetry]), and those that may have run only where the call is
// marked as idempotent ([WithIdempotent]). What a peer answered is never asked
// again. A stream made by [StreamOf] can be read only once; calls with one are
// not repeated after it was read. Where a try may have run the method and nothing
// of the last one was sent, the outcome of the call is Unknown.
func RepeatCalls(policy Repeat) Interceptor {
	policy = policy.withDefaults()
	return func(ctx context.Context, call *CallInfo, next func(context.Context) error) error {
		start, pause := time.Now(), policy.Pause
		var before error        // what the last try failed with
		for try := 1; ; try++ { // call.Try does not count those that another interceptor refuses
			err := next(ctx)
			if before != nil && errors.Is(err, wire.ErrStreamUsed) {
				return before // which is why the call failed
			}
			err = unlessRun(err, before)
			if err == nil || call.Side != ClientSide || !repeatable(err, call.Idempotent) {
				return err
			}
			if try >= policy.Tries && time.Since(start)+pause > policy.Window {
				return err
			}
			if sleep(ctx, pause, nil) != nil {
				return err
			}
			before, pause = err, min(2*pause, policy.Limit)
		}
	}
}

// unlessRun is the error of a try behind one that failed, too: that nothing was
// sent this time does not mean that the method has not run.
func unlessRun(err, before error) error {
	e, ok := err.(*Error)
	if !ok || !SafeToRetry(e) || before == nil || SafeToRetry(before) {
		return err
	}
	unsure := *e
	if unsure.Message == "" && unsure.cause != nil {
		unsure.Message = unsure.cause.Error()
	}
	unsure.Outcome = Unknown
	unsure.Message += " (a try before may have run the method)"
	return &unsure
}

func repeatable(err error, idempotent bool) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case CodeConnect, CodeTransfer, CodeQueueTimeout, CodeProtocol:
	case CodeUntrusted: // a peer that is starting up or shutting down may close so
		return e.Received.IsZero() && e.Outcome == NotSent
	default:
		return false
	}
	return SafeToRetry(e) || (idempotent && e.Outcome == Unknown)
}
