package halibut

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code says what kind of failure an [Error] is. Codes are stable: programs may
// switch on them.
type Code uint8

const (
	// CodeUnknown is the zero code; no error that the library makes carries it.
	CodeUnknown Code = iota
	// CodeServiceNotFound: the peer has no service of that name.
	CodeServiceNotFound
	// CodeMethodNotFound: the service has no method of that name.
	CodeMethodNotFound
	// CodeAmbiguousMethod: no overload, or more than one, fits the arguments.
	CodeAmbiguousMethod
	// CodeServiceFailed: the service's own code returned an error or panicked.
	CodeServiceFailed
	// CodeUntrusted: one side does not trust the certificate of the other.
	CodeUntrusted
	// CodeConnect: the peer could not be reached, or no conversation began.
	CodeConnect
	// CodeTransfer: the connection failed while a call was under way.
	CodeTransfer
	// CodeProtocol: the peer sent bytes that the protocol does not allow.
	CodeProtocol
	// CodeLimit: a limit of this side was reached; the message names it.
	CodeLimit
	// CodeTypeNotAllowed: a value has a type that is not registered, cannot
	// travel, or does not fit its destination.
	CodeTypeNotAllowed
	// CodeStream: a data stream did not deliver what it declared, could not be
	// stored, or can be read only once and was.
	CodeStream
	// CodeQueueTimeout: no polling service collected the request in time.
	CodeQueueTimeout
	// CodeDeadline: the context's deadline passed.
	CodeDeadline
	// CodeCanceled: the context was cancelled.
	CodeCanceled
	// CodeClosed: the runtime was shut down.
	CodeClosed
)

var codeNames = [...]string{
	"unknown", "service not found", "method not found", "ambiguous method", "service failed",
	"untrusted", "connect", "transfer", "protocol", "limit", "type not allowed", "stream",
	"queue timeout", "deadline", "canceled", "closed",
}

// String returns the code in words, such as "service not found".
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("Code(%d)", c)
}

// Outcome says what is known of the method that was to be called.
type Outcome uint8

const (
	// Unknown: the request may have reached the service; the method may or may
	// not have run.
	Unknown Outcome = iota
	// NotSent: no byte of the request reached the peer.
	NotSent
	// NotRun: the peer had the request and did not run the method.
	NotRun
	// Ran: the method ran.
	Ran
)

// String returns the outcome in words.
func (o Outcome) String() string {
	switch o {
	case NotSent:
		return "not sent"
	case NotRun:
		return "not run"
	case Ran:
		return "ran"
	default:
		return "unknown"
	}
}

// Phase says how far a call had come when it failed.
type Phase uint8

const (
	// PhaseNone: the error does not belong to a call under way.
	PhaseNone Phase = iota
	// PhaseQueued: the request waited for a polling service.
	PhaseQueued
	// PhaseConnecting: dialling, handshake, identification, or NEXT.
	PhaseConnecting
	// PhaseSent: the request, or a part of it, was written.
	PhaseSent
	// PhaseCollected: a polling service's connection had taken the request.
	PhaseCollected
	// PhaseReceiving: the response had begun to arrive.
	PhaseReceiving
)

// String returns the phase in a word.
func (p Phase) String() string {
	switch p {
	case PhaseQueued:
		return "queued"
	case PhaseConnecting:
		return "connecting"
	case PhaseSent:
		return "sent"
	case PhaseCollected:
		return "collected"
	case PhaseReceiving:
		return "receiving"
	default:
		return ""
	}
}

// Error is the error of every call, and of Serve and Poll where a peer is
// concerned. A service may return one too: its Message, Details and Type then
// travel to the caller (docs/protocol.md section 6).
type Error struct {
	Code     Code
	Outcome  Outcome
	Phase    Phase
	Attempts int           // connections tried, 0 where none was due
	Elapsed  time.Duration // how long it was tried, with Attempts
	Endpoint string        // the endpoint called, without secrets
	Addr     string        // the peer's network address, where one is known
	Method   string        // "IEchoService.SayHello"
	Message  string        // what failed
	Details  string        // the remote side's own details, often a stack trace of a .NET service
	Type     string        // the .NET type name of a remote error: kept also where it is not known here
	Hint     string        // what to do about it
	Expected []Pin         // the pins that were trusted, when Code is CodeUntrusted
	Received Pin           // the pin that was presented
	Remote   bool          // the error was made by the peer, not by this side

	cause error
	first error // of several tries, what the first one failed with, if it differs
}

// Error returns one line: what was called, what failed, how often it was
// tried and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("halibut: ")
	if e.Method != "" {
		b.WriteString(e.Method)
		if e.Endpoint != "" {
			b.WriteString(" at ")
		}
	}
	b.WriteString(e.Endpoint)
	if e.Method != "" || e.Endpoint != "" {
		b.WriteString(": ")
	}
	message := e.Message
	if message == "" && e.cause != nil {
		message = e.cause.Error()
	}
	if message == "" {
		message = e.Code.String()
	}
	b.WriteString(strings.TrimSpace(message))
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (%d tries in %s", e.Attempts, e.Elapsed.Round(time.Millisecond))
		if e.first != nil {
			fmt.Fprintf(&b, "; the first failed with: %v", e.first)
		}
		b.WriteString(")")
	}
	line := b.String()
	if e.Hint != "" {
		line = strings.TrimSuffix(line, ".") + ". " + e.Hint
	}
	return line
}

// Unwrap returns the cause, so that errors.Is(err, context.Canceled) and
// errors.As to a *net.OpError work.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error of the same code that says nothing
// else, or [ErrClosed] for an error of CodeClosed.
func (e *Error) Is(target error) bool {
	if target == ErrClosed {
		return e.Code == CodeClosed
	}
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == "" && t.Method == "" && t.Endpoint == "" && t.Type == ""
}

// ErrClosed is what Serve, Poll and calls return after Shutdown or Close.
var ErrClosed = errors.New("halibut: the runtime is closed")

// CodeOf returns the code of the first [Error] in err's chain, CodeCanceled or
// CodeDeadline for bare context errors, and CodeUnknown for everything else,
// nil included.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return CodeDeadline
	case errors.Is(err, ErrClosed):
		return CodeClosed
	default:
		return CodeUnknown
	}
}

// SafeToRetry reports whether the method certainly did not run, so that making
// the call again cannot run it twice. It is false for nil, for errors that are
// not of this library, and for every doubt.
func SafeToRetry(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Outcome == NotSent || e.Outcome == NotRun)
}
