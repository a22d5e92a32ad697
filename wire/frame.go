package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/google/uuid"
)

// A frame is the stream's id, its length, its bytes, and its length again.
const (
	frameIDLen      = 16
	frameHeaderLen  = frameIDLen + 8
	frameTrailerLen = 8
)

func appendFrameHeader(dst []byte, id uuid.UUID, length int64) []byte {
	dst = AppendGUID(dst, id)
	return binary.LittleEndian.AppendUint64(dst, uint64(length))
}

type frameHeader struct {
	id     uuid.UUID
	length int64
}

func (r *Reader) readFrameHeader() (frameHeader, error) {
	p, err := r.Peek(frameHeaderLen)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return frameHeader{}, fmt.Errorf("reading the head of a data stream: %w", err)
	}
	h := frameHeader{id: GUID([frameIDLen]byte(p)), length: int64(binary.LittleEndian.Uint64(p[frameIDLen:]))}
	if h.length < 0 {
		return h, &ProtocolError{Expected: "the length of data stream " + h.id.String(), Found: fmt.Sprint(h.length)}
	}
	_, err = r.Discard(frameHeaderLen)
	return h, err
}

// readFrameTrailer reads the length behind the stream's bytes and compares it.
func (r *Reader) readFrameTrailer(h frameHeader) error {
	p, err := r.Peek(frameTrailerLen)
	if err != nil {
		return h.cut(h.length, err)
	}
	if again := int64(binary.LittleEndian.Uint64(p)); again != h.length {
		return &StreamError{ID: h.id, Declared: h.length, Actual: again}
	}
	_, err = r.Discard(frameTrailerLen)
	return err
}

// cut wraps a failure of the connection after got bytes.
func (h frameHeader) cut(got int64, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &StreamError{ID: h.id, Declared: h.length, Actual: got, Err: err}
}

// ReadStreams reads the frames of all bound streams that have not come yet, in
// any order, and keeps them: in memory up to Limits.StreamMemory and as far as
// the Budget goes, otherwise in a temporary file. Frames that came twice, or
// that were only allowed, are skipped.
//
// After a *SpoolError the other streams are there and the connection is in
// step; after any other error it is not.
func (r *Reader) ReadStreams(s *Streams) error {
	var kept error
	for s.Pending() > 0 {
		_, err := r.ReadFrame(s)
		var spool *SpoolError
		if errors.As(err, &spool) {
			kept = errors.Join(kept, err)
			continue
		}
		if err != nil {
			s.Fail(err)
			return err
		}
	}
	return kept
}

// ReadFrame reads the next frame that is wanted, as ReadStreams does, and
// returns its stream.
func (r *Reader) ReadFrame(s *Streams) (*DataStream, error) {
	i, h, err := r.nextFrame(s)
	if err != nil {
		return nil, err
	}
	s.arrive(i)
	ds := s.list[i].stream
	sp, kept, err := r.spool(s, h)
	if err == nil {
		err = r.readFrameTrailer(h)
	}
	if err == nil {
		err = kept
	}
	if err != nil {
		sp.release()
		ds.content.fail(err)
		return nil, err
	}
	if !ds.content.fill(sp) {
		sp.release()
	}
	return ds, nil
}

// OpenFrame reads the head of the next frame that is wanted and returns its
// stream, which then can be opened once and yields the bytes straight from the
// connection. Until the stream is read to its end or closed nothing else may
// use the Reader. done is called once when that has come, with nil when the
// connection is in step, otherwise with what went wrong; it may be nil.
func (r *Reader) OpenFrame(s *Streams, done func(error)) (*DataStream, error) {
	i, h, err := r.nextFrame(s)
	if err != nil {
		return nil, err
	}
	s.arrive(i)
	ds := s.list[i].stream
	live := &liveFrame{r: r, h: h, left: h.length, done: done}
	if err := ds.content.goLive(live); err != nil {
		return nil, errors.Join(err, live.Close())
	}
	return ds, nil
}

// nextFrame reads frame heads, skipping frames that nobody wants, and returns
// the entry of the first that is wanted.
func (r *Reader) nextFrame(s *Streams) (int, frameHeader, error) {
	for {
		h, err := r.readFrameHeader()
		if err != nil {
			return 0, h, err
		}
		i, wanted, err := s.expect(h)
		if err != nil || wanted {
			return i, h, err
		}
		if err := r.skipFrame(h); err != nil {
			return 0, h, err
		}
	}
}

// expect finds out what a frame is for: for the entry it returns, or to be
// skipped, or an error because it has no place here.
func (s *Streams) expect(h frameHeader) (i int, wanted bool, err error) {
	i, ok := s.find(h.id)
	if !ok {
		a, ok := s.allowed[h.id]
		if !ok {
			return 0, false, &ProtocolError{Message: fmt.Sprintf("Unexpected stream! The message has no data stream %s", h.id)}
		}
		if a.length != h.length {
			return 0, false, &StreamError{ID: h.id, Declared: a.length, Actual: h.length}
		}
		if a.count--; a.count > 0 {
			s.allowed[h.id] = a
		} else {
			delete(s.allowed, h.id)
		}
		s.late--
		return 0, false, nil
	}
	e := &s.list[i]
	if !e.bound {
		return 0, false, &ProtocolError{Message: fmt.Sprintf("Unexpected stream! %s is the id of a data stream to send", h.id)}
	}
	if length := e.stream.Size(); length != h.length {
		return 0, false, &StreamError{ID: h.id, Declared: length, Actual: h.length}
	}
	if !e.arrived {
		return i, true, nil
	}
	if e.repeats == 0 {
		return 0, false, &ProtocolError{Message: fmt.Sprintf("Unexpected stream! Data stream %s came once more than the message names it", h.id)}
	}
	e.repeats--
	s.late--
	return 0, false, nil
}

// SkipLateFrame looks, where a control line is due, for a frame that may still
// belong to the message before: one that comes again, or one that was only
// allowed. It skips one such frame, and reports whether it did. Otherwise it
// consumes nothing, and waits for no byte beyond the first that is not such a
// frame's.
func (r *Reader) SkipLateFrame(s *Streams) (bool, error) {
	if s == nil || s.late == 0 {
		return false, nil
	}
	for n := 1; n <= frameIDLen; n++ {
		have, err := r.Peek(n)
		if len(have) < n {
			return false, err
		}
		if !s.lateFrameStarts(have) {
			return false, nil
		}
	}
	h, err := r.readFrameHeader()
	if err != nil {
		return false, err
	}
	if _, _, err := s.expect(h); err != nil {
		return false, err
	}
	return true, r.skipFrame(h)
}

// lateFrameStarts reports whether a late frame may begin with these bytes.
func (s *Streams) lateFrameStarts(start []byte) bool {
	var b [frameIDLen]byte
	for i := range s.list {
		if e := &s.list[i]; e.arrived && e.repeats > 0 && string(AppendGUID(b[:0], e.id)[:len(start)]) == string(start) {
			return true
		}
	}
	for id := range s.allowed {
		if string(AppendGUID(b[:0], id)[:len(start)]) == string(start) {
			return true
		}
	}
	return false
}

// skipFrame reads the rest of a frame and forgets it.
func (r *Reader) skipFrame(h frameHeader) error {
	if got, err := r.skip(h.length); err != nil {
		return h.cut(got, err)
	}
	return r.readFrameTrailer(h)
}

func (r *Reader) skip(n int64) (skipped int64, err error) {
	for skipped < n && err == nil {
		var step int
		step, err = r.Discard(int(min(n-skipped, 1<<30)))
		skipped += int64(step)
	}
	return skipped, err
}

// spool reads the bytes of a frame and keeps them. kept says that they could
// not be kept, though all were read; err that the connection failed. The spool
// is to be released when there is either.
func (r *Reader) spool(s *Streams, h frameHeader) (sp *spool, kept, err error) {
	sp = &spool{size: h.length, account: r.opts.Budget.spoolMemoryAccount()}
	meter := progressMeter{report: r.opts.Receiving, size: h.length}
	got := int64(0)
	if h.length <= r.limits().MaxStreamMemory() && h.length <= maxInt {
		if got, err = r.spoolToMemory(sp, int(h.length)); err != nil {
			return sp, nil, h.cut(got, err)
		}
	}
	if got == h.length {
		meter.finish()
		return sp, nil, nil
	}
	got, kept, err = r.spoolToFile(s, sp, got, &meter)
	if err != nil {
		return sp, nil, h.cut(got, err)
	}
	if kept == nil {
		meter.finish()
		return sp, nil, nil
	}
	if skipped, err := r.skip(h.length - got); err != nil {
		return sp, nil, h.cut(got+skipped, err)
	}
	dir := r.opts.TempDir
	if dir == "" {
		dir = os.TempDir()
	}
	return sp, &SpoolError{ID: h.id, Dir: dir, Err: kept}, nil
}

const maxInt = int64(^uint(0) >> 1)

// spoolToMemory reads up to n bytes, fewer when the budget is used up.
func (r *Reader) spoolToMemory(sp *spool, n int) (int64, error) {
	for len(sp.memory) < n {
		have := len(sp.memory)
		if have == cap(sp.memory) && !sp.grow(min(n, max(spoolStart, 2*have))) {
			break
		}
		got, err := r.Read(sp.memory[have:cap(sp.memory)])
		sp.memory = sp.memory[:have+got]
		if err != nil && len(sp.memory) < n {
			return int64(len(sp.memory)), err
		}
	}
	return int64(len(sp.memory)), nil
}

// spoolToFile reads the rest of a frame of which got bytes are in memory.
func (r *Reader) spoolToFile(s *Streams, sp *spool, got int64, meter *progressMeter) (_ int64, kept, err error) {
	file, kept := s.tempFile(r.opts)
	if kept != nil {
		return got, kept, nil
	}
	sp.file, sp.offset = file, file.size
	if _, kept = file.Write(sp.memory); kept != nil {
		return got, kept, nil
	}
	sp.dropMemory()
	buf, free := sp.account.buffer()
	defer free()
	for have := 0; got < sp.size; {
		n, err := r.Read(buf[have:min(int64(len(buf)), int64(have)+sp.size-got)])
		have += n
		got += int64(n)
		if err != nil && got < sp.size {
			return got, nil, err
		}
		if have < len(buf) && got < sp.size {
			meter.advance(got)
			continue
		}
		if _, kept := file.Write(buf[:have]); kept != nil {
			return got, kept, nil
		}
		meter.advance(got)
		have = 0
	}
	return got, nil, nil
}

// A liveFrame reads a stream straight from the connection.
type liveFrame struct {
	h    frameHeader
	done func(error)

	mu       sync.Mutex
	r        *Reader
	left     int64
	finished bool
	cutShort bool // closed before its end
	err      error
}

func (f *liveFrame) Read(p []byte) (int, error) { return f.readLocked(p, (*Reader).Read) }

func (f *liveFrame) readLocked(p []byte, from func(*Reader, []byte) (int, error)) (int, error) {
	f.mu.Lock()
	n, err := f.read(p, from)
	f.unlock()
	return n, err
}

// WriteTo implements [io.WriterTo], in larger pieces than io.Copy has.
func (f *liveFrame) WriteTo(w io.Writer) (int64, error) {
	buf := copyBuffers.Get().(*copyBuffer)
	defer copyBuffers.Put(buf)
	return copyCounting(w, livePieces{f}, buf[:], new(progressMeter))
}

// livePieces is a frame that is read a piece at a time, as long as there is more.
type livePieces struct{ f *liveFrame }

func (p livePieces) Read(b []byte) (int, error) { return p.f.readLocked(b, (*Reader).readPiece) }

// Close reads the rest of the frame.
func (f *liveFrame) Close() error {
	f.mu.Lock()
	if !f.finished {
		f.cutShort = f.left > 0
		skipped, err := f.r.skip(f.left)
		f.left -= skipped
		f.finish(err)
	}
	err := f.err
	f.unlock()
	return err
}

// unlock ends a use of the connection, and tells the owner of the connection
// when it was the last.
func (f *liveFrame) unlock() {
	done := f.done
	if f.finished {
		f.done = nil
	} else {
		done = nil
	}
	err := f.err
	f.mu.Unlock()
	if done != nil {
		done(err)
	}
}

func (f *liveFrame) read(p []byte, from func(*Reader, []byte) (int, error)) (int, error) {
	n := 0
	if !f.finished && f.left > 0 {
		var err error
		n, err = from(f.r, p[:min(int64(len(p)), f.left)])
		f.left -= int64(n)
		if err != nil {
			f.finish(err)
		}
		if err == nil && (f.left > 0 || n == 0) {
			return n, nil
		}
	}
	// The end is told, and the last bytes are handed out, only when the
	// frame's end is right.
	if !f.finished {
		f.finish(nil)
	}
	if f.err != nil {
		return n, f.err
	}
	if f.cutShort {
		return n, errClosed
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// finish ends the use of the connection, with the error that reading gave. If
// it gave none, what is left is the trailer.
func (f *liveFrame) finish(err error) {
	if err != nil {
		err = f.h.cut(f.h.length-f.left, err)
	} else {
		err = f.r.readFrameTrailer(f.h)
	}
	f.finished, f.err, f.r = true, err, nil
}
