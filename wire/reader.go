package wire

import (
	"bufio"
	"bytes"
	"io"
	"sync"
)

// parkedRoom is what WaitSoon takes at once: most small calls as a whole.
type parkedRoom [768]byte

var parkedRooms = sync.Pool{New: func() any { return new(parkedRoom) }}

// readerBuffer is the size of a reader's buffer: one TLS record.
const readerBuffer = 16 << 10

var readerBuffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readerBuffer) }}

// ReaderOptions say how a [Reader] guards itself. The zero value is valid. One
// value may serve any number of readers.
type ReaderOptions struct {
	Limits Limits
	// Budget is shared with other readers; nil sets no common limit.
	Budget *Budget
	// TempDir is the directory for the temporary files of long data streams.
	// Empty means os.TempDir().
	TempDir string
	// Receiving, if not nil, is told how far each data stream has come that is
	// received and kept, in the goroutine that reads. It must be quick: it holds
	// the connection up.
	Receiving func(Progress)
}

// A Reader takes the items of the protocol from a connection: preamble, lines,
// documents and data streams, in whatever order the conversation demands. What
// the connection yields beyond an item stays in the Reader for the next.
//
// A Reader is for one goroutine at a time, and must not be copied. It has no
// deadlines of its own: they are the connection's business.
type Reader struct {
	src  io.Reader
	opts *ReaderOptions
	buf  *bufio.Reader // from readerBuffers; nil while parked

	parked []byte // what ended a wait and was not taken yet: in one, or in room
	one    [1]byte
	room   *parkedRoom // from parkedRooms, from WaitSoon to Wait

	documents int64 // bytes of the Budget held for the last document
	stored    bool  // the last document came in stored blocks alone
}

// NewReader returns a Reader on src. Nil options are the defaults.
func NewReader(src io.Reader, opts *ReaderOptions) *Reader {
	r := new(Reader)
	r.Reset(src, opts)
	return r
}

// Reset has r, which may be a zero Reader that is part of something else, read
// from src as one that NewReader returned. One that was used must have been closed.
func (r *Reader) Reset(src io.Reader, opts *ReaderOptions) {
	if opts == nil {
		opts = new(ReaderOptions)
	}
	*r = Reader{src: src, opts: opts}
}

func (r *Reader) limits() *Limits { return &r.opts.Limits }

// readerSource is the connection as the buffer sees it: what Wait took comes
// first.
type readerSource Reader

func (s *readerSource) Read(p []byte) (int, error) {
	if len(s.parked) > 0 {
		n := copy(p, s.parked)
		s.parked = s.parked[n:]
		return n, nil
	}
	return s.src.Read(p)
}

func (r *Reader) buffered() *bufio.Reader {
	if r.buf == nil {
		r.buf = readerBuffers.Get().(*bufio.Reader)
		r.buf.Reset((*readerSource)(r))
	}
	return r.buf
}

func (r *Reader) releaseBuffer() {
	if r.buf != nil {
		r.buf.Reset(nil)
		readerBuffers.Put(r.buf)
		r.buf = nil
	}
}

// LineBuffered reports whether a whole line has come that was not consumed.
func (r *Reader) LineBuffered() bool {
	if bytes.IndexByte(r.parked, '\n') >= 0 {
		return true
	}
	if r.buf == nil {
		return false
	}
	come, _ := r.buf.Peek(r.buf.Buffered()) // never fails for so many
	return bytes.IndexByte(come, '\n') >= 0
}

// Buffered is the number of bytes that have come and were not consumed.
func (r *Reader) Buffered() int {
	n := len(r.parked)
	if r.buf != nil {
		n += r.buf.Buffered()
	}
	return n
}

func (r *Reader) releaseRoom() {
	r.parked = nil // it must not keep the room
	if r.room != nil {
		parkedRooms.Put(r.room)
		r.room = nil
	}
}

// Wait returns when there is a byte to read. While it waits the Reader holds
// no buffer, so an idle connection costs next to nothing. After an error such as
// a passed deadline it may be called again; nothing is lost.
func (r *Reader) Wait() error {
	if r.Buffered() > 0 {
		return nil
	}
	r.releaseBuffer()
	r.releaseRoom()
	return r.wait(r.one[:])
}

// WaitSoon is Wait where something is likely to come soon. The Reader holds room
// for a small message then, up to the next Wait, and reads one as a whole.
func (r *Reader) WaitSoon() error {
	if r.Buffered() > 0 {
		return nil
	}
	r.releaseBuffer()
	if r.room == nil {
		r.room = parkedRooms.Get().(*parkedRoom)
	}
	return r.wait(r.room[:])
}

func (r *Reader) wait(room []byte) error {
	for range 100 {
		n, err := r.src.Read(room)
		if n > 0 {
			r.parked = room[:n]
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// Peek returns the next n bytes without consuming them, n being at most 16 KiB.
// They are valid until the next call. When fewer are returned the error says
// why; it is io.EOF at the connection's end.
func (r *Reader) Peek(n int) ([]byte, error) { return r.buffered().Peek(n) }

// Discard consumes n bytes, reading them first if need be.
func (r *Reader) Discard(n int) (int, error) { return r.buffered().Discard(n) }

// Read reads raw bytes, for a conversation that is not Halibut's. It makes the
// Reader an io.Reader that yields what was peeked at first.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return r.buffered().Read(p)
}

// Close gives back the buffer and the Reader's share of the Budget. It does
// not close the connection. Bytes that were not consumed are lost.
func (r *Reader) Close() error {
	r.ReleaseDocument()
	r.releaseRoom()
	r.releaseBuffer()
	return nil
}
