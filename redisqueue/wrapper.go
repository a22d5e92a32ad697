package redisqueue

import (
	"fmt"

	"github.com/google/uuid"
)

// Kind is what a stored message is.
type Kind string

// The kinds of messages.
const (
	KindRequest  Kind = "request"
	KindResponse Kind = "response"
	KindFailure  Kind = "failure" // how a call between Go nodes ended without a response
)

// Message says which message a Wrapper has before it.
type Message struct {
	Endpoint string
	ID       uuid.UUID
	Kind     Kind
	Pins     string // who may collect the request, separated by spaces
	Metadata []byte // of its data streams
}

// A Wrapper changes the bytes of messages on their way to Redis and back. All
// nodes that share a queue must have the same wrappers in the same order:
// nothing in a message tells which were used (Redis queue protocol, section
// 3.4). Its methods may be called from any goroutine.
type Wrapper interface {
	// Wrap returns the bytes to store; it may not change plain.
	Wrap(m Message, plain []byte) ([]byte, error)
	// Unwrap undoes Wrap. wrapped is what somebody stored in Redis, and may be
	// anything; what comes out may have limit bytes at most.
	Unwrap(m Message, wrapped []byte, limit int64) ([]byte, error)
}

// wrappers are applied as .NET applies them: the first is the nearest to Redis.
type wrappers []Wrapper

func (ws wrappers) wrap(m Message, b []byte) ([]byte, error) {
	for i := len(ws) - 1; i >= 0; i-- {
		var err error
		if b, err = ws[i].Wrap(m, b); err != nil {
			return nil, fmt.Errorf("%T: %w", ws[i], err)
		}
	}
	return b, nil
}

// wrapperOverhead is more than a wrapper makes a message longer.
const wrapperOverhead = 4 << 10

func (ws wrappers) unwrap(m Message, b []byte, limit int64) ([]byte, error) {
	for _, w := range ws {
		var err error
		// What comes out may still be wrapped, and then be a little longer.
		if b, err = w.Unwrap(m, b, min(limit, 1<<62)+wrapperOverhead); err != nil {
			return nil, fmt.Errorf("%T: %w", w, err)
		}
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("the message has %d bytes, over the limit of %d (Options.Limits.Document)", len(b), limit)
	}
	return b, nil
}
