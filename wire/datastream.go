package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

// A DataStream is a stream of bytes of known length that travels beside a
// message, as an argument, as a result or inside either. Its length is not
// bounded by memory.
//
// A stream to send is made by [StreamBytes], [StreamFile], [StreamFunc] or
// [StreamOf]. A received one holds memory or a share of a temporary file until
// Close.
//
// Its methods may be called from any goroutine. One that can be read again,
// which is all but StreamOf's, may be an argument of several calls at once.
type DataStream struct {
	id      uuid.UUID // of a received stream
	content *content
	report  func(Progress)
}

// content is what the views of one stream share.
type content struct {
	size int64

	// A stream to send.
	open      func() (io.ReadCloser, error)
	check     func() error // finds out before sending that open must fail
	bytes     []byte       // instead of open
	singleUse bool
	used      atomic.Bool

	// A received stream.
	received bool
	mu       sync.Mutex
	spool    *spool
	cleanup  runtime.Cleanup
	live     *liveFrame
	release  func() // lets go of what open reads
	err      error  // why there is nothing to open; nil once it has come
}

var (
	errPending = errors.New("the data stream has not come yet")
	errClosed  = errors.New("the data stream is closed")
	errNoValue = errors.New("a DataStream without content: make it with StreamOf, StreamBytes, StreamFile or StreamFunc")
)

// ErrStreamUsed says that a stream made by [StreamOf] was sent already, so that a
// call with it cannot be made, or not again.
var ErrStreamUsed = errors.New("the data stream can be read only once and was read already: make it with StreamFunc or StreamFile to have it read again, for a retry or for a second occurrence")

// StreamOf returns a stream that takes exactly size bytes from r, which must
// end then. It can be sent once, so that a call with it cannot be tried again;
// r is not closed.
func StreamOf(r io.Reader, size int64) *DataStream {
	return &DataStream{content: &content{
		size:      size,
		singleUse: true,
		open:      func() (io.ReadCloser, error) { return io.NopCloser(r), nil },
	}}
}

// StreamBytes returns a stream of b, which must not be changed while it is in
// use.
func StreamBytes(b []byte) *DataStream {
	return &DataStream{content: &content{
		size:  int64(len(b)),
		bytes: b,
		open:  func() (io.ReadCloser, error) { return readSeekNopCloser{bytes.NewReader(b)}, nil },
	}}
}

type readSeekNopCloser struct{ *bytes.Reader }

func (readSeekNopCloser) Close() error { return nil }

// StreamFile returns a stream of the named file. The file's length is taken
// now; the file is opened when it is sent. If its length has changed by then,
// sending fails.
func StreamFile(name string) (*DataStream, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory, no file to send", name)
	}
	size := info.Size()
	same := func(info os.FileInfo, err error) error {
		if err == nil && info.Size() != size {
			err = fmt.Errorf("%s had %d bytes when it was made a data stream and has %d now", name, size, info.Size())
		}
		return err
	}
	return &DataStream{content: &content{
		size:  size,
		check: func() error { return same(os.Stat(name)) },
		open: func() (io.ReadCloser, error) {
			f, err := os.Open(name)
			if err != nil {
				return nil, err
			}
			if err := same(f.Stat()); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return f, nil
		},
	}}, nil
}

// StreamFunc returns a stream that calls open whenever it is read. What open
// returns must yield size bytes and then end; it is closed after that. open may
// be called from several goroutines, for retries and parallel calls.
func StreamFunc(size int64, open func() (io.ReadCloser, error)) *DataStream {
	return &DataStream{content: &content{size: size, open: open}}
}

// newReceived returns a stream that is filled when its frame comes.
func newReceived(id uuid.UUID, size int64) *DataStream {
	return &DataStream{id: id, content: &content{size: size, received: true, err: errPending}}
}

// Size is the declared length in bytes.
func (d *DataStream) Size() int64 {
	if d == nil || d.content == nil {
		return 0
	}
	return d.content.size
}

// WithProgress returns the same stream with a function that is told how far
// sending it, or saving it with SaveTo, has come. Each sending and saving
// reports on its own, from the goroutine that does it, and waits for report to
// return.
func (d *DataStream) WithProgress(report func(Progress)) *DataStream {
	view := *d
	view.report = report
	return &view
}

// Open returns the stream's bytes from the first on. A received stream can be
// opened any number of times until Close, unless it comes straight from the
// connection; one of StreamOf once. The caller closes what Open returns.
func (d *DataStream) Open() (io.ReadCloser, error) {
	if d == nil || d.content == nil {
		return nil, errNoValue
	}
	c := d.content
	if c.received {
		return c.openReceived()
	}
	if c.singleUse && c.used.Swap(true) {
		return nil, ErrStreamUsed
	}
	return c.open()
}

func (c *content) openReceived() (io.ReadCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, c.err
	case c.live != nil:
		if c.used.Swap(true) {
			return nil, errors.New("the data stream comes straight from the connection and was opened already")
		}
		return io.NopCloser(c.live), nil
	case c.open != nil:
		return c.open()
	}
	return &spoolReader{ReadSeeker: c.spool.reader(), content: c}, nil
}

// A spoolReader reads a received stream and keeps it alive.
type spoolReader struct {
	io.ReadSeeker
	content *content
}

func (r *spoolReader) Close() error { return nil }

// WriteTo implements [io.WriterTo], in larger pieces than io.Copy has.
func (r *spoolReader) WriteTo(w io.Writer) (int64, error) {
	if whole, ok := r.ReadSeeker.(io.WriterTo); ok { // from memory
		return whole.WriteTo(w)
	}
	buf := copyBuffers.Get().(*copyBuffer)
	defer copyBuffers.Put(buf)
	return copyCounting(w, r.ReadSeeker, buf[:], new(progressMeter))
}

// ready tells before a message is written that the stream could not be sent.
func (d *DataStream) ready() error {
	if d == nil || d.content == nil {
		return errNoValue
	}
	c := d.content
	switch {
	case c.size < 0:
		return fmt.Errorf("a data stream of %d bytes", c.size)
	case c.singleUse && c.used.Load():
		return ErrStreamUsed
	case c.check != nil:
		return c.check()
	case c.received:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	}
	return nil
}

// Bytes returns a copy of the whole stream. One longer than limit is a
// *LimitError; a negative limit is none.
func (d *DataStream) Bytes(limit int64) ([]byte, error) {
	size := d.Size()
	if limit >= 0 && size > limit {
		return nil, &LimitError{What: "length of a data stream in memory", Limit: limit, Actual: size}
	}
	var b bytes.Buffer
	// A length is only a claim: what is allocated first is bounded.
	b.Grow(int(min(max(size, 0), 64<<10)) + bytes.MinRead)
	if err := d.copyTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// copyTo copies the stream and checks its length.
func (d *DataStream) copyTo(w io.Writer) error {
	r, err := d.Open()
	if err != nil {
		return err
	}
	size := d.Size()
	meter := progressMeter{report: d.report, size: size}
	buf := copyBuffers.Get().(*copyBuffer)
	defer copyBuffers.Put(buf)
	copied, err := copyCounting(w, io.LimitReader(r, size), buf[:], &meter)
	if err == nil && copied == size {
		copied, err = countBeyond(r, size, buf[:])
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if copied != size {
		return &StreamError{ID: d.id, Sending: !d.content.received, Declared: size, Actual: copied}
	}
	meter.finish()
	return nil
}

// copyCounting is io.CopyBuffer that reports each step.
func copyCounting(w io.Writer, r io.Reader, buf []byte, meter *progressMeter) (copied int64, err error) {
	for {
		n, err := r.Read(buf)
		if n > 0 {
			written, err := writeAll(w, buf[:n])
			copied += int64(written)
			if err != nil {
				return copied, err
			}
			meter.advance(copied)
		}
		if err == io.EOF {
			return copied, nil
		}
		if err != nil {
			return copied, err
		}
	}
}

// SaveTo writes the stream to the named file. The file appears, or replaces
// the one that was there, only when all of it is on disk: it is written beside
// its place first and renamed. When SaveTo fails nothing is left behind.
func (d *DataStream) SaveTo(name string) error {
	f, err := CreateFile(name)
	if err == nil {
		defer f.Abort()
		if err = d.copyTo(f); err == nil {
			err = f.Commit()
		}
	}
	if err != nil {
		return fmt.Errorf("saving a data stream to %s: %w", name, err)
	}
	return nil
}

// Close lets go of what a received stream holds. One that comes straight from
// the connection is read to its end, so that the connection can go on; its
// error then is the connection's. Close may be called again, and does nothing
// to a stream that was made for sending.
func (d *DataStream) Close() error {
	if d == nil || d.content == nil || !d.content.received {
		return nil
	}
	c := d.content
	c.mu.Lock()
	spool, live, release := c.spool, c.live, c.release
	c.spool, c.live, c.open, c.release = nil, nil, nil, nil
	if c.err != errDelivered {
		c.err = errClosed
	}
	c.mu.Unlock()
	if spool != nil {
		c.cleanup.Stop()
		spool.release()
	}
	if release != nil {
		c.cleanup.Stop()
		release()
	}
	if live != nil {
		return live.Close()
	}
	return nil
}

// fill takes the bytes of a received stream. It returns false when the stream
// was closed meanwhile.
func (c *content) fill(s *spool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != errPending {
		return false
	}
	c.spool, c.err = s, nil
	// For a stream that nobody closes.
	c.cleanup = runtime.AddCleanup(c, (*spool).release, s)
	return true
}

// fail says why a stream will never come.
func (c *content) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == errPending {
		c.err = err
	}
}

// goLive lets a received stream be read straight from the connection.
func (c *content) goLive(f *liveFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == errPending {
		c.live, c.err = f, nil
	}
	return c.err
}
