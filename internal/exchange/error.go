package exchange

import (
	"errors"
	"fmt"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// Stage says how far a call on a connection had come.
type Stage uint8

const (
	// Preparing: no byte of the request was written. The call is safe to repeat.
	Preparing Stage = iota
	// Written: at least one byte of the request may have reached the peer.
	Written
	// Receiving: the response had begun to arrive.
	Receiving
	// Refused: the peer had the request and did not run it, because it was
	// shutting down. The call is safe to repeat.
	Refused
)

// CallError is why a call on a connection failed, and how far it had come.
type CallError struct {
	Stage Stage
	Err   error
}

func (e *CallError) Error() string { return e.Err.Error() }

func (e *CallError) Unwrap() error { return e.Err }

// EncodeError says that a message cannot be written at all. The connection is
// as it was.
type EncodeError struct{ Err error }

func (e *EncodeError) Error() string { return e.Err.Error() }

func (e *EncodeError) Unwrap() error { return e.Err }

var (
	// ErrEnded: the peer said END, or closed the connection between two calls.
	ErrEnded = errors.New("the peer ended the connection")
	// ErrClosed: this side closed the connection.
	ErrClosed = errors.New("the connection was closed by this side")
	// ErrRefused: the peer was shutting down when the request came.
	ErrRefused = errors.New("the service was shutting down and did not run the request")
	// ErrGivenUp: the caller went away before anything was written.
	ErrGivenUp = errors.New("the caller gave up before the request was written")
	// ErrIdle: this side let go of a connection that was idle too long.
	ErrIdle = errors.New("the connection was idle too long")
	// ErrMethodGone: a service's method ended its goroutine in place of returning.
	ErrMethodGone = errors.New("the method of the service ended its goroutine (runtime.Goexit) and did not return")
	// errCallerGone: what ran in Do, such as the source of a data stream, has ended
	// its goroutine.
	errCallerGone = errors.New("the goroutine that made the call came to its end")
	// ErrRejected: the peer closed the connection where its identity was due,
	// which is all that a side sends that does not trust the other.
	ErrRejected = errors.New("the peer closed the connection instead of identifying itself")
)

// TimeoutError is a wait that a limit ended.
type TimeoutError struct {
	Waiting string // for what
	Limit   time.Duration
	Name    string // of the limit, where its user sets it
	Err     error
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("nothing came for %s while waiting for %s (%s)", e.Limit, e.Waiting, e.Name)
}

func (e *TimeoutError) Unwrap() error { return e.Err }

// Timeout makes a TimeoutError answer as a net.Error does.
func (e *TimeoutError) Timeout() bool { return true }

// unexpected is the error for a peer that is out of step. found is quoted: it
// is the peer's.
func unexpected(expected, found string) error {
	const shown = 40
	if len(found) > shown {
		found = found[:shown] + "…"
	}
	return &wire.ProtocolError{Expected: expected, Found: fmt.Sprintf("%q", found)}
}
