package replay

import (
	"encoding/binary"
	"fmt"
)

// Kind says what an [Item] is.
type Kind uint8

const (
	// Preamble is MX and a blank line.
	Preamble Kind = iota + 1
	// Identity is an identity line and its blank line.
	Identity
	// Line is a control line.
	Line
	// Message is a message with the streams that belong to it.
	Message
	// LateFrame is a stream's frame that comes again.
	LateFrame
	// Rest is what was cut off in the middle of an item.
	Rest
	// Closed is the end of what a side wrote.
	Closed
	// Disposed is the moment in which the recorded programs began to stop.
	Disposed
)

var kindNames = [...]string{"nothing", "preamble", "identity", "line", "message", "late frame", "rest", "close", "disposal"}

func (k Kind) String() string { return kindNames[k] }

// Item is the smallest thing that one side says to the other, or an event of a
// recording.
type Item struct {
	Kind    Kind
	Dialler bool   // the side that opened the connection said it
	Bytes   []byte // as they stood on the wire
	Text    string // of a line or an identity
	Document
	Frames []Frame // of a message, each stream once
}

// Frame is one data stream.
type Frame struct {
	ID      [16]byte
	Content []byte
}

func (i Item) String() string {
	side := "acceptor"
	if i.Dialler {
		side = "dialler"
	}
	what := i.Text
	switch {
	case i.Kind == Message && i.IsNull():
		what = "null request"
	case i.Kind == Message && i.IsRequest():
		what = "request " + i.Service() + "." + i.Method()
	case i.Kind == Message:
		what = "response"
	}
	return fmt.Sprintf("%s's %s %s", side, i.Kind, what)
}

// IsRequest reports whether the item is a request that calls something.
func (i Item) IsRequest() bool { return i.Kind == Message && i.Method() != "" }

// IsResponse reports whether the item is a response.
func (i Item) IsResponse() bool { return i.Kind == Message && !i.IsNull() && i.Method() == "" }

// IsWhole reports whether the streams of a message have come.
func (i Item) IsWhole() bool {
	for _, husk := range i.Husks() {
		if _, came := i.stream(husk.ID); !came {
			return false
		}
	}
	return true
}

// stream is the content of the stream with this id.
func (i Item) stream(id [16]byte) ([]byte, bool) {
	for _, f := range i.Frames {
		if f.ID == id {
			return f.Content, true
		}
	}
	return nil, false
}

func (f Frame) appendTo(dst []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(f.Content)))
	return append(append(append(append(dst, f.ID[:]...), length...), f.Content...), length...)
}
