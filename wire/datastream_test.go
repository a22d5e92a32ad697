package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSourcesYieldTheirBytes(t *testing.T) {
	body := sample(200_000)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, body, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := StreamFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for kind, ds := range map[string]*DataStream{
		"of":    StreamOf(bytes.NewReader(body), int64(len(body))),
		"bytes": StreamBytes(body),
		"file":  file,
		"func":  StreamFunc(int64(len(body)), func() (io.ReadCloser, error) { return os.Open(name) }),
	} {
		if ds.Size() != int64(len(body)) {
			t.Errorf("%s: %d bytes", kind, ds.Size())
		}
		wantBytes(t, ds, body)
		if kind != "of" {
			wantBytes(t, ds, body)
		} else if _, err := ds.Bytes(-1); !errors.Is(err, ErrStreamUsed) {
			t.Errorf("read again: %v", err)
		}
		if err := ds.Close(); err != nil {
			t.Error(err)
		}
	}
	empty := StreamBytes(nil)
	wantBytes(t, empty, nil)
}

func TestNoStreamAtAll(t *testing.T) {
	for _, ds := range []*DataStream{nil, {}} {
		if ds.Size() != 0 || ds.Close() != nil {
			t.Error("it has a size, or cannot be closed")
		}
		if _, err := ds.Open(); err != errNoValue {
			t.Errorf("%v", err)
		}
		if _, err := ds.Bytes(10); err != errNoValue {
			t.Errorf("%v", err)
		}
	}
	pending := newReceived(idA, 3)
	if _, err := pending.Open(); err != errPending {
		t.Errorf("%v", err)
	}
}

func TestBytesIsLimited(t *testing.T) {
	ds := StreamBytes(sample(100))
	var limit *LimitError
	if _, err := ds.Bytes(99); !errors.As(err, &limit) || limit.Limit != 99 || limit.Actual != 100 {
		t.Errorf("%v", err)
	}
	got, err := ds.Bytes(100)
	if err != nil {
		t.Fatal(err)
	}
	got[0]++ // the copy is the caller's
	wantBytes(t, ds, sample(100))
	var mismatch *StreamError
	if _, err := StreamOf(strings.NewReader("short"), 1<<40).Bytes(-1); !errors.As(err, &mismatch) || mismatch.Actual != 5 {
		t.Errorf("a claim of 1 TiB: %v", err)
	}
	if _, err := StreamOf(strings.NewReader("longer"), 3).Bytes(-1); !errors.As(err, &mismatch) || mismatch.Actual != 6 {
		t.Errorf("%v", err)
	}
}

func TestFileThatChanges(t *testing.T) {
	dir := t.TempDir()
	if _, err := StreamFile(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := StreamFile(dir); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("%v", err)
	}
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, sample(10), 0o600); err != nil {
		t.Fatal(err)
	}
	ds, err := StreamFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var sent Streams
	if _, err := sent.Add(ds); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, sample(11), 0o600); err != nil {
		t.Fatal(err)
	}
	want := name + " had 10 bytes when it was made a data stream and has 11 now"
	if _, err := new(Streams).Add(ds); err == nil || err.Error() != want {
		t.Errorf("before sending: %v", err)
	}
	var stream *StreamError
	if err := WriteStreams(io.Discard, nil, &sent); !errors.As(err, &stream) || !strings.Contains(err.Error(), want) {
		t.Errorf("while sending: %v", err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := new(Streams).Add(ds); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := WriteStreams(io.Discard, nil, &sent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestSaveTo(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "saved")
	body := sample(300_000)
	for _, before := range []string{"", "what was there"} {
		if before != "" {
			if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := StreamBytes(body).SaveTo(name); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	wantOnly := func() {
		t.Helper()
		list, err := os.ReadDir(dir)
		if err != nil || len(list) != 1 {
			t.Errorf("%d entries in the directory, %v", len(list), err)
		}
	}
	wantOnly()
	// What fails changes nothing and leaves nothing.
	broken := errors.New("broken")
	for want, ds := range map[string]*DataStream{
		"Declared length: 10": StreamOf(strings.NewReader("short"), 10),
		"Declared length: 3":  StreamOf(strings.NewReader("long"), 3),
		"broken":              StreamFunc(3, func() (io.ReadCloser, error) { return nil, broken }),
		"not come yet":        newReceived(idA, 3),
	} {
		if err := ds.SaveTo(name); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v", err)
		}
		wantOnly()
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, body) {
			t.Errorf("the file has changed: %d bytes, %v", len(got), err)
		}
	}
	if err := StreamBytes(body).SaveTo(filepath.Join(dir, "missing", "file")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := StreamBytes(body).SaveTo(dir); err == nil {
		t.Error("a directory was replaced")
	}
	wantOnly()
}

func TestProgressReportsEachPercentOnce(t *testing.T) {
	all := make([]int, 100)
	for i := range all {
		all[i] = i + 1
	}
	for _, n := range []int{0, 1, 50, 1000, 16<<20 + 15} {
		body := make([]byte, n)
		for kind, ds := range map[string]*DataStream{
			"bytes": StreamBytes(body),
			"func":  StreamFunc(int64(n), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }),
		} {
			var percents []int
			var last Progress
			w := &countingWriter{}
			watched := ds.WithProgress(func(p Progress) {
				percents = append(percents, p.Percent)
				if p.Percent > 1 && p.Bytes < last.Bytes || p.Size != int64(n) || p.Percent < 100 && p.Bytes*100 < int64(p.Percent)*p.Size {
					t.Errorf("%+v after %+v", p, last)
				}
				if int64(w.bytes) < p.Bytes {
					t.Errorf("%d bytes are reported when %d were written", p.Bytes, w.bytes)
				}
				last = p
			})
			var s Streams
			for range 2 {
				if _, err := s.Add(watched); err != nil {
					t.Fatal(err)
				}
			}
			if err := WriteStreams(w, []byte("head"), &s); err != nil {
				t.Fatal(err)
			}
			// Sent twice, reported twice.
			if want := append(slices.Clone(all), all...); !slices.Equal(percents, want) {
				t.Errorf("%s of %d bytes: %v", kind, n, percents)
			}
			percents, last = nil, Progress{}
			w.bytes = n
			if err := watched.SaveTo(filepath.Join(t.TempDir(), "saved")); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(percents, all) || last.Bytes != int64(n) {
				t.Errorf("%s of %d bytes, saved: %v, %+v", kind, n, percents, last)
			}
		}
	}
}

func TestPercentDoesNotOverflow(t *testing.T) {
	for _, size := range []int64{1, 99, 100, 1<<56 - 1, 1 << 56, 1<<63 - 1} {
		for _, copied := range []int64{0, size / 2, size} {
			got := percentOf(copied, size)
			if want := int(float64(copied) / float64(size) * 100); got < want-1 || got > want+1 {
				t.Errorf("%d of %d is %d percent", copied, size, got)
			}
		}
	}
}

func TestOneStreamInParallelCalls(t *testing.T) {
	body := sample(300_000)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, body, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := StreamFile(name)
	if err != nil {
		t.Fatal(err)
	}
	in := NewStreams(Limits{})
	received := bind(t, in, idA, len(body))
	if err := readerOn(t, frameOf(idA, body), &ReaderOptions{Limits: Limits{StreamMemory: 10}}).ReadStreams(in); err != nil {
		t.Fatal(err)
	}
	defer in.CloseAll()
	var calls sync.WaitGroup
	for _, ds := range []*DataStream{file, received, StreamBytes(body)} {
		for range 8 {
			calls.Go(func() {
				var s Streams
				id, err := s.Add(ds)
				if err != nil {
					t.Error(err)
					return
				}
				var out bytes.Buffer
				if err := WriteStreams(&out, nil, &s); err != nil || !bytes.Equal(out.Bytes(), frameOf(id, body)) {
					t.Errorf("%d bytes, %v", out.Len(), err)
				}
			})
		}
	}
	calls.Wait()
}

func TestReceivedStreamCanSeek(t *testing.T) {
	for _, memory := range []int64{0, 10} {
		in := NewStreams(Limits{})
		ds := bind(t, in, idA, 1000)
		if err := readerOn(t, frameOf(idA, sample(1000)), &ReaderOptions{Limits: Limits{StreamMemory: memory}}).ReadStreams(in); err != nil {
			t.Fatal(err)
		}
		r, err := ds.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.(io.Seeker).Seek(990, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, sample(1000)[990:]) {
			t.Errorf("%v, %v", got, err)
		}
		if err := errors.Join(r.Close(), ds.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestStreamThatNobodyClosesIsLetGoOf(t *testing.T) {
	o := &ReaderOptions{Limits: Limits{StreamMemory: 10}, Budget: NewBudget(Limits{}), TempDir: t.TempDir()}
	files := openFiles(t)
	func() {
		in := NewStreams(Limits{})
		bind(t, in, idA, 1000)
		bind(t, in, idB, 5)
		if err := readerOn(t, append(frameOf(idA, sample(1000)), frameOf(idB, sample(5))...), o).ReadStreams(in); err != nil {
			t.Fatal(err)
		}
	}()
	if u := o.Budget.Usage(); u != (Usage{StreamsMemory: 5, TemporaryFiles: 1000}) {
		t.Errorf("%+v", u)
	}
	// A deadline, not a wait: how many collections it takes is the runtime's.
	for deadline := time.Now().Add(10 * time.Second); o.Budget.Usage() != (Usage{}) && time.Now().Before(deadline); {
		runtime.GC()
		runtime.Gosched()
	}
	if u := o.Budget.Usage(); u != (Usage{}) {
		t.Errorf("%+v is still held", u)
	}
	if now := openFiles(t); now != files {
		t.Errorf("%d files are left open", now-files)
	}
	wantEmptyDir(t, o.TempDir)
}

func TestTemporaryFileIsForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	f, err := newTempFile(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		wantEmptyDir(t, dir)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
	}
	if !f.retain() {
		t.Error("a file in use has gone")
	}
	f.release()
	if _, err := f.Write([]byte("x")); err != nil {
		t.Errorf("the file is closed too early: %v", err)
	}
	f.release()
	if f.retain() {
		t.Error("a file that is closed is taken again")
	}
	// Where the system did not let it be unlinked at once.
	name := filepath.Join(dir, "named")
	named, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	late := &tempFile{f: named, name: name}
	late.refs.Store(1)
	late.release()
	wantEmptyDir(t, dir)
}
