package halibut

import (
	"context"
	"errors"
	"time"
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
// not repeated after it was read.
func RepeatCalls(policy Repeat) Interceptor {
	policy = policy.withDefaults()
	return func(ctx context.Context, call *CallInfo, next func(context.Context) error) error {
		start, pause := time.Now(), policy.Pause
		for {
			err := next(ctx)
			if err == nil || call.Side != ClientSide || !repeatable(err, call.Idempotent) {
				return err
			}
			if call.Try >= policy.Tries && time.Since(start)+pause > policy.Window {
				return err
			}
			if sleep(ctx, pause, nil) != nil {
				return err
			}
			pause = min(2*pause, policy.Limit)
		}
	}
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
