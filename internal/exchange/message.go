package exchange

import (
	"sync"

	"github.com/halibut-go/halibut/wire"
)

var (
	lineNext    = []byte(wire.Next + "\r\n")
	lineProceed = []byte(wire.Proceed + "\r\n")
	lineEnd     = []byte(wire.End + "\r\n")
	nullRequest = wire.AppendDeflated(nil, wire.AppendNullRequest(nil))
)

// message is an encoded message in a pooled buffer.
type message struct {
	bytes  []byte
	pooled *[]byte
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// largestPooled keeps one large message from holding memory for ever.
const largestPooled = 256 << 10

func (m message) free() {
	if cap(m.bytes) <= largestPooled {
		*m.pooled = m.bytes[:0]
		buffers.Put(m.pooled)
	}
}

func encodeRequest(line []byte, r *wire.Request) (message, error) {
	return encode(line, func(dst []byte) ([]byte, error) { return wire.AppendRequest(dst, r) })
}

func encodeResponse(line []byte, r *wire.Response) (message, error) {
	return encode(line, func(dst []byte) ([]byte, error) { return wire.AppendResponse(dst, r) })
}

// encode makes a message, with a control line before it.
func encode(line []byte, appendDocument func([]byte) ([]byte, error)) (message, error) {
	scratch := buffers.Get().(*[]byte)
	defer func() {
		if cap(*scratch) <= largestPooled {
			buffers.Put(scratch)
		}
	}()
	document, err := appendDocument((*scratch)[:0])
	if err != nil {
		return message{}, &EncodeError{err}
	}
	*scratch = document[:0]
	m := message{pooled: buffers.Get().(*[]byte)}
	m.bytes = wire.AppendDeflated(append((*m.pooled)[:0], line...), document)
	return m, nil
}
