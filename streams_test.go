package halibut_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

// parcel holds streams in all places where they may be.
type parcel struct {
	Name    string
	Stream  *halibut.DataStream
	None    *halibut.DataStream
	Several []*halibut.DataStream
	ByName  map[string]*halibut.DataStream
	Inner   struct{ Stream *halibut.DataStream }
}

func contentOf(stream *halibut.DataStream) (string, error) {
	content, err := stream.Bytes(-1)
	return string(content), err
}

// describe reads all streams of a parcel.
func (p parcel) describe() (string, error) {
	var parts []string
	streams := append([]*halibut.DataStream{p.Stream, p.Inner.Stream}, p.Several...)
	for _, name := range slices.Sorted(maps.Keys(p.ByName)) {
		streams = append(streams, p.ByName[name])
	}
	for _, stream := range streams {
		content, err := contentOf(stream)
		if err != nil {
			return "", err
		}
		parts = append(parts, content)
	}
	return strings.Join(parts, "|"), nil
}

func streamServices() *halibut.Services {
	s := echoServices()
	s.Handle("IStreams", "Describe", func(_ context.Context, p parcel) (string, error) { return p.describe() })
	s.Handle("IStreams", "Repack", func(_ context.Context, p parcel) (parcel, error) { return p, nil })
	s.Handle("IStreams", "Ignore", func(_ context.Context, a, b *halibut.DataStream) (string, error) { return "ignored", nil })
	s.Handle("IStreams", "Echo", func(_ context.Context, d *halibut.DataStream) (*halibut.DataStream, error) { return d, nil })
	s.Handle("IStreams", "Short", func(context.Context) (*halibut.DataStream, error) {
		return halibut.StreamOf(strings.NewReader("123"), 10), nil
	})
	s.Handle("IStreams", "Part", func(_ context.Context, other *halibut.DataStream, r io.Reader) (string, error) {
		part := make([]byte, 3)
		_, err := io.ReadFull(r, part)
		return string(part), err
	})
	s.Handle("IStreams", "None", func(context.Context, io.Reader) error { return nil })
	s.Handle("IStreams", "FailLive", func(context.Context, io.Reader) error { return errors.New("not today") })
	s.Handle("IStreams", "PanicLive", func(_ context.Context, r io.Reader) error {
		_, _ = r.Read(make([]byte, 1))
		panic("live")
	})
	return s
}

// TestStreamsInAllPlaces, there and back, in memory and in files.
func TestStreamsInAllPlaces(t *testing.T) {
	long := strings.Repeat("0123456789", 2000)
	shared := halibut.StreamBytes([]byte("shared"))
	in := parcel{
		Name: "x", Stream: shared, Several: []*halibut.DataStream{shared, halibut.StreamBytes(nil), halibut.StreamBytes([]byte(long))},
		ByName: map[string]*halibut.DataStream{"a": shared, "b": halibut.StreamOf(strings.NewReader("once"), 4)},
	}
	in.Inner.Stream = halibut.StreamFunc(5, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("inner")), nil })
	want := strings.Join([]string{"shared", "inner", "shared", "", long, "shared", "once"}, "|")
	for name, limits := range map[string]halibut.Limits{"memory": {}, "files": {StreamMemory: 3}, "no memory left": {StreamsMemory: 1}} {
		for _, mode := range everyModes {
			t.Run(name+" "+mode, func(t *testing.T) {
				dir := t.TempDir()
				p := setting{
					services: streamServices(), limits: limits,
					service: halibut.Options{TempDir: dir}, client: halibut.Options{TempDir: dir},
				}.pair(t, mode)
				c := p.client.Client(p.to)
				in.ByName["b"] = halibut.StreamOf(strings.NewReader("once"), 4)
				got, err := halibut.Call[string](t.Context(), c, "IStreams", "Describe", in)
				if err != nil || got != want {
					t.Errorf("%d characters, %v", len(got), err)
				}
				in.ByName["b"] = halibut.StreamOf(strings.NewReader("once"), 4)
				back, err := halibut.Call[parcel](t.Context(), c, "IStreams", "Repack", in)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := back.describe(); err != nil || got != want || back.None != nil {
					t.Errorf("%d characters, %v", len(got), err)
				}
				if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
					t.Errorf("files are left, or can be seen: %v, %v", files, err)
				}
				hello(t, p)
			})
		}
	}
}

// TestUnreadStreamsAreDrained, and the connection goes on.
func TestUnreadStreamsAreDrained(t *testing.T) {
	everyMode(t, streamServices(), func(t *testing.T, p pair) {
		big := halibut.StreamBytes(make([]byte, 3<<20))
		for range 2 {
			got, err := halibut.Call[string](t.Context(), p.client.Client(p.to), "IStreams", "Ignore", big, big)
			if err != nil || got != "ignored" {
				t.Errorf("%q, %v", got, err)
			}
			// and a result that the caller does not want
			if err := p.client.Client(p.to).Call(t.Context(), "IEchoService", "Get", nil, 3<<20); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestSourcesThatDoNotKeepTheirWord: the connection ends, and the error says
// which stream, how much was declared and how much came.
func TestSourcesThatDoNotKeepTheirWord(t *testing.T) {
	content := func(n int) io.Reader { return bytes.NewReader(make([]byte, n)) }
	broken := errors.New("the disk is on fire")
	for name, test := range map[string]struct {
		stream func() *halibut.DataStream
		texts  []string
	}{
		"too short":      {func() *halibut.DataStream { return halibut.StreamOf(content(10), 100) }, []string{"Stream ID: ", "Declared length: 100", "Actual bytes written: 10"}},
		"too long":       {func() *halibut.DataStream { return halibut.StreamOf(content(100), 10) }, []string{"Stream ID: ", "Declared length: 10", "Actual bytes written: 100"}},
		"much too short": {func() *halibut.DataStream { return halibut.StreamOf(content(3<<20), 5<<20) }, []string{"Declared length: 5242880", "Actual bytes written: 3145728"}},
		"fails": {func() *halibut.DataStream {
			return halibut.StreamOf(io.MultiReader(content(10), failingReader{broken}), 100)
		}, []string{"10 of 100 bytes", "the disk is on fire"}},
		"does not open": {func() *halibut.DataStream {
			return halibut.StreamFunc(10, func() (io.ReadCloser, error) { return nil, broken })
		}, []string{"0 of 10 bytes", "the disk is on fire"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, mode := range modes {
				t.Run(mode, func(t *testing.T) {
					p := setting{services: streamServices(), limits: halibut.Limits{ReconnectMin: 1}}.pair(t, mode)
					hello(t, p)
					err := p.client.Client(p.to).Call(t.Context(), "IEchoService", "Count", nil, test.stream())
					e := asError(t, err)
					unsent := e.Outcome == halibut.NotSent && name != "much too short" // what is short is written as a whole or not at all
					if e.Code != halibut.CodeStream || e.Outcome != halibut.Unknown && !unsent || !hasAll(err.Error(), test.texts) {
						t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
					}
					hello(t, p)
				})
			}
		})
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// TestResultThatDoesNotKeepItsWord: its caller knows that the method ran, and
// the service's log which stream it was.
func TestResultThatDoesNotKeepItsWord(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			log := newLogBook()
			p := setting{
				services: streamServices(), service: halibut.Options{Logger: log.logger()}, limits: halibut.Limits{ReconnectMin: 1},
			}.pair(t, mode)
			err := p.client.Client(p.to).Call(t.Context(), "IStreams", "Short", nil)
			if e := asError(t, err); e.Outcome == halibut.NotSent || e.Outcome == halibut.NotRun {
				t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
			}
			log.await(t, "WARN", "Declared length: 10", "Actual bytes written: 3")
			hello(t, p)
		})
	}
}

// TestStreamsThatCannotBeStored: the call fails, the connection goes on, and
// what is known of the method is told.
func TestStreamsThatCannotBeStored(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	big := halibut.StreamBytes(make([]byte, 100_000))
	for name, options := range map[string]halibut.Options{
		"no directory": {TempDir: file, Limits: halibut.Limits{StreamMemory: 10}},
		"disk full":    {TempDir: t.TempDir(), Limits: halibut.Limits{StreamMemory: 10, TemporaryFiles: 50_000}},
	} {
		for _, mode := range modes {
			t.Run(name+" "+mode, func(t *testing.T) {
				t.Run("at the service", func(t *testing.T) {
					log := newLogBook()
					service := options
					service.Logger = log.logger()
					p := setting{services: streamServices(), service: service}.pair(t, mode)
					for method, args := range map[string][]any{"Echo": {big}, "Part": {big, big}} {
						err := p.client.Client(p.to).Call(t.Context(), "IStreams", method, nil, args...)
						e := asError(t, err)
						if e.Code != halibut.CodeStream || e.Outcome != halibut.NotRun || !e.Remote || !strings.Contains(err.Error(), "could not be received") {
							t.Errorf("%s: %v, %v: %v", method, e.Code, e.Outcome, err)
						}
					}
					hello(t, p)
					if strings.Contains(log.all(), "left") || strings.Contains(log.all(), "interrupted") {
						t.Errorf("a connection was lost:\n%s", log.all())
					}
				})
				t.Run("at the client", func(t *testing.T) {
					log := newLogBook()
					client := options
					client.Logger = log.logger()
					p := setting{services: streamServices(), client: client}.pair(t, mode)
					_, err := halibut.Call[*halibut.DataStream](t.Context(), p.client.Client(p.to), "IStreams", "Echo", big)
					e := asError(t, err)
					if e.Code != halibut.CodeStream && e.Code != halibut.CodeLimit || e.Outcome != halibut.Ran || e.Remote {
						t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
					}
					if !hasAll(err.Error(), []string{"temporary file", options.TempDir}) {
						t.Error(err)
					}
					hello(t, p)
					if strings.Contains(log.all(), "left") {
						t.Errorf("a connection was lost:\n%s", log.all())
					}
				})
			})
		}
	}
}

// TestProgress: each percent once and in order, with the bytes.
func TestProgress(t *testing.T) {
	everyMode(t, streamServices(), func(t *testing.T, p pair) {
		const size = 5<<20 + 15
		var percents []int
		last := halibut.Progress{}
		stream := halibut.StreamBytes(make([]byte, size)).WithProgress(func(now halibut.Progress) {
			if now.Bytes < last.Bytes || now.Size != size {
				t.Errorf("%+v after %+v", now, last)
			}
			last = now
			percents = append(percents, now.Percent)
		})
		n, err := halibut.Call[int64](t.Context(), p.client.Client(p.to), "IEchoService", "Count", stream)
		if err != nil || n != size {
			t.Errorf("%d, %v", n, err)
		}
		if len(percents) != 100 || percents[0] != 1 || percents[99] != 100 || !slices.IsSorted(percents) || last.Bytes != size {
			t.Errorf("%v, at last %+v", percents, last)
		}
	})
}

// TestLiveReaders: a method may read part of one, nothing, or panic over it;
// the rest is read over and the connection goes on.
func TestLiveReaders(t *testing.T) {
	everyMode(t, streamServices(), func(t *testing.T, p pair) {
		c := p.client.Client(p.to)
		for _, size := range []int{3, 1000, 3 << 20} {
			content := bytes.Repeat([]byte("abc"), size/3+1)[:size]
			small := halibut.StreamBytes([]byte("other"))
			got, err := halibut.Call[string](t.Context(), c, "IStreams", "Part", small, halibut.StreamBytes(content))
			if err != nil || got != "abc" {
				t.Errorf("Part: %q, %v", got, err)
			}
			if err := c.Call(t.Context(), "IStreams", "None", nil, halibut.StreamBytes(content)); err != nil {
				t.Errorf("None: %v", err)
			}
			for _, method := range []string{"FailLive", "PanicLive"} {
				err := c.Call(t.Context(), "IStreams", method, nil, halibut.StreamBytes(content))
				if e := asError(t, err); e.Code != halibut.CodeServiceFailed || e.Outcome != halibut.Ran {
					t.Errorf("%s: %v", method, err)
				}
			}
			if n, err := halibut.Call[int64](t.Context(), c, "IEchoService", "CountLive", halibut.StreamBytes(content)); err != nil || n != int64(size) {
				t.Errorf("CountLive: %d, %v", n, err)
			}
		}
		err := c.Call(t.Context(), "IStreams", "None", nil, nil)
		if e := asError(t, err); e.Outcome != halibut.NotRun {
			t.Errorf("null for a stream: %v, %v: %v", e.Code, e.Outcome, err)
		}
		hello(t, p)
	})
}

// TestLiveReaderOfAClientThatDies tells the method.
func TestLiveReaderOfAClientThatDies(t *testing.T) {
	services := echoServices()
	read := make(chan error, 1)
	services.Handle("IStreams", "Read", func(_ context.Context, r io.Reader) error {
		n, err := io.Copy(io.Discard, r)
		read <- fmt.Errorf("%d bytes: %w", n, err)
		return err
	})
	g := newGuarded(t, setting{services: services})
	message, streams := messageOf(t, "IStreams", "Read", halibut.StreamBytes(make([]byte, 1000)))
	var frames strings.Builder
	if err := wire.WriteStreams(&frames, nil, streams); err != nil {
		t.Fatal(err)
	}
	s := dialScripted(t, nil, g.addr, certificates()[0])
	s.write(asClient, message, frames.String()[:24+500])
	_ = s.CloseWrite()
	if err := <-read; !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "500 bytes") {
		t.Errorf("the method read %v", err)
	}
	g.log.await(t, "WARN client left", "500 of 1000 bytes")
	hello(t, g.pair)
}

// TestSaveToLeavesNoHalfFile, and replaces a file only with a whole one.
func TestSaveToLeavesNoHalfFile(t *testing.T) {
	everyMode(t, streamServices(), func(t *testing.T, p pair) {
		dir := t.TempDir()
		name := filepath.Join(dir, "saved")
		content := make([]byte, 2<<20)
		for i := range content {
			content[i] = byte(rand.Uint32())
		}
		stream, err := halibut.Call[*halibut.DataStream](t.Context(), p.client.Client(p.to), "IStreams", "Echo", halibut.StreamBytes(content))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SaveTo(name); err != nil {
			t.Error(err)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
		if err := stream.SaveTo(name); err == nil {
			t.Error("a closed stream was saved")
		}
		if err := halibut.StreamOf(bytes.NewReader(content[:10]), 20).SaveTo(name); err == nil {
			t.Error("half a stream was saved")
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, content) {
			t.Errorf("the file is not what was saved: %v", err)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
			t.Errorf("%v, %v", files, err)
		}

		again, err := halibut.StreamFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := halibut.Call[int64](t.Context(), p.client.Client(p.to), "IEchoService", "Count", again); err != nil || n != int64(len(content)) {
			t.Errorf("%d, %v", n, err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		err = p.client.Client(p.to).Call(t.Context(), "IEchoService", "Count", nil, again)
		if e := asError(t, err); e.Outcome != halibut.NotSent || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a file that is gone: %v, %v: %v", e.Code, e.Outcome, err)
		}
		hello(t, p)
	})
}
