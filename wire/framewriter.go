package wire

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/google/uuid"
)

// countBeyondLimit caps how much of a source that should have ended is read in
// order to say how long it is.
const countBeyondLimit = 1 << 20

// WriteStreams writes head, which may be empty, and then the frames of the
// streams to w. What is short leaves together: a message with small streams is
// one write.
//
// A *StreamError says that a source did not yield what was declared, or could
// not be opened or read. The peer then waits for the rest of the frame: the
// connection has to be closed. Any other error is w's.
func WriteStreams(w io.Writer, head []byte, s *Streams) error {
	if s == nil || s.Len() == 0 {
		if len(head) == 0 {
			return nil
		}
		_, err := w.Write(head)
		return err
	}
	buf := copyBuffers.Get().(*copyBuffer)
	defer copyBuffers.Put(buf)
	f := frameWriter{w: w, buf: buf[:0]}
	if err := f.write(head, nil); err != nil {
		return err
	}
	for i := range s.list {
		if err := f.frame(s.list[i].id, s.list[i].stream); err != nil {
			return err
		}
	}
	return f.flush()
}

// A frameWriter collects what is short.
type frameWriter struct {
	w   io.Writer
	buf []byte // of fixed capacity
}

func (f *frameWriter) flush() error {
	if len(f.buf) == 0 {
		return nil
	}
	_, err := f.w.Write(f.buf)
	f.buf = f.buf[:0]
	return err
}

// write takes p into the buffer, or writes it past the buffer when it is long.
func (f *frameWriter) write(p []byte, meter *progressMeter) error {
	if len(p) <= cap(f.buf)-len(f.buf) {
		f.buf = append(f.buf, p...)
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	for written := 0; written < len(p); {
		n, err := f.w.Write(p[written:min(len(p), written+cap(f.buf))])
		if err != nil {
			return err
		}
		written += n
		if meter != nil {
			meter.advance(int64(written))
		}
	}
	return nil
}

func (f *frameWriter) frame(id uuid.UUID, ds *DataStream) error {
	size := ds.Size()
	meter := progressMeter{report: ds.report, size: size}
	var edge [frameHeaderLen]byte
	if err := f.write(appendFrameHeader(edge[:0], id, size), nil); err != nil {
		return err
	}
	if c := ds.content; c.bytes != nil {
		if err := f.write(c.bytes, &meter); err != nil {
			return err
		}
	} else if err := f.source(id, ds, &meter); err != nil {
		return err
	}
	if err := f.write(binary.LittleEndian.AppendUint64(edge[:0], uint64(size)), nil); err != nil {
		return err
	}
	if meter.report == nil {
		return nil
	}
	// 100 percent means that all of it was written.
	if err := f.flush(); err != nil {
		return err
	}
	meter.finish()
	return nil
}

// source writes the bytes of a stream that has to be opened.
func (f *frameWriter) source(id uuid.UUID, ds *DataStream, meter *progressMeter) (err error) {
	size := ds.Size()
	failed := func(copied int64, err error) error {
		return &StreamError{ID: id, Sending: true, Declared: size, Actual: copied, Err: err}
	}
	r, err := ds.Open()
	if err != nil {
		return failed(0, err)
	}
	defer func() {
		if closeErr := r.Close(); err == nil && closeErr != nil {
			err = failed(size, closeErr)
		}
	}()
	copied := int64(0)
	for idle := 0; copied < size; {
		if len(f.buf) == cap(f.buf) {
			if err := f.flush(); err != nil {
				return err
			}
			meter.advance(copied)
		}
		have := len(f.buf)
		n, err := r.Read(f.buf[have:min(int64(cap(f.buf)), int64(have)+size-copied)])
		f.buf = f.buf[:have+n]
		copied += int64(n)
		if idle++; n > 0 {
			idle = 0
		}
		switch {
		case err == io.EOF && copied < size:
			return failed(copied, nil)
		case err != nil && err != io.EOF:
			return failed(copied, err)
		case idle == 100:
			return failed(copied, io.ErrNoProgress)
		}
	}
	if len(f.buf) == cap(f.buf) {
		if err := f.flush(); err != nil {
			return err
		}
		meter.advance(copied)
	}
	actual, err := countBeyond(r, size, f.buf[len(f.buf):cap(f.buf)])
	if err != nil {
		return failed(size, err)
	}
	if actual > size {
		return &StreamError{ID: id, Sending: true, Declared: size, Actual: actual, More: actual-size >= countBeyondLimit}
	}
	return nil
}

// countBeyond reads on in a source that should have ended after size bytes,
// and returns its true length, or as far as it was counted.
func countBeyond(r io.Reader, size int64, scratch []byte) (int64, error) {
	actual := size
	for idle := 0; actual-size < countBeyondLimit && idle < 100; {
		n, err := r.Read(scratch)
		actual += int64(n)
		if errors.Is(err, io.EOF) {
			return actual, nil
		}
		if err != nil {
			return actual, err
		}
		if idle++; n > 0 {
			idle = 0
		}
	}
	if actual == size {
		return actual, io.ErrNoProgress
	}
	return actual, nil
}
