package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// readerOn returns a Reader on bytes.
func readerOn(t testing.TB, data []byte, o *ReaderOptions) *Reader {
	t.Helper()
	r := NewReader(bytes.NewReader(data), o)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// wantRest checks that exactly these bytes were not consumed.
func wantRest(t *testing.T, r *Reader, want string) {
	t.Helper()
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if string(rest) != want {
		t.Errorf("the rest is %q, not %q", rest, want)
	}
}

// stutter fails every other read with an error that is not the end.
type stutter struct {
	r    io.Reader
	fail bool
}

var errPassedDeadline = errors.New("deadline passed")

func (s *stutter) Read(p []byte) (int, error) {
	if s.fail = !s.fail; s.fail {
		return 0, errPassedDeadline
	}
	return s.r.Read(p[:min(len(p), 1)])
}

// again repeats what fails with a passed deadline.
func again[T any](f func() (T, error)) (T, error) {
	for {
		v, err := f()
		if !errors.Is(err, errPassedDeadline) {
			return v, err
		}
	}
}

func TestWaitHoldsNoBufferAndLosesNothing(t *testing.T) {
	r := NewReader(&stutter{r: strings.NewReader("NEXT\r\nrest")}, nil)
	defer r.Close()
	for range 2 {
		if _, err := again(func() (int, error) { return 0, r.Wait() }); err != nil {
			t.Fatal(err)
		}
	}
	if r.buf != nil {
		t.Error("a buffer is held while parked")
	}
	if n := r.Buffered(); n != 1 {
		t.Errorf("%d bytes buffered, not the one that ended Wait", n)
	}
	line, err := again(r.ReadLine)
	if err != nil || line != Next {
		t.Fatalf("%q, %v", line, err)
	}
	// The buffer is empty now and goes back when waiting begins again.
	if _, err := again(func() (int, error) { return 0, r.Wait() }); err != nil {
		t.Fatal(err)
	}
	if r.buf != nil {
		t.Error("a buffer is held while parked again")
	}
	p := make([]byte, 4)
	for i := range p {
		n, err := again(func() (int, error) { return r.Read(p[i : i+1]) })
		if n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if string(p) != "rest" {
		t.Errorf("%q", p)
	}
	if _, err := again(func() (int, error) { return 0, r.Wait() }); err != io.EOF {
		t.Errorf("waiting at the end: %v", err)
	}
}

func TestWaitSoonTakesASmallMessageAtOnce(t *testing.T) {
	pieces := []string{"NEXT\r\nrest", strings.Repeat("x", len(parkedRoom{})+1), ""}
	r := NewReader(readerFunc(func(p []byte) (int, error) {
		if len(pieces) == 0 {
			return 0, io.EOF
		}
		n := copy(p, pieces[0])
		pieces[0] = pieces[0][n:]
		if pieces[0] == "" {
			pieces = pieces[1:]
		}
		return n, nil
	}), nil)
	defer r.Close()
	if err := r.WaitSoon(); err != nil || !r.LineBuffered() || r.Buffered() != len("NEXT\r\nrest") {
		t.Fatalf("%v, %d bytes are there", err, r.Buffered())
	}
	if r.buf != nil {
		t.Error("a buffer is held besides the room")
	}
	if line, err := r.ReadLine(); line != Next || err != nil {
		t.Fatal(line, err)
	}
	wantNext(t, r, "rest")
	// What is longer than the room comes as a whole all the same.
	if err := r.WaitSoon(); err != nil || r.Buffered() != len(parkedRoom{}) {
		t.Fatal(err, r.Buffered())
	}
	wantNext(t, r, strings.Repeat("x", len(parkedRoom{})+1))
	if err := r.WaitSoon(); err != io.EOF {
		t.Errorf("waiting at the end: %v", err)
	}
	if err := r.Wait(); err != io.EOF {
		t.Errorf("waiting at the end: %v", err)
	}
	if r.room != nil || r.parked != nil {
		t.Error("the room is held while nothing is likely to come")
	}
}

func TestCloseGivesTheRoomBack(t *testing.T) {
	r := NewReader(strings.NewReader("NEXT\r\n"), nil)
	if err := r.WaitSoon(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil || r.room != nil || r.Buffered() != 0 {
		t.Error(err, r.room != nil, r.Buffered())
	}
}

func wantNext(t *testing.T, r *Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestWaitGivesUpOnASourceThatYieldsNothing(t *testing.T) {
	r := NewReader(readerFunc(func([]byte) (int, error) { return 0, nil }), nil)
	if err := r.Wait(); err != io.ErrNoProgress {
		t.Errorf("%v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestPeekAndDiscard(t *testing.T) {
	r := readerOn(t, []byte("abcdef"), nil)
	if p, err := r.Peek(3); string(p) != "abc" || err != nil {
		t.Fatalf("%q, %v", p, err)
	}
	if n, err := r.Discard(2); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if p, err := r.Peek(10); string(p) != "cdef" || err != io.EOF {
		t.Fatalf("%q, %v", p, err)
	}
	if n := r.Buffered(); n != 4 {
		t.Errorf("%d buffered", n)
	}
	wantRest(t, r, "cdef")
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("an empty read: %d, %v", n, err)
	}
}

func TestReaderNeedsNoWholeReads(t *testing.T) {
	var stream []byte
	stream = append(stream, PreambleText...)
	stream, err := AppendIdentity(stream, Identity{Role: RoleClient})
	if err != nil {
		t.Fatal(err)
	}
	doc := bsonDocument(4000, compressible)
	stream = AppendDeflated(stream, doc)
	stream = AppendLine(stream, Next)
	r := NewReader(iotest.OneByteReader(bytes.NewReader(stream)), nil)
	defer r.Close()
	if kind, err := r.ReadPreamble(); kind != PreambleHalibut || err != nil {
		t.Fatal(kind, err)
	}
	if id, err := r.ReadIdentity(); id.Role != RoleClient || err != nil {
		t.Fatal(id, err)
	}
	if got, err := r.ReadDocument(); !bytes.Equal(got, doc) || err != nil {
		t.Fatal(len(got), err)
	}
	if line, err := r.ReadLine(); line != Next || err != nil {
		t.Fatal(line, err)
	}
}
