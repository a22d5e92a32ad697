package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotCollected is matched by a *NotCollectedError: no peer collected
	// the request within the pick-up limit.
	ErrNotCollected = errors.New("the polling endpoint did not collect the request within the allowed time")

	// ErrFull means that a limit of the queue is reached; the text that wraps
	// it names the limit.
	ErrFull = errors.New("the queue is full")

	// ErrClosed means that the queue's Provider was closed.
	ErrClosed = errors.New("the queue is closed")
)

// Error is how a Send ended without a response.
type Error struct {
	Stage        Stage
	Subscription string
	Peer         Peer // who held the request at last; zero when nobody did
	Err          error
}

// Error returns the text of Err.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// NotCollectedError tells that a request was not collected within the pick-up
// limit. It matches ErrNotCollected.
type NotCollectedError struct {
	PickUp time.Duration
	// Returned is why the last collector gave the request back, nil if there
	// was none.
	Returned error
}

// Error returns the reference's text, which its callers look for, and the
// reason of the last return after it.
func (e *NotCollectedError) Error() string {
	text := "A request was sent to a polling endpoint, but the polling endpoint did not collect the request within the allowed time (" +
		timeSpan(e.PickUp) + "), so the request timed out."
	if e.Returned != nil {
		text += " A connection that had collected it was lost before the first byte was written: " + e.Returned.Error()
	}
	return text
}

// Is matches ErrNotCollected.
func (e *NotCollectedError) Is(target error) bool { return target == ErrNotCollected }

// Unwrap returns why the request was given back.
func (e *NotCollectedError) Unwrap() error { return e.Returned }

// Cancelled returns the error of a Send whose context ended. It is for
// implementations of Queue.
func Cancelled(ctx context.Context, stage Stage, subscription string, peer Peer) *Error {
	cause := ctx.Err()
	if reason := context.Cause(ctx); reason != cause {
		cause = fmt.Errorf("%w: %w", cause, reason)
	}
	var where string
	switch stage {
	case Queued:
		where = "while it waited in the queue, nothing was sent"
	case Collected:
		where = "after it was collected by " + peer.Addr + ", nothing was sent"
	default:
		where = "after it was sent to " + peer.Addr + ", it may have run"
	}
	return &Error{
		Stage: stage, Subscription: subscription, Peer: peer,
		Err: fmt.Errorf("the request to %s was cancelled %s: %w", subscription, where, cause),
	}
}

// timeSpan prints d as .NET prints a TimeSpan: [-][d.]hh:mm:ss[.fffffff].
func timeSpan(d time.Duration) string {
	const day = 24 * time.Hour
	ticks := uint64(d.Abs() / 100)
	const second = uint64(time.Second / 100)
	sign := ""
	if d < 0 && ticks > 0 {
		sign = "-"
	}
	if days := ticks / uint64(day/100); days > 0 {
		sign += fmt.Sprintf("%d.", days)
	}
	text := fmt.Sprintf("%s%02d:%02d:%02d", sign, ticks/second/3600%24, ticks/second/60%60, ticks/second%60)
	if fraction := ticks % second; fraction > 0 {
		text += fmt.Sprintf(".%07d", fraction)
	}
	return text
}
