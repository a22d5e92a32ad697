package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// piecesOf keeps the lengths of what it is given.
type piecesOf struct {
	bytes.Buffer
	lengths []int
}

func (w *piecesOf) Write(p []byte) (int, error) {
	w.lengths = append(w.lengths, len(p))
	return w.Buffer.Write(p)
}

// recordsReader yields the bytes in records of TLS.
type recordsReader struct {
	rest   []byte
	record int
	left   int
}

func (r *recordsReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	if r.left == 0 {
		r.left = min(r.record, len(r.rest))
	}
	n := copy(p, r.rest[:r.left])
	r.rest, r.left = r.rest[n:], r.left-n
	return n, nil
}

// TestCopyFrame: all bytes are written, in even pieces when they come fast, and
// what comes in small ones is not held back.
func TestCopyFrame(t *testing.T) {
	const piece = len(copyBuffer{})
	for _, size := range []int{0, 1, 5000, piece - 1, piece, piece + 1, 3*piece + 17} {
		body := sample(size)
		data := append(frameOf(idA, body), "NEXT"...)
		for name, source := range map[string]io.Reader{
			"at once":       bytes.NewReader(data),
			"records":       &recordsReader{rest: data, record: 16 << 10},
			"small records": &recordsReader{rest: data, record: 1400},
			"halves":        iotest.HalfReader(bytes.NewReader(data)),
			"end with data": iotest.DataErrReader(bytes.NewReader(data)),
		} {
			s := new(Streams)
			bind(t, s, idA, size)
			r := NewReader(source, nil)
			var to piecesOf
			ds, err := r.CopyFrame(s, &to)
			if err != nil || !bytes.Equal(to.Bytes(), body) || ds.Size() != int64(size) || s.Pending() != 0 {
				t.Fatalf("%s, %d bytes: %d came, %v", name, size, to.Len(), err)
			}
			if _, err := ds.Open(); err != errDelivered {
				t.Errorf("opened: %v", err)
			}
			if err := s.Deliver(t.Context(), &to); err != nil || to.Len() != size {
				t.Errorf("delivered again: %d bytes, %v", to.Len(), err)
			}
			wantRest(t, r, "NEXT")
			even := !slices.ContainsFunc(to.lengths[:max(len(to.lengths)-1, 0)], func(n int) bool { return n != piece })
			if (name == "at once" || name == "records") && !even {
				t.Errorf("%s, %d bytes: written in %d", name, size, to.lengths)
			}
			if name == "small records" && slices.Max(append(to.lengths, 0)) > 2*1400 {
				t.Errorf("%s, %d bytes: written in %d", name, size, to.lengths)
			}
		}
	}
}

// TestCopyFrameOfEachPrefix: a connection that ends anywhere is told as such, with
// how far it came.
func TestCopyFrameOfEachPrefix(t *testing.T) {
	body := sample(300)
	data := frameOf(idA, body)
	for n := range data {
		s := new(Streams)
		bind(t, s, idA, len(body))
		var to bytes.Buffer
		_, err := readerOn(t, data[:n], nil).CopyFrame(s, &to)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(body, to.Bytes()) {
			t.Fatalf("%d bytes: %d were written, %v", n, to.Len(), err)
		}
		if got := min(max(n-frameHeaderLen, 0), len(body)); to.Len() != got {
			t.Errorf("%d of %d bytes were written", to.Len(), got)
		}
	}
}

// TestCopyFrameOfAClosedConnection: what is read when this side closes it is not
// written any more, unless it is all there is.
func TestCopyFrameOfAClosedConnection(t *testing.T) {
	body := sample(300)
	data := frameOf(idA, body)
	closed := errors.New("use of closed network connection")
	for _, n := range []int{frameHeaderLen, frameHeaderLen + 1, frameHeaderLen + len(body) - 1, frameHeaderLen + len(body)} {
		s := new(Streams)
		bind(t, s, idA, len(body))
		var to bytes.Buffer
		_, err := NewReader(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(closed)), nil).CopyFrame(s, &to)
		want := 0
		if n == frameHeaderLen+len(body) {
			want = len(body)
		}
		if !errors.Is(err, closed) || to.Len() != want {
			t.Errorf("closed after %d bytes: %d were written, %v", n, to.Len(), err)
		}
	}
}

type fullWriter struct {
	takes int
	err   error
}

func (w *fullWriter) Write(p []byte) (int, error) {
	n := min(w.takes, len(p))
	if w.takes -= n; n < len(p) {
		return n, w.err
	}
	return n, nil
}

// TestCopyFrameToAWriterThatFails: the rest is read over where it is short.
func TestCopyFrameToAWriterThatFails(t *testing.T) {
	full := errors.New("full")
	for _, test := range []struct {
		size, takes int
		err         error
		inStep      bool
	}{
		{10, 0, full, true},
		{10, 9, io.ErrShortWrite, true},
		{skipLimit + 2*len(copyBuffer{}), len(copyBuffer{}) + 5, full, true},
		{skipLimit + 2*len(copyBuffer{}) + 1, len(copyBuffer{}) + 5, full, false},
	} {
		s := new(Streams)
		bind(t, s, idA, test.size)
		r := readerOn(t, append(frameOf(idA, sample(test.size)), "NEXT"...), nil)
		w := &fullWriter{test.takes, test.err}
		if test.err == io.ErrShortWrite {
			w.err = nil
		}
		_, err := r.CopyFrame(s, w)
		var failed *WriterError
		if !errors.As(err, &failed) || !errors.Is(err, test.err) || failed.ID != idA || failed.InStep != test.inStep ||
			failed.Written != int64(test.takes) || failed.Size != int64(test.size) {
			t.Errorf("%d of %d bytes: %+v", test.takes, test.size, err)
			continue
		}
		if test.inStep {
			wantRest(t, r, "NEXT")
		}
	}
}

// TestDeliver writes a stream that was kept, once, and closes it.
func TestDeliver(t *testing.T) {
	body := sample(300_000)
	received := func(memory int64) *Streams {
		o := &ReaderOptions{Limits: Limits{StreamMemory: memory}, TempDir: t.TempDir()}
		s := new(Streams)
		bind(t, s, idA, len(body))
		if err := readerOn(t, frameOf(idA, body), o).ReadStreams(s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	files := openFiles(t)
	for _, memory := range []int64{1 << 20, 10} {
		s := received(memory)
		var to bytes.Buffer
		for range 2 {
			if err := s.Deliver(t.Context(), &to); err != nil || !bytes.Equal(to.Bytes(), body) {
				t.Errorf("%d bytes, %v", to.Len(), err)
			}
		}
		s = received(memory)
		var failed *WriterError
		if err := s.Deliver(t.Context(), &fullWriter{1000, io.ErrClosedPipe}); !errors.As(err, &failed) || failed.Written != 1000 || !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("no more"))
		if err := s.Deliver(ctx, &to); err == nil || err.Error() != "no more" || errors.As(err, &failed) {
			t.Errorf("with a context that has ended: %v", err)
		}
		if err := s.CloseAll(); err != nil {
			t.Error(err)
		}
	}
	if now := openFiles(t); now != files {
		t.Errorf("%d files are left open", now-files)
	}
	if err := new(Streams).Deliver(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "has 0 data streams") {
		t.Errorf("of none: %v", err)
	}
}

// TestWriteTo: what reads a stream gives io.Copy its own way, with the same bytes
// and errors.
func TestWriteTo(t *testing.T) {
	body := sample(300_000)
	open := map[string]func() io.Reader{
		"from memory":         func() io.Reader { return keptReader(t, body, 1<<20) },
		"from a file":         func() io.Reader { return keptReader(t, body, 10) },
		"from the connection": func() io.Reader { return liveReader(t, append(frameOf(idA, body), "NEXT"...), len(body)) },
	}
	for name, open := range open {
		for _, before := range []int{0, 1000, len(body)} {
			var to piecesOf
			r := open()
			if n, err := io.CopyN(&to, struct{ io.Reader }{r}, int64(before)); err != nil || n != int64(before) {
				t.Fatalf("%s: %d bytes, %v", name, n, err)
			}
			n, err := r.(io.WriterTo).WriteTo(&to)
			if err != nil || n != int64(len(body)-before) || !bytes.Equal(to.Bytes(), body) {
				t.Errorf("%s after %d: %d bytes, %v", name, before, n, err)
			}
		}
		r := open()
		if n, err := r.(io.WriterTo).WriteTo(&fullWriter{200_000, io.ErrClosedPipe}); n != 200_000 || err != io.ErrClosedPipe {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
	cut := liveReader(t, frameOf(idA, body)[:1000], len(body))
	if n, err := cut.(io.WriterTo).WriteTo(io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) || n != 1000-frameHeaderLen {
		t.Errorf("a connection that ends: %d bytes, %v", n, err)
	}
}

func keptReader(t *testing.T, body []byte, memory int64) io.Reader {
	t.Helper()
	s := new(Streams)
	ds := bind(t, s, idA, len(body))
	o := &ReaderOptions{Limits: Limits{StreamMemory: memory}, TempDir: t.TempDir()}
	if err := readerOn(t, frameOf(idA, body), o).ReadStreams(s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ds.Close() })
	r, err := ds.Open()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func liveReader(t *testing.T, data []byte, size int) io.Reader {
	t.Helper()
	s := new(Streams)
	bind(t, s, idA, size)
	ds, err := readerOn(t, data, nil).OpenFrame(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ds.content.openReceived()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestDelivered hands a stream that is to be sent to a writer, and a failing source
// is told from a failing writer.
func TestDelivered(t *testing.T) {
	body := sample(300_000)
	sending := func(ds *DataStream) *Streams {
		s := new(Streams)
		if _, err := s.Add(ds); err != nil {
			t.Fatal(err)
		}
		return s
	}
	var to bytes.Buffer
	ds := StreamBytes(body)
	s := sending(ds)
	received, err := s.Delivered(t.Context(), &to)
	if err != nil || !bytes.Equal(to.Bytes(), body) || received.Len() != 1 || received.Pending() != 0 {
		t.Fatalf("%d bytes, %v", to.Len(), err)
	}
	for id, got := range received.All() {
		if _, there := s.Lookup(id); !there || got.Size() != int64(len(body)) {
			t.Errorf("stream %s of %d bytes", id, got.Size())
		}
		if _, err := got.Open(); err != errDelivered {
			t.Errorf("opened: %v", err)
		}
	}
	wantBytes(t, ds, body) // what was sent can be sent again

	var failed *WriterError
	if _, err := sending(ds).Delivered(t.Context(), &fullWriter{1000, io.ErrClosedPipe}); !errors.As(err, &failed) || failed.Written != 1000 {
		t.Errorf("%v", err)
	}
	var short *StreamError
	if _, err := sending(StreamOf(bytes.NewReader(body), 400_000)).Delivered(t.Context(), io.Discard); !errors.As(err, &short) || errors.As(err, &failed) || !short.Sending {
		t.Errorf("%v", err)
	}
	if _, err := new(Streams).Delivered(t.Context(), io.Discard); err == nil {
		t.Error("no stream was delivered")
	}
}
