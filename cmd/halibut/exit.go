package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/halibut-go/halibut"
)

// The exit statuses of all verbs.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitUntrusted   = 4
	exitRemote      = 5
	exitInterrupted = 130 // as shells have it for SIGINT
)

// exitTable says in the help what the statuses mean.
const exitTable = `Exit status:
    0  done
    1  failed
    2  asked in a way that is not understood
    3  the peer could not be reached
    4  one side does not trust the other
    5  the remote method failed, or the peer does not have it
  130  interrupted`

// usageError is a mistake in what the user wrote.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// statusError is an error whose exit status is known where it was made.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// exitStatus is the status for what a verb returned. ctx is the program's.
func exitStatus(ctx context.Context, err error) int {
	var (
		usage  *usageError
		status *statusError
		e      *halibut.Error
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &status):
		return status.status
	case errors.As(err, &e):
		return statusOf(e)
	default:
		return exitFailed
	}
}

// statusOf is the status for an error of a call or a connection.
func statusOf(e *halibut.Error) int {
	switch e.Code {
	case halibut.CodeUntrusted:
		return exitUntrusted
	case halibut.CodeConnect, halibut.CodeQueueTimeout:
		return exitUnreachable
	case halibut.CodeServiceFailed, halibut.CodeServiceNotFound, halibut.CodeMethodNotFound, halibut.CodeAmbiguousMethod:
		return exitRemote
	case halibut.CodeDeadline, halibut.CodeProtocol, halibut.CodeTransfer:
		if e.Phase == halibut.PhaseConnecting || e.Phase == halibut.PhaseQueued {
			return exitUnreachable
		}
	}
	if e.Remote {
		return exitRemote
	}
	return exitFailed
}

// prefixed is an error's text with the program's name, which the library's
// errors have already.
func prefixed(err error) string {
	text := err.Error()
	if !strings.HasPrefix(text, "halibut: ") {
		text = "halibut: " + text
	}
	return text
}
