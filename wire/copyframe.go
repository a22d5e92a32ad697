package wire

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
)

var errDelivered = errors.New("the data stream was written to the writer that the call was given: its bytes are there and nowhere else")

// A WriterError says that a writer for which a data stream was meant failed.
type WriterError struct {
	// ID is the stream.
	ID uuid.UUID
	// Written of Size bytes were taken before.
	Written, Size int64
	// InStep: the rest of the stream was read over, so that the connection can
	// go on. Otherwise it has to be closed.
	InStep bool
	// Err is the writer's.
	Err error
}

func (e *WriterError) Error() string {
	return fmt.Sprintf("writing data stream %s: stopped after %d of %d bytes: %v", e.ID, e.Written, e.Size, e.Err)
}

func (e *WriterError) Unwrap() error { return e.Err }

// skipLimit is up to which length the rest of a stream that nobody takes is read
// over, to keep the connection. A new connection costs less than more of it.
const skipLimit = 1 << 20

// sized is a writer that wants to know beforehand how much it is going to get.
type sized interface{ Size(int64) }

func tellSize(w io.Writer, size int64) {
	if w, ok := w.(sized); ok {
		w.Size(size)
	}
}

// CopyFrame reads the next frame that is wanted and writes its bytes to w as they
// come, in place of keeping them. What it returns has its size and cannot be
// opened. The writes are of up to 128 KiB; what comes in small pieces is not
// held back. When w fails the error is a *WriterError. A w that has a method
// Size(int64) is told the stream's size before the first byte.
func (r *Reader) CopyFrame(s *Streams, w io.Writer) (*DataStream, error) {
	i, h, err := r.nextFrame(s)
	if err != nil {
		return nil, err
	}
	s.arrive(i)
	ds := s.list[i].stream
	if err := r.copyFrame(h, w); err != nil {
		ds.content.fail(err)
		return nil, err
	}
	ds.content.fail(errDelivered)
	return ds, nil
}

func (r *Reader) copyFrame(h frameHeader, w io.Writer) error {
	meter := progressMeter{report: r.opts.Receiving, size: h.length}
	tellSize(w, h.length)
	got, failed, err := r.copyOut(w, h.length, &meter)
	if err != nil {
		return h.cut(got, err)
	}
	if failed == nil {
		if err := r.readFrameTrailer(h); err != nil {
			return err
		}
		meter.finish()
		return nil
	}
	failed.ID = h.id
	if h.length-got > skipLimit {
		return failed
	}
	if skipped, err := r.skip(h.length - got); err != nil {
		return h.cut(got+skipped, err)
	}
	if err := r.readFrameTrailer(h); err != nil {
		return err
	}
	failed.InStep = true
	return failed
}

// smallPiece is what is not held back because more may take long to come. What
// comes faster comes in whole records of TLS.
const smallPiece = 4 << 10

// readPiece reads until p is full or until what comes is little. It reads past the
// Reader's own buffer as long as there is room for a record.
func (r *Reader) readPiece(p []byte) (n int, err error) {
	for idle := 0; n < len(p); {
		left := r.Buffered() > 0 // of a record that is larger, maybe
		m, err := r.Read(p[n:])
		n += m
		switch {
		case err != nil:
			return n, err
		case m > 0 && m < smallPiece && !left:
			return n, nil
		case m > 0:
			idle = 0
		case idle == 100:
			return n, io.ErrNoProgress
		}
		idle++
	}
	return n, nil
}

// copyOut moves the size bytes of a frame from the connection to w. failed is the
// *WriterError of w; err is the connection's.
func (r *Reader) copyOut(w io.Writer, size int64, meter *progressMeter) (got int64, failed *WriterError, err error) {
	buf := copyBuffers.Get().(*copyBuffer)
	defer copyBuffers.Put(buf)
	for got < size && err == nil {
		var n int
		n, err = r.readPiece(buf[:min(size-got, int64(len(buf)))])
		if err != nil && got+int64(n) < size && !endedByPeer(err) {
			return got + int64(n), nil, err // whoever ended it may not be waiting for w any more
		}
		written, writeErr := writeAll(w, buf[:n])
		if writeErr != nil {
			failed = &WriterError{Written: got + int64(written), Size: size, Err: writeErr}
			return got + int64(n), failed, nil
		}
		got += int64(n)
		meter.advance(got)
	}
	if got == size {
		err = nil // it shows again, if it matters
	}
	return got, nil, err
}

// endedByPeer tells the end of what comes from the end of reading it.
func endedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// writeAll writes p, and holds w to the contract of io.Writer.
func writeAll(w io.Writer, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := w.Write(p)
	switch {
	case n < 0 || n > len(p):
		return 0, fmt.Errorf("a Write of %d bytes says that it has written %d", len(p), n)
	case err == nil && n < len(p):
		err = io.ErrShortWrite
	}
	return n, err
}

// Deliver writes the one stream of a received message to w as CopyFrame does,
// unless that was done, and closes it. A failure of w is a *WriterError.
func (s *Streams) Deliver(ctx context.Context, w io.Writer) error {
	if n := s.Len(); n != 1 {
		return fmt.Errorf("the message has %d data streams, and one can be written", n)
	}
	d := s.list[0].stream
	if d.content.delivered() {
		return nil
	}
	tellSize(w, d.Size())
	if err := d.copyTo(&deliverer{ctx, w, d, 0}); err != nil {
		return err
	}
	err := d.Close()
	d.content.mu.Lock()
	defer d.content.mu.Unlock()
	d.content.err = errDelivered
	return err
}

// Delivered returns the one stream of a message as its receiver has it once its
// bytes were written to w, which it does, for one that is handed over within a
// process (Received). A failure of w is a *WriterError, one of the source a
// *StreamError.
func (s *Streams) Delivered(ctx context.Context, w io.Writer) (*Streams, error) {
	if n := s.Len(); n != 1 {
		return nil, fmt.Errorf("the message has %d data streams, and one can be written", n)
	}
	id, d := s.list[0].id, s.list[0].stream
	tellSize(w, d.Size())
	if err := d.copyTo(&deliverer{ctx, w, d, 0}); err != nil {
		return nil, err
	}
	received := &Streams{limit: s.limit}
	there, err := received.Bind(id, d.Size())
	if err != nil {
		return nil, err
	}
	there.content.fail(errDelivered)
	received.arrive(0)
	return received, nil
}

func (c *content) delivered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == errDelivered
}

// deliverer tells a failure of the writer from others.
type deliverer struct {
	ctx     context.Context
	w       io.Writer
	stream  *DataStream
	written int64
}

func (d *deliverer) Write(p []byte) (int, error) {
	if d.ctx.Err() != nil {
		return 0, context.Cause(d.ctx)
	}
	n, err := writeAll(d.w, p)
	d.written += int64(n)
	if err != nil {
		err = &WriterError{ID: d.stream.id, Written: d.written, Size: d.stream.Size(), InStep: true, Err: err}
	}
	return n, err
}
