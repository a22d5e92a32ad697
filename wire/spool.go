package wire

import (
	"bytes"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// copyBuffer is the unit in which long streams are moved.
type copyBuffer [128 << 10]byte

var copyBuffers = sync.Pool{New: func() any { return new(copyBuffer) }}

// spoolBuffer is what is written to a temporary file at once, where the budget for
// streams in memory has room for it.
type spoolBuffer [1 << 20]byte

var spoolBuffers = sync.Pool{New: func() any { return new(spoolBuffer) }}

// buffer returns what to collect the bytes for a temporary file in, to be given
// back by free.
func (a *account) buffer() (buf []byte, free func()) {
	if _, ok := a.take(int64(len(spoolBuffer{}))); !ok {
		short := copyBuffers.Get().(*copyBuffer)
		return short[:], func() { copyBuffers.Put(short) }
	}
	long := spoolBuffers.Get().(*spoolBuffer)
	return long[:], func() {
		spoolBuffers.Put(long)
		a.give(int64(len(long)))
	}
}

// spoolStart is what is allocated for a stream whose bytes have not come yet.
const spoolStart = 64 << 10

// A spool holds the bytes of one received stream, in memory or as a section of
// a temporary file.
type spool struct {
	memory  []byte
	account *account // of the memory

	file   *tempFile
	offset int64
	size   int64

	released atomic.Bool
}

func (s *spool) reader() io.ReadSeeker {
	if s.file != nil {
		return io.NewSectionReader(s.file.f, s.offset, s.size)
	}
	return bytes.NewReader(s.memory)
}

// grow makes room for n bytes in all. It returns false when the budget does
// not allow them.
func (s *spool) grow(n int) bool {
	if _, ok := s.account.take(int64(n - cap(s.memory))); !ok {
		return false
	}
	s.memory = append(make([]byte, 0, n), s.memory...)
	return true
}

// dropMemory gives the memory back.
func (s *spool) dropMemory() {
	s.account.give(int64(cap(s.memory)))
	s.memory = nil
}

// release lets go of memory and file. It may be called again.
func (s *spool) release() {
	if s.released.Swap(true) {
		return
	}
	// A reader of the memory may still be at work: it keeps its bytes, which
	// then are counted no more.
	s.account.give(int64(cap(s.memory)))
	if s.file != nil {
		s.file.release()
	}
}

// A tempFile holds the long streams of one message, one behind the other. One
// file for all of them, since a message may have thousands.
type tempFile struct {
	f       *os.File
	name    string // when it could not be unlinked at once
	account *account

	size int64 // written so far; the receiving goroutine's
	refs atomic.Int64
}

// newTempFile creates a file with one reference.
func newTempFile(dir string, a *account) (*tempFile, error) {
	f, err := os.CreateTemp(dir, "halibut-*.stream") // with mode 0600
	if err != nil {
		return nil, err
	}
	t := &tempFile{f: f, account: a}
	// An unlinked file cannot outlive the process, nor be opened by another.
	// Windows refuses: there it is removed when it is closed.
	if err := os.Remove(f.Name()); err != nil {
		t.name = f.Name()
	}
	t.refs.Store(1)
	return t, nil
}

// retain takes a reference, unless the file is gone.
func (t *tempFile) retain() bool {
	for {
		n := t.refs.Load()
		if n == 0 {
			return false
		}
		if t.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (t *tempFile) release() {
	if t.refs.Add(-1) > 0 {
		return
	}
	_ = t.f.Close() // nothing in it is wanted any more
	if t.name != "" {
		_ = os.Remove(t.name)
	}
	t.account.give(t.size)
}

// Write appends p. What an earlier, failed Write left behind is overwritten or
// lies in a section that nobody reads.
func (t *tempFile) Write(p []byte) (int, error) {
	if used, ok := t.account.take(int64(len(p))); !ok {
		return 0, &LimitError{What: "bytes in temporary files (Limits.TemporaryFiles)", Limit: t.account.limit, Actual: used}
	}
	at := t.size
	t.size += int64(len(p))
	return t.f.WriteAt(p, at)
}
