package redisqueue_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/redisqueue"
	"github.com/halibut-go/halibut/wire"
)

// noted is what a store notes of content.
func noted(content string) redisqueue.CheckedStream {
	sum := sha256.Sum256([]byte(content))
	return redisqueue.CheckedStream{Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

// TestCheckedStream gives what was stored, however it is read, and nothing else
// as a whole.
func TestCheckedStream(t *testing.T) {
	lost := errors.New("the disk was lost")
	pieces := map[string]func(io.Reader) io.Reader{
		"at once":          func(r io.Reader) io.Reader { return r },
		"byte by byte":     iotest.OneByteReader,
		"the end together": iotest.DataErrReader,
	}
	for name, test := range map[string]struct {
		stored string
		found  string
		fails  error  // behind that
		want   string // of the error
	}{
		"what was stored":   {"content", "content", nil, ""},
		"nothing":           {"", "", nil, ""},
		"another content":   {"content", "Content", nil, "the SHA-256 differs"},
		"a shorter one":     {"content", "conten", nil, "the length differs"},
		"a longer one":      {"content", "content.", nil, "the length differs"},
		"something instead": {"", "x", nil, "the length differs"},
		"nothing instead":   {"x", "", nil, "the length differs"},
		"half of it":        {"content", "con", lost, "the disk was lost"},
	} {
		for how, piece := range pieces {
			t.Run(name+"/"+how, func(t *testing.T) {
				id := uuid.New()
				var found io.Reader = strings.NewReader(test.found)
				if test.fails != nil {
					found = io.MultiReader(found, iotest.ErrReader(test.fails))
				}
				closed := &closing{Reader: piece(found)}
				r, err := noted(test.stored).Open(id, func() (io.ReadCloser, error) { return closed, nil })
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				switch {
				case test.want == "" && (err != nil || string(got) != test.stored):
					t.Errorf("%q, %v", got, err)
				case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), id.String()) || !errors.Is(err, cmp.Or(test.fails, err))):
					t.Errorf("%q, %v", got, err)
				}
				if n, again := r.Read(make([]byte, 1)); n != 0 || (test.want != "" && again != err) {
					t.Errorf("read on: %d, %v", n, again)
				}
				if err := r.Close(); err != nil || !closed.closed {
					t.Errorf("closed: %v, %v", closed.closed, err)
				}
			})
		}
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

// TestCheckedStreamWithoutTheEnd: who reads as many bytes as there are, and no
// more, finds out too.
func TestCheckedStreamWithoutTheEnd(t *testing.T) {
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("Content")), nil }
	r, err := noted("content").Open(uuid.New(), open)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.ReadFull(r, make([]byte, len("content"))); n == len("content") || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestCheckedStreamThatCannotBeOpened says which it is, and asks for nothing
// that it could not check.
func TestCheckedStreamThatCannotBeOpened(t *testing.T) {
	id, gone := uuid.New(), errors.New("gone")
	_, err := noted("x").Open(id, func() (io.ReadCloser, error) { return nil, gone })
	if !errors.Is(err, gone) || !strings.Contains(err.Error(), id.String()) {
		t.Error(err)
	}
	for _, sum := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("x", 64), strings.Repeat("00", 33)} {
		_, err := redisqueue.CheckedStream{Size: 1, SHA256: sum}.Open(id, func() (io.ReadCloser, error) {
			t.Errorf("opened with the SHA-256 %q", sum)
			return io.NopCloser(bytes.NewReader([]byte{0})), nil
		})
		if err == nil || !strings.Contains(err.Error(), "holds no SHA-256") || !strings.Contains(err.Error(), id.String()) {
			t.Errorf("%q: %v", sum, err)
		}
	}
}

// TestStoreChecked hands out as many bytes as a stream declares, or fails.
func TestStoreChecked(t *testing.T) {
	lost, full := errors.New("the disk was lost"), errors.New("the disk is full")
	all := func(got *strings.Builder) func(io.Reader) error {
		return func(r io.Reader) error { _, err := io.Copy(got, r); return err }
	}
	for name, test := range map[string]struct {
		declared string
		source   io.Reader
		write    func(*strings.Builder) func(io.Reader) error // nil: of all
		want     func(error) bool                             // nil: no error
	}{
		"as declared":  {"content", strings.NewReader("content"), nil, nil},
		"byte by byte": {"content", iotest.OneByteReader(strings.NewReader("content")), nil, nil},
		"with its end": {"content", iotest.DataErrReader(strings.NewReader("content")), nil, nil},
		"nothing":      {"", strings.NewReader(""), nil, nil},
		"nothing that nobody reads": {"", strings.NewReader(""), func(*strings.Builder) func(io.Reader) error {
			return func(io.Reader) error { return nil }
		}, nil},
		"without the end": {"content", strings.NewReader("content"), func(got *strings.Builder) func(io.Reader) error {
			return func(r io.Reader) error { _, err := io.CopyN(got, r, 7); return err }
		}, nil},
		"too short": {"content", strings.NewReader("conten"), nil, wrongLength(7, 6)},
		"too long":  {"content", strings.NewReader("content..."), nil, wrongLength(7, 8)},
		"too long for somebody who hides it": {"content", strings.NewReader("content..."), func(got *strings.Builder) func(io.Reader) error {
			return func(r io.Reader) error { _, _ = io.Copy(got, r); return full }
		}, wrongLength(7, 8)},
		"lost": {"content", io.MultiReader(strings.NewReader("con"), iotest.ErrReader(lost)), nil, func(err error) bool { return errors.Is(err, lost) }},
		"no room": {"content", strings.NewReader("content"), func(*strings.Builder) func(io.Reader) error {
			return func(io.Reader) error { return full }
		}, func(err error) bool { return errors.Is(err, full) }},
		"read in part": {"content", strings.NewReader("content"), func(got *strings.Builder) func(io.Reader) error {
			return func(r io.Reader) error { _, err := io.CopyN(got, r, 3); return err }
		}, func(err error) bool {
			return err != nil && strings.Contains(err.Error(), "of its 7 bytes 4 were not stored")
		}},
		"something where nothing was declared": {"", strings.NewReader("x"), func(*strings.Builder) func(io.Reader) error {
			return func(io.Reader) error { return nil }
		}, wrongLength(0, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			write := all(&got)
			if test.write != nil {
				write = test.write(&got)
			}
			closed := &closing{Reader: test.source}
			stream := wire.StreamFunc(int64(len(test.declared)), func() (io.ReadCloser, error) { return closed, nil })
			stored, err := redisqueue.StoreChecked(t.Context(), stream, write)
			switch {
			case !closed.closed:
				t.Error("the stream was not closed")
			case test.want == nil && (err != nil || got.String() != test.declared || stored != noted(test.declared)):
				t.Errorf("%q, %+v, %v", got.String(), stored, err)
			case test.want != nil && (!test.want(err) || test.declared != "" && got.String() == test.declared):
				t.Errorf("%q, %v", got.String(), err)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := redisqueue.StoreChecked(ended, wire.StreamBytes([]byte("x")), all(new(strings.Builder))); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := redisqueue.StoreChecked(t.Context(), wire.StreamFunc(1, func() (io.ReadCloser, error) { return nil, lost }), nil); !errors.Is(err, lost) {
		t.Error(err)
	}
}

func wrongLength(declared, actual int64) func(error) bool {
	return func(err error) bool {
		var wrong *wire.StreamError
		return errors.As(err, &wrong) && wrong.Sending && wrong.Declared == declared && wrong.Actual == actual && wrong.More == (actual > declared)
	}
}
