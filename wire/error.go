package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// A ProtocolError says that the peer sent what the protocol does not allow at
// this place. The connection is out of step and has to be closed.
type ProtocolError struct {
	// Message is the whole text where the protocol's other implementations
	// have a fixed one. It is empty otherwise.
	Message string
	// Expected says what may stand at this place.
	Expected string
	// Found says what stood there, with a short quotation of untrusted bytes
	// at most.
	Found string
	// Err is the cause, when another reader found the fault.
	Err error
}

func (e *ProtocolError) Error() string {
	text := e.Message
	if text == "" {
		text = "expected " + e.Expected + ", found " + e.Found
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *ProtocolError) Unwrap() error { return e.Err }

// A LimitError says that the peer, or the caller, asked for more than a limit
// allows.
type LimitError struct {
	// What is limited, with the name of its field in [Limits].
	What string
	// Limit is the limit in force, Actual what was asked for: bytes, or a
	// count. Actual is the least that is known where the whole was not read.
	Limit, Actual int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %d is over the limit of %d", e.What, e.Actual, e.Limit)
}

// A StreamError says what went wrong in the frame of one data stream. When it
// comes from writing, the peer waits for bytes that will not come: the
// connection has to be closed at once.
type StreamError struct {
	// ID is the stream's id, as in its husk.
	ID uuid.UUID
	// Sending tells a source that failed from a frame that came wrong.
	Sending bool
	// Declared is the stream's length as its husk has it, Actual the number
	// of bytes that came. With More set there were more than Actual, and
	// counting was given up.
	Declared, Actual int64
	More             bool
	// Err is what ended the stream early, when it was not its own end.
	Err error
}

func (e *StreamError) Error() string {
	var b strings.Builder
	if e.Err != nil {
		verb := "receiving"
		if e.Sending {
			verb = "sending"
		}
		fmt.Fprintf(&b, "%s data stream %s: stopped after %d of %d bytes: %v", verb, e.ID, e.Actual, e.Declared, e.Err)
		return b.String()
	}
	more := ""
	if e.More {
		more = "more than "
	}
	if e.Sending {
		fmt.Fprintf(&b, "Data stream size mismatch detected during send. Stream ID: %s. Declared length: %d. Actual bytes written: %s%d",
			e.ID, e.Declared, more, e.Actual)
	} else {
		fmt.Fprintf(&b, "Data stream size mismatch detected. Stream ID: %s. Expected length: %d. Actual length: %s%d",
			e.ID, e.Declared, more, e.Actual)
	}
	return b.String()
}

func (e *StreamError) Unwrap() error { return e.Err }

// A SpoolError says that a received data stream could not be kept: its
// temporary file failed, or the budget for such files is used up. The stream
// was read to its end nevertheless, so the connection is still in step.
type SpoolError struct {
	// ID is the stream that could not be kept.
	ID uuid.UUID
	// Dir is the directory for temporary files.
	Dir string
	Err error
}

func (e *SpoolError) Error() string {
	return fmt.Sprintf("keeping data stream %s in a temporary file in %q: %v", e.ID, e.Dir, e.Err)
}

func (e *SpoolError) Unwrap() error { return e.Err }

// quoteLimit caps how much of untrusted bytes an error repeats.
const quoteLimit = 40

// quote makes bytes from the peer fit for an error's text.
func quote(s string) string {
	if len(s) > quoteLimit {
		return strconv.QuoteToASCII(s[:quoteLimit]) + "… (" + strconv.Itoa(len(s)) + " bytes)"
	}
	return strconv.QuoteToASCII(s)
}
