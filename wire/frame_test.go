package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/uuid"
)

var (
	idA = uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff")
	idB = uuid.MustParse("d4ee5ff4-9f58-4686-bd99-889094368dbb")
)

// frameOf is one frame.
func frameOf(id uuid.UUID, body []byte) []byte {
	b := appendFrameHeader(nil, id, int64(len(body)))
	b = append(b, body...)
	return binary.LittleEndian.AppendUint64(b, uint64(len(body)))
}

func bind(t testing.TB, s *Streams, id uuid.UUID, length int) *DataStream {
	t.Helper()
	ds, err := s.Bind(id, int64(length))
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func wantBytes(t testing.TB, ds *DataStream, want []byte) {
	t.Helper()
	got, err := ds.Bytes(-1)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v; want %d bytes", len(got), err, len(want))
	}
}

// openFiles counts the files that this process has open, where that can be
// known.
func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(list)
}

func wantEmptyDir(t testing.TB, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		t.Errorf("%s is left in the directory", entry.Name())
	}
}

func TestFrameIsByteExact(t *testing.T) {
	var s Streams
	id, err := s.Add(StreamBytes([]byte("hello")))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := WriteStreams(&out, []byte("MESSAGE"), &s); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), append([]byte("MESSAGE"), frameOf(id, []byte("hello"))...)) {
		t.Errorf("% x", out.Bytes())
	}
	// The id as .NET's Guid.ToByteArray has it, the lengths little-endian.
	want := "33221100554477668899aabbccddeeff" + "0300000000000000" + "616263" + "0300000000000000"
	if got := fmt.Sprintf("%x", frameOf(idA, []byte("abc"))); got != want {
		t.Errorf("%s", got)
	}
}

func TestStreamsOfAllLengthsArrive(t *testing.T) {
	dir := t.TempDir()
	lengths := []int{0, 1, 100, 5000, spoolStart, spoolStart + 1, 128<<10 - 32, 128 << 10, 200_000, 1 << 20, 1<<20 + 1, 3 << 20}
	files := openFiles(t)
	for name, limits := range map[string]Limits{
		"as it comes":      {},
		"little memory":    {StreamMemory: 1000},
		"little budget":    {StreamsMemory: 150_000},
		"all in memory":    {StreamMemory: -1},
		"no budget at all": {StreamsMemory: 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := &ReaderOptions{Limits: limits, Budget: NewBudget(limits), TempDir: dir}
			var out Streams
			in := NewStreams(limits)
			var husks []*DataStream
			var want [][]byte
			for i, n := range lengths {
				body := sample(n)
				source := StreamBytes(body)
				if i%2 == 0 {
					source = StreamOf(iotest.HalfReader(bytes.NewReader(body)), int64(n))
				}
				id, err := out.Add(source)
				if err != nil {
					t.Fatal(err)
				}
				husks, want = append(husks, bind(t, in, id, n)), append(want, body)
			}
			var stream bytes.Buffer
			if err := WriteStreams(&stream, nil, &out); err != nil {
				t.Fatal(err)
			}
			stream.WriteString("NEXT\r\n")
			r := NewReader(&stream, o)
			defer r.Close()
			if err := r.ReadStreams(in); err != nil {
				t.Fatal(err)
			}
			if in.Pending() != 0 {
				t.Errorf("%d streams are missing", in.Pending())
			}
			for range 2 { // received streams can be read again
				for i, ds := range husks {
					wantBytes(t, ds, want[i])
				}
			}
			if runtime.GOOS != "windows" {
				wantEmptyDir(t, dir)
			}
			wantRest(t, r, "NEXT\r\n")
			u := o.Budget.Usage()
			if limit := NewBudget(limits).spoolMemory.limit; u.StreamsMemory > limit {
				t.Errorf("%d bytes of memory, over the budget of %d", u.StreamsMemory, limit)
			}
			if now := openFiles(t); now > files+1 {
				t.Errorf("%d files are open for one message", now-files)
			}
			if err := errors.Join(in.CloseAll(), in.CloseAll()); err != nil {
				t.Error(err)
			}
			if u := o.Budget.Usage(); u != (Usage{}) {
				t.Errorf("after closing: %+v", u)
			}
			if _, err := husks[0].Open(); !errors.Is(err, errClosed) {
				t.Errorf("a closed stream: %v", err)
			}
		})
	}
	if now := openFiles(t); now != files {
		t.Errorf("%d files were open before, %d are now", files, now)
	}
	wantEmptyDir(t, dir)
}

func TestMessageWithSmallStreamsIsOneWrite(t *testing.T) {
	var s Streams
	for range 3 {
		if _, err := s.Add(StreamOf(strings.NewReader("small"), 5)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add(StreamBytes([]byte("small"))); err != nil {
			t.Fatal(err)
		}
	}
	w := &countingWriter{}
	if err := WriteStreams(w, make([]byte, 300), &s); err != nil {
		t.Fatal(err)
	}
	if w.writes != 1 || w.bytes != 300+6*(24+5+8) {
		t.Errorf("%d writes of %d bytes", w.writes, w.bytes)
	}
	*w = countingWriter{}
	if err := errors.Join(WriteStreams(w, make([]byte, 300), nil), WriteStreams(w, nil, new(Streams))); err != nil || w.writes != 1 {
		t.Errorf("without streams: %d writes, %v", w.writes, err)
	}
	// A long one takes as few writes as the buffer allows.
	*w = countingWriter{}
	var long Streams
	if _, err := long.Add(StreamOf(iotest.OneByteReader(bytes.NewReader(make([]byte, 1<<20))), 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := WriteStreams(w, []byte("x"), &long); err != nil || w.writes != 9 || w.bytes != 1+24+1<<20+8 {
		t.Errorf("%d writes of %d bytes, %v", w.writes, w.bytes, err)
	}
}

type countingWriter struct{ writes, bytes int }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.writes++
	w.bytes += len(p)
	return len(p), nil
}

func TestSourcesThatLieAboutTheirLength(t *testing.T) {
	ten := func(n int64) io.Reader { return strings.NewReader(strings.Repeat("x", int(n))) }
	broken := errors.New("disk on fire")
	for _, test := range []struct {
		name   string
		source *DataStream
		want   StreamError
		text   string
	}{
		{"too long", StreamOf(ten(100), 10), StreamError{Declared: 10, Actual: 100},
			"Data stream size mismatch detected during send. Stream ID: {id}. Declared length: 10. Actual bytes written: 100"},
		{"too short", StreamOf(ten(10), 100), StreamError{Declared: 100, Actual: 10}, "Declared length: 100. Actual bytes written: 10"},
		{"too long by far", StreamOf(ten(10<<20), 10), StreamError{Declared: 10, Actual: 10 + 1<<20, More: true}, "Actual bytes written: more than 1"},
		{"empty and not", StreamOf(ten(1), 0), StreamError{Declared: 0, Actual: 1}, "Declared length: 0. Actual bytes written: 1"},
		{"fails", StreamOf(io.MultiReader(ten(3), iotest.ErrReader(broken)), 10), StreamError{Declared: 10, Actual: 3, Err: broken}, "stopped after 3 of 10 bytes: disk on fire"},
		{"fails at its end", StreamOf(io.MultiReader(ten(10), iotest.ErrReader(broken)), 10), StreamError{Declared: 10, Actual: 10, Err: broken}, "disk on fire"},
		{"yields nothing for ever", StreamOf(readerFunc(func([]byte) (int, error) { return 0, nil }), 10), StreamError{Declared: 10, Err: io.ErrNoProgress}, "multiple Read calls"},
		{"does not end", StreamOf(&afterwards{Reader: ten(10)}, 10), StreamError{Declared: 10, Actual: 10, Err: io.ErrNoProgress}, "multiple Read calls"},
		{"cannot be opened", StreamFunc(10, func() (io.ReadCloser, error) { return nil, os.ErrNotExist }), StreamError{Declared: 10, Err: os.ErrNotExist}, "sending data stream {id}: stopped after 0 of 10 bytes: file does not exist"},
		{"cannot be closed", StreamFunc(1, func() (io.ReadCloser, error) { return closeError{ten(1), broken}, nil }), StreamError{Declared: 1, Actual: 1, Err: broken}, "disk on fire"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s Streams
			id, err := s.Add(test.source)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			err = WriteStreams(&out, nil, &s)
			var got *StreamError
			if !errors.As(err, &got) {
				t.Fatalf("%v", err)
			}
			want := test.want
			want.ID, want.Sending = id, true
			if want.More {
				want.Actual = max(want.Actual, got.Actual) // as far as a buffer reached
			}
			if *got != want {
				t.Errorf("%+v, not %+v", *got, want)
			}
			if text := strings.ReplaceAll(test.text, "{id}", id.String()); !strings.Contains(err.Error(), text) {
				t.Errorf("%v", err)
			}
			// The peer must not take it for a whole frame.
			in := NewStreams(Limits{})
			bind(t, in, id, int(test.source.Size()))
			if err := readerOn(t, out.Bytes(), nil).ReadStreams(in); err == nil {
				t.Error("the peer takes it")
			}
		})
	}
}

// afterwards yields nothing for ever when its Reader has ended.
type afterwards struct{ io.Reader }

func (a *afterwards) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

type closeError struct {
	io.Reader
	err error
}

func (c closeError) Close() error { return c.err }

func TestWriteStreamsHandsOnTheConnectionsError(t *testing.T) {
	broken := errors.New("reset")
	for name, source := range map[string]func() *DataStream{
		"short":        func() *DataStream { return StreamBytes([]byte("x")) },
		"long":         func() *DataStream { return StreamBytes(make([]byte, 1<<20)) },
		"long, opened": func() *DataStream { return StreamOf(bytes.NewReader(make([]byte, 1<<20)), 1<<20) },
	} {
		for allowed := range 3 {
			var s Streams
			if _, err := s.Add(source().WithProgress(func(Progress) {})); err != nil {
				t.Fatal(err)
			}
			w := &failingWriter{allowed: allowed, err: broken}
			err := WriteStreams(w, make([]byte, 200_000), &s)
			if !errors.Is(err, broken) {
				t.Errorf("%s, %d writes allowed: %v", name, allowed, err)
			}
		}
	}
}

type failingWriter struct {
	allowed int
	err     error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.allowed--; w.allowed < 0 {
		return 0, w.err
	}
	return len(p), nil
}

func TestFramesThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		stream []byte
		want   string
		target any
	}{
		{"an unknown id", frameOf(idB, []byte("abc")), "Unexpected stream! The message has no data stream " + idB.String(), new(*ProtocolError)},
		{"a negative length", appendFrameHeader(nil, idA, -1), "expected the length of data stream " + idA.String() + ", found -1", new(*ProtocolError)},
		{"another length than the husk's", frameOf(idA, make([]byte, 100)), "Data stream size mismatch detected. Stream ID: " + idA.String() + ". Expected length: 3. Actual length: 100", new(*StreamError)},
		{"another length at its end", append(frameOf(idA, []byte("abc"))[:27], 2, 0, 0, 0, 0, 0, 0, 0), "Expected length: 3. Actual length: 2", new(*StreamError)},
		{"cut in its head", frameOf(idA, []byte("abc"))[:20], "reading the head of a data stream: unexpected EOF", nil},
		{"nothing", nil, "reading the head of a data stream: unexpected EOF", nil},
		{"cut in its bytes", frameOf(idA, []byte("abc"))[:26], "receiving data stream " + idA.String() + ": stopped after 2 of 3 bytes: unexpected EOF", new(*StreamError)},
		{"cut in its end", frameOf(idA, []byte("abc"))[:30], "stopped after 3 of 3 bytes: unexpected EOF", new(*StreamError)},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := &ReaderOptions{Budget: NewBudget(Limits{})}
			s := NewStreams(Limits{})
			ds := bind(t, s, idA, 3)
			err := readerOn(t, test.stream, o).ReadStreams(s)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v", err)
			}
			if test.target != nil && !errors.As(err, test.target) {
				t.Errorf("%T", err)
			}
			if test.target == nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%T", err)
			}
			if _, openErr := ds.Open(); openErr == nil || !errors.Is(openErr, err) {
				t.Errorf("the stream that did not come says %v", openErr)
			}
			if u := o.Budget.Usage(); u != (Usage{}) {
				t.Errorf("%+v is still held", u)
			}

			// The same for a stream that is read from the connection.
			s = NewStreams(Limits{})
			bind(t, s, idA, 3)
			var outcome error
			live, err := readerOn(t, test.stream, o).OpenFrame(s, func(err error) { outcome = err })
			if err == nil {
				_, err = live.Bytes(10)
				if err == nil || err.Error() != outcome.Error() {
					t.Errorf("the connection's owner is told %v, the reader %v", outcome, err)
				}
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("live: %v", err)
			}
		})
	}
}

func TestHugeClaimAllocatesNothing(t *testing.T) {
	dir := t.TempDir()
	for _, memory := range []int64{0, -1} {
		o := &ReaderOptions{Limits: Limits{StreamMemory: memory}, Budget: NewBudget(Limits{StreamsMemory: -1}), TempDir: dir}
		stream := append(appendFrameHeader(nil, idA, math.MaxInt64), "abc"...)
		s := NewStreams(Limits{})
		if _, err := s.Bind(idA, math.MaxInt64); err != nil {
			t.Fatal(err)
		}
		r := readerOn(t, stream, o)
		_, h, err := r.nextFrame(s)
		if err != nil {
			t.Fatal(err)
		}
		sp, kept, err := r.spool(s, h)
		if !errors.Is(err, io.ErrUnexpectedEOF) || kept != nil {
			t.Fatal(kept, err)
		}
		if u := o.Budget.Usage(); cap(sp.memory) > spoolStart || u.StreamsMemory > spoolStart {
			t.Errorf("%d bytes are allocated for a claim", cap(sp.memory))
		}
		sp.release()
		sp.release()
		if u := o.Budget.Usage(); u != (Usage{}) {
			t.Errorf("%+v is still held", u)
		}
	}
}

func TestStreamThatCannotBeKept(t *testing.T) {
	notADir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notADir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	long, short := sample(300_000), []byte("short")
	for _, test := range []struct {
		name string
		opts ReaderOptions
		want string
	}{
		{"the directory is a file", ReaderOptions{TempDir: notADir}, fmt.Sprintf("in a temporary file in %q: ", notADir)},
		{"the directory is missing", ReaderOptions{TempDir: filepath.Join(notADir, "x")}, fmt.Sprintf("in a temporary file in %q: ", filepath.Join(notADir, "x"))},
		{"the budget for files is used up", ReaderOptions{TempDir: dir, Limits: Limits{TemporaryFiles: 200_000}}, "bytes in temporary files (Limits.TemporaryFiles): 300000 is over the limit of 200000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.opts
			o.Limits.StreamMemory = 1000
			o.Budget = NewBudget(o.Limits)
			files := openFiles(t)
			s := NewStreams(o.Limits)
			lost, kept := bind(t, s, idA, len(long)), bind(t, s, idB, len(short))
			r := readerOn(t, append(append(frameOf(idA, long), frameOf(idB, short)...), "NEXT"...), &o)
			err := r.ReadStreams(s)
			var spool *SpoolError
			if !errors.As(err, &spool) || spool.ID != idA || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v", err)
			}
			if _, err := lost.Open(); !errors.As(err, &spool) {
				t.Errorf("the lost stream says %v", err)
			}
			// The connection is in step, and the other stream is there.
			wantBytes(t, kept, short)
			wantRest(t, r, "NEXT")
			if err := s.CloseAll(); err != nil {
				t.Error(err)
			}
			if u := o.Budget.Usage(); u != (Usage{}) {
				t.Errorf("%+v is still held", u)
			}
			if now := openFiles(t); now != files {
				t.Errorf("%d files are left open", now-files)
			}
			wantEmptyDir(t, dir)
		})
	}
}

func TestSpoolErrorAndALostConnection(t *testing.T) {
	o := &ReaderOptions{TempDir: filepath.Join(t.TempDir(), "missing"), Limits: Limits{StreamMemory: 10}}
	s := NewStreams(o.Limits)
	bind(t, s, idA, 1000)
	err := readerOn(t, frameOf(idA, sample(1000))[:500], o).ReadStreams(s)
	var spool *SpoolError
	if errors.As(err, &spool) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}

func TestWritingSpoolsFailsAndGoesOn(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	o := &ReaderOptions{TempDir: t.TempDir(), Limits: Limits{StreamMemory: 10}, Budget: NewBudget(Limits{})}
	s := NewStreams(o.Limits)
	bind(t, s, idA, 1000)
	// A disk that is full from the first byte on.
	s.temp = &tempFile{f: full, account: o.Budget.spoolFilesAccount()}
	s.temp.refs.Store(1)
	r := readerOn(t, append(frameOf(idA, sample(1000)), "NEXT"...), o)
	err = r.ReadStreams(s)
	if err == nil || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(err.Error(), o.TempDir) {
		t.Errorf("%v", err)
	}
	wantRest(t, r, "NEXT")
	s.temp.release()
	if u := o.Budget.Usage(); u != (Usage{}) {
		t.Errorf("%+v is still held", u)
	}
}

func TestStreamsInAnyOrderAndTwice(t *testing.T) {
	a, b := []byte("aaa"), []byte("bb")
	s := NewStreams(Limits{})
	first, other, second := bind(t, s, idA, 3), bind(t, s, idB, 2), bind(t, s, idA, 3)
	if first != second {
		t.Error("one id is two streams")
	}
	var stream []byte
	stream = append(stream, frameOf(idB, b)...)
	stream = append(stream, frameOf(idA, a)...)
	stream = append(stream, frameOf(idA, a)...) // as 8.1 does
	stream = append(stream, "NEXT\r\n"...)
	r := readerOn(t, stream, nil)
	if err := r.ReadStreams(s); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, first, a)
	wantBytes(t, other, b)
	if skipped, err := r.SkipLateFrame(s); !skipped || err != nil {
		t.Fatalf("%v, %v", skipped, err)
	}
	if skipped, err := r.SkipLateFrame(s); skipped || err != nil {
		t.Fatalf("a line is taken for a frame: %v, %v", skipped, err)
	}
	wantRest(t, r, "NEXT\r\n")
}

func TestRepeatedFrameBetweenOthers(t *testing.T) {
	s := NewStreams(Limits{})
	bind(t, s, idA, 1)
	bind(t, s, idA, 1)
	b := bind(t, s, idB, 1)
	stream := append(append(append(frameOf(idA, []byte("a")), frameOf(idA, []byte("a"))...), frameOf(idB, []byte("b"))...), frameOf(idA, []byte("a"))...)
	r := readerOn(t, stream, nil)
	if err := r.ReadStreams(s); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, b, []byte("b"))
	// There were two husks, so a third frame has no place.
	if skipped, err := r.SkipLateFrame(s); skipped || err != nil {
		t.Errorf("%v, %v", skipped, err)
	}
	bind(t, s, uuid.New(), 1)
	var protocol *ProtocolError
	if err := r.ReadStreams(s); !errors.As(err, &protocol) || !strings.Contains(err.Error(), "came once more than the message names it") {
		t.Errorf("%v", err)
	}
}

func TestExpectKnowsAllHusks(t *testing.T) {
	unknown, maybe := uuid.New(), uuid.New()
	s := NewStreams(Limits{})
	known := bind(t, s, idA, 1)
	if err := s.Expect(nil); err != nil {
		t.Fatal(err)
	}
	err := s.Expect([]Husk{
		{ID: idA, Length: 1}, {ID: idA, Length: 1, Repeated: true},
		{ID: unknown, Length: 2, Certain: true}, {ID: unknown, Length: 2, Certain: true, Repeated: true},
		{ID: maybe, Length: 3}, {ID: maybe, Length: 3, Repeated: true}, {ID: maybe, Length: 4, Repeated: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 2 || s.Pending() != 2 {
		t.Errorf("%d streams, %d awaited", s.Len(), s.Pending())
	}
	var stream []byte
	for _, f := range [][]byte{
		frameOf(maybe, []byte("ccc")), frameOf(idA, []byte("a")), frameOf(idA, []byte("a")), frameOf(unknown, []byte("bb")),
		frameOf(unknown, []byte("bb")), frameOf(maybe, []byte("ccc")),
	} {
		stream = append(stream, f...)
	}
	r := readerOn(t, append(stream, "END\r\n"...), nil)
	if err := r.ReadStreams(s); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, known, []byte("a"))
	for range 2 {
		if skipped, err := r.SkipLateFrame(s); !skipped || err != nil {
			t.Fatal(skipped, err)
		}
	}
	if s.late != 0 {
		t.Errorf("%d frames may still come", s.late)
	}
	wantRest(t, r, "END\r\n")

	// One more husk for a stream that is known, and one that is none.
	s = NewStreams(Limits{})
	bind(t, s, idA, 1)
	if err := errors.Join(s.Allow(idA, 1), s.Allow(idA, 2)); err != nil || s.late != 1 {
		t.Errorf("%d frames may come again, %v", s.late, err)
	}

	// A frame with a length that no husk has.
	s = NewStreams(Limits{})
	if err := errors.Join(s.Allow(maybe, 3), s.Allow(maybe, -1)); err != nil {
		t.Fatal(err)
	}
	var mismatch *StreamError
	if _, err := readerOn(t, frameOf(maybe, []byte("x")), nil).SkipLateFrame(s); !errors.As(err, &mismatch) {
		t.Errorf("%v", err)
	}
}

func TestSkipLateFrameWaitsForNoByteTooMany(t *testing.T) {
	s := NewStreams(Limits{})
	id := GUID([16]byte([]byte("NExx567890123456")))
	if err := s.Allow(id, 3); err != nil {
		t.Fatal(err)
	}
	// The source would fail after the line.
	line := io.MultiReader(strings.NewReader("NEXT\r\n"), iotest.ErrReader(errPassedDeadline))
	r := NewReader(iotest.OneByteReader(line), nil)
	defer r.Close()
	if skipped, err := r.SkipLateFrame(s); skipped || err != nil {
		t.Errorf("%v, %v", skipped, err)
	}
	if n := r.Buffered(); n != 3 {
		t.Errorf("%d bytes were waited for, not the 3 that tell", n)
	}
	if got, err := r.ReadLine(); got != Next || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := r.SkipLateFrame(s); !errors.Is(err, errPassedDeadline) {
		t.Errorf("%v", err)
	}
	// Nothing is even looked at when no frame may come.
	if skipped, err := r.SkipLateFrame(nil); skipped || err != nil {
		t.Errorf("%v, %v", skipped, err)
	}
	cut := readerOn(t, frameOf(id, []byte("abc"))[:26], nil)
	var stream *StreamError
	if _, err := cut.SkipLateFrame(s); !errors.As(err, &stream) || stream.Actual != 2 {
		t.Errorf("%v", err)
	}
}

func TestFrameForAStreamToSend(t *testing.T) {
	var s Streams
	id, err := s.Add(StreamBytes([]byte("abc")))
	if err != nil {
		t.Fatal(err)
	}
	bind(t, &s, idA, 1)
	var protocol *ProtocolError
	if err := readerOn(t, frameOf(id, []byte("abc")), nil).ReadStreams(&s); !errors.As(err, &protocol) {
		t.Errorf("%v", err)
	}
}

func TestLiveStream(t *testing.T) {
	body := sample(300_000)
	open := func(t *testing.T, n int) (r *Reader, ds *DataStream, outcome *[]error) {
		t.Helper()
		s := NewStreams(Limits{})
		bind(t, s, idB, n)
		bind(t, s, idA, 1)
		bind(t, s, idA, 1)
		stream := append(frameOf(idA, []byte("a")), frameOf(idA, []byte("a"))...)
		stream = append(stream, frameOf(idB, body[:n])...)
		r = readerOn(t, append(stream, "NEXT"...), nil)
		if _, err := r.ReadFrame(s); err != nil {
			t.Fatal(err)
		}
		outcome = new([]error)
		ds, err := r.OpenFrame(s, func(err error) { *outcome = append(*outcome, err) })
		if err != nil || s.Pending() != 0 {
			t.Fatal(err, s.Pending())
		}
		return r, ds, outcome
	}
	inStep := func(t *testing.T, r *Reader, outcome []error) {
		t.Helper()
		if len(outcome) != 1 || outcome[0] != nil {
			t.Errorf("the connection's owner is told %v", outcome)
		}
		wantRest(t, r, "NEXT")
	}
	for _, n := range []int{0, 1, len(body)} {
		t.Run(fmt.Sprintf("read to the end of %d", n), func(t *testing.T) {
			r, ds, outcome := open(t, n)
			wantBytes(t, ds, body[:n])
			if err := ds.Close(); err != nil {
				t.Error(err)
			}
			inStep(t, r, *outcome)
		})
	}
	t.Run("closed early", func(t *testing.T) {
		r, ds, outcome := open(t, len(body))
		part, err := ds.Open()
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 1000)
		if _, err := io.ReadFull(part, p); err != nil || !bytes.Equal(p, body[:1000]) {
			t.Fatal(err)
		}
		if n, err := part.Read(nil); n != 0 || err != nil {
			t.Errorf("an empty read: %d, %v", n, err)
		}
		if len(*outcome) != 0 {
			t.Error("the connection is given back too early")
		}
		if _, err := ds.Open(); err == nil {
			t.Error("it can be opened again")
		}
		if err := errors.Join(ds.Close(), ds.Close()); err != nil {
			t.Error(err)
		}
		// What was not read must not look like the stream's end.
		if _, err := part.Read(p); !errors.Is(err, errClosed) {
			t.Errorf("reading on: %v", err)
		}
		inStep(t, r, *outcome)
	})
	t.Run("never opened", func(t *testing.T) {
		r, ds, outcome := open(t, 10)
		if err := ds.Close(); err != nil {
			t.Error(err)
		}
		inStep(t, r, *outcome)
	})
	t.Run("closed before it came", func(t *testing.T) {
		s := NewStreams(Limits{})
		if err := bind(t, s, idA, 3).Close(); err != nil {
			t.Fatal(err)
		}
		r := readerOn(t, append(frameOf(idA, []byte("abc")), "NEXT"...), nil)
		var outcome []error
		if _, err := r.OpenFrame(s, func(err error) { outcome = append(outcome, err) }); !errors.Is(err, errClosed) {
			t.Errorf("%v", err)
		}
		inStep(t, r, outcome)
	})
	t.Run("lost while it is drained", func(t *testing.T) {
		s := NewStreams(Limits{})
		bind(t, s, idA, 1000)
		ds, err := readerOn(t, frameOf(idA, body[:1000])[:500], nil).OpenFrame(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		var stream *StreamError
		if err := ds.Close(); !errors.As(err, &stream) || stream.Actual != 500-24 {
			t.Errorf("%v", err)
		}
	})
}

func TestSpooledStreamClosedBeforeItCame(t *testing.T) {
	o := &ReaderOptions{Budget: NewBudget(Limits{})}
	s := NewStreams(Limits{})
	if err := bind(t, s, idA, 3).Close(); err != nil {
		t.Fatal(err)
	}
	if err := readerOn(t, frameOf(idA, []byte("abc")), o).ReadStreams(s); err != nil {
		t.Fatal(err)
	}
	if u := o.Budget.Usage(); u != (Usage{}) {
		t.Errorf("%+v is held for a closed stream", u)
	}
}

func FuzzReadFrames(f *testing.F) {
	for _, side := range recordedSides(f) {
		if strings.Contains(side.name, "streams") || strings.Contains(side.name, "twice") {
			f.Add(side.data[:min(len(side.data), 4000)], int64(3), 5)
		}
	}
	f.Add(append(frameOf(idA, []byte("abc")), frameOf(idB, []byte("defgh"))...), int64(3), 1)
	f.Add(append(frameOf(idB, []byte("abc")), frameOf(idA, []byte("abc"))...), int64(3), 100)
	f.Add(appendFrameHeader(nil, idA, math.MaxInt64), int64(math.MaxInt64), 100)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, stream []byte, length int64, step int) {
		o := &ReaderOptions{Limits: Limits{StreamMemory: 64}, Budget: NewBudget(Limits{}), TempDir: dir}
		s := NewStreams(Limits{})
		if _, err := s.Bind(idA, length); err != nil {
			return
		}
		if err := s.Expect([]Husk{{ID: idA, Length: length}, {ID: idB, Length: 5}, {ID: idB, Length: 5}}); err != nil {
			t.Fatal(err)
		}
		r := NewReader(stepReader{bytes.NewReader(stream), step}, o)
		defer r.Close()
		err := r.ReadStreams(s)
		copied, copyErr := copyFirst(t, stream, length, step)
		if err == nil {
			if ds, _ := s.Lookup(idA); copyErr != nil {
				t.Fatalf("read and not copied: %v", copyErr)
			} else if kept, _ := ds.Bytes(-1); !bytes.Equal(kept, copied) {
				t.Fatalf("kept are %d bytes and copied %d", len(kept), len(copied))
			}

			ds, _ := s.Lookup(idA)
			if got, err := ds.Bytes(-1); err != nil || int64(len(got)) != length || !bytes.Contains(stream, got) {
				t.Fatalf("%d bytes of %d: %v", len(got), length, err)
			}
			for range 3 {
				if skipped, _ := r.SkipLateFrame(s); !skipped {
					break
				}
			}
		}
		if err := s.CloseAll(); err != nil {
			t.Fatal(err)
		}
		if u := o.Budget.Usage(); u != (Usage{}) {
			t.Fatalf("%+v is still held", u)
		}
	})
}

// copyFirst is what CopyFrame makes of the stream that FuzzReadFrames wants.
func copyFirst(t *testing.T, stream []byte, length int64, step int) ([]byte, error) {
	s := NewStreams(Limits{})
	if _, err := s.Bind(idA, length); err != nil {
		t.Fatal(err)
	}
	if err := s.Expect([]Husk{{ID: idA, Length: length}, {ID: idB, Length: 5}, {ID: idB, Length: 5}}); err != nil {
		t.Fatal(err)
	}
	r := NewReader(stepReader{bytes.NewReader(stream), step}, nil)
	defer r.Close()
	var to bytes.Buffer
	_, err := r.CopyFrame(s, &to)
	if int64(to.Len()) > length || !bytes.Contains(stream, to.Bytes()) {
		t.Fatalf("%d bytes of %d were copied", to.Len(), length)
	}
	return to.Bytes(), err
}

func BenchmarkWriteStreams(b *testing.B) {
	for _, n := range []int{100, 1 << 20} {
		body := sample(n)
		for name, source := range map[string]*DataStream{
			"bytes":  StreamBytes(body),
			"opened": StreamFunc(int64(n), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }),
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				var s Streams
				if _, err := s.Add(source); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if err := WriteStreams(io.Discard, nil, &s); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkReadStreams(b *testing.B) {
	for _, n := range []int{100, 1 << 20, 16 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			frame := frameOf(idA, sample(n))
			o := &ReaderOptions{Budget: NewBudget(Limits{}), TempDir: b.TempDir()}
			source := bytes.NewReader(nil)
			r := NewReader(source, o)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				source.Reset(frame)
				var s Streams
				bind(b, &s, idA, n)
				if err := r.ReadStreams(&s); err != nil {
					b.Fatal(err)
				}
				if err := s.CloseAll(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
