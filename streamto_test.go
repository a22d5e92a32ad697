package halibut_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// reply is a result with one stream somewhere inside.
type reply struct {
	Name  string
	Inner *struct{ Content *halibut.DataStream }
}

func downloadServices() *halibut.Services {
	s := streamServices()
	s.Handle("IDownloads", "Wrapped", func(_ context.Context, d *halibut.DataStream) (reply, error) {
		return reply{"wrapped", &struct{ Content *halibut.DataStream }{d}}, nil
	})
	s.Handle("IDownloads", "Nothing", func(context.Context) (*halibut.DataStream, error) { return nil, nil })
	s.Handle("IDownloads", "Text", func(context.Context) (string, error) { return "text", nil })
	s.Handle("IDownloads", "Two", func(_ context.Context, d *halibut.DataStream) ([]*halibut.DataStream, error) {
		return []*halibut.DataStream{d, d}, nil
	})
	s.Handle("IDownloads", "Cut", func(_ context.Context, size int64) (*halibut.DataStream, error) {
		return halibut.StreamOf(io.MultiReader(io.LimitReader(zeroes{}, size/2), failingReader{errors.New("the disk is on fire")}), size), nil
	})
	return s
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// noise is the same bytes each time.
func noise(n int) []byte {
	b := make([]byte, n)
	state := uint32(1)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state >> 24)
	}
	return b
}

// nothingToKeep are options of a client that can keep no stream: neither in
// memory nor in a file.
func nothingToKeep(t *testing.T) halibut.Options {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return halibut.Options{TempDir: file, Limits: halibut.Limits{StreamMemory: 1, StreamsMemory: 1, ReconnectMin: 1}}
}

// TestStreamTo: the bytes are where they were wanted when the call returns, and
// were kept nowhere else.
func TestStreamTo(t *testing.T) {
	for _, mode := range everyModes {
		t.Run(mode, func(t *testing.T) {
			s := setting{services: downloadServices()}
			s.client = nothingToKeep(t)
			var last halibut.Progress
			var reports sync.Mutex
			s.client.Trace = &halibut.Trace{Receiving: func(p halibut.Progress) {
				reports.Lock()
				defer reports.Unlock()
				last = p
			}}
			p := s.pair(t, mode)
			c := p.client.Client(p.to)
			for _, size := range []int{0, 1, 1000, 20_000, 300_000, 5<<20 + 3} {
				content := noise(size)
				for _, method := range []string{"result", "member", "no result"} {
					var to bytes.Buffer
					ctx := halibut.WithStreamTo(t.Context(), &to)
					var stream *halibut.DataStream
					var err error
					switch method {
					case "result":
						stream, err = halibut.Call[*halibut.DataStream](ctx, c, "IStreams", "Echo", halibut.StreamBytes(content))
					case "member":
						var r reply
						if r, err = halibut.Call[reply](ctx, c, "IDownloads", "Wrapped", halibut.StreamBytes(content)); err == nil {
							stream = r.Inner.Content
						}
					case "no result":
						err = c.Call(ctx, "IStreams", "Echo", nil, halibut.StreamBytes(content))
					}
					if err != nil || !bytes.Equal(to.Bytes(), content) {
						t.Fatalf("%s of %d bytes: %d came, %v", method, size, to.Len(), err)
					}
					if mode != "queue" {
						reports.Lock()
						if last.Percent != 100 || last.Size != int64(size) {
							t.Errorf("%s of %d bytes: the last progress was %+v", method, size, last)
						}
						reports.Unlock()
					}
					if stream == nil {
						continue
					}
					if _, err := stream.Open(); stream.Size() != int64(size) || err == nil || !strings.Contains(err.Error(), "was written to the writer") {
						t.Errorf("a stream of %d bytes; opened: %v", stream.Size(), err)
					}
					if err := stream.Close(); err != nil {
						t.Error(err)
					}
					if _, err := stream.Bytes(-1); err == nil || !strings.Contains(err.Error(), "was written to the writer") {
						t.Errorf("read after Close: %v", err)
					}
				}
			}
			hello(t, p)
		})
	}
}

// TestStreamToKeepsNothing: neither side has a place for the result, and none is
// needed.
func TestStreamToKeepsNothing(t *testing.T) {
	for _, mode := range everyModes {
		t.Run(mode, func(t *testing.T) {
			p := setting{services: downloadServices(), client: nothingToKeep(t), service: nothingToKeep(t)}.pair(t, mode)
			const size = 3 << 20
			var to bytes.Buffer
			stream, err := halibut.Call[*halibut.DataStream](halibut.WithStreamTo(t.Context(), &to), p.client.Client(p.to), "IEchoService", "Get", size)
			if err != nil || to.Len() != size || stream.Size() != size {
				t.Errorf("%d bytes, %v", to.Len(), err)
			}
			hello(t, p)
		})
	}
}

// TestStreamToOfSeveralCallers, of whom a polling service's one connection serves
// one after another: what waits is passed on by other goroutines than theirs.
func TestStreamToOfSeveralCallers(t *testing.T) {
	everyMode(t, downloadServices(), func(t *testing.T, p pair) {
		c := p.client.Client(p.to)
		var callers sync.WaitGroup
		for i := range 12 {
			callers.Go(func() {
				content := noise(i * 100_000)
				sum := sha256.New()
				stream, err := halibut.Call[*halibut.DataStream](halibut.WithStreamTo(t.Context(), sum), c, "IStreams", "Echo", halibut.StreamBytes(content))
				if want := sha256.Sum256(content); err != nil || !bytes.Equal(sum.Sum(nil), want[:]) || stream.Size() != int64(len(content)) {
					t.Errorf("%d bytes: %v", len(content), err)
				}
			})
		}
		callers.Wait()
	})
}

// TestStreamToNeedsOneStream: other results are errors, the writer is given
// nothing, and the connection goes on.
func TestStreamToNeedsOneStream(t *testing.T) {
	everyMode(t, downloadServices(), func(t *testing.T, p pair) {
		c := p.client.Client(p.to)
		for _, size := range []int{10, 3 << 20} {
			var to bytes.Buffer
			ctx := halibut.WithStreamTo(t.Context(), &to)
			for method, test := range map[string]struct {
				result any
				code   halibut.Code
				text   string
				args   []any
			}{
				"Nothing": {new(*halibut.DataStream), halibut.CodeStream, "has no data stream", nil},
				"Text":    {new(string), halibut.CodeStream, "has no data stream", nil},
				"Two":     {new([]*halibut.DataStream), halibut.CodeStream, "has 2 data streams", []any{halibut.StreamBytes(noise(size))}},
				"Wrapped": {new(int), halibut.CodeTypeNotAllowed, "does not fit", []any{halibut.StreamBytes(noise(size))}},
			} {
				to.Reset()
				err := c.Call(ctx, "IDownloads", method, test.result, test.args...)
				if e := asError(t, err); e.Code != test.code || e.Outcome != halibut.Ran || !strings.Contains(err.Error(), test.text) {
					t.Errorf("%s: %v, %v: %v", method, e.Code, e.Outcome, err)
				}
				if to.Len() > 0 && (method != "Wrapped" || strings.HasPrefix(p.mode, "listening")) { // others know no types
					t.Errorf("%s: %d bytes were written", method, to.Len())
				}
			}
			to.Reset()
			err := c.Call(ctx, "IEchoService", "Fail", nil, "not today")
			if e := asError(t, err); e.Code != halibut.CodeServiceFailed || !e.Remote || to.Len() > 0 {
				t.Errorf("%v: %v", e.Code, err)
			}
			hello(t, p)
		}
	})
}

// failAfter takes so many bytes.
type failAfter struct {
	left int
	fail func() (int, error)
}

func (w *failAfter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return w.fail()
	}
	return len(p), nil
}

// TestStreamToWriterThatFails: the error is the writer's, the call is not made
// again, and the next one works, on the same connection if the rest was short.
func TestStreamToWriterThatFails(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "result.bin", Err: errors.New("no space left on device")}
	for _, mode := range everyModes {
		for name, test := range map[string]struct {
			size, takes int
			fail        func() (int, error)
			text        string
		}{
			"at once":          {5000, 0, func() (int, error) { return 0, full }, "no space left on device"},
			"short rest":       {400_000, 200_000, func() (int, error) { return 5, full }, "no space left on device"},
			"long rest":        {8 << 20, 1 << 20, func() (int, error) { return 0, full }, "no space left on device"},
			"short write":      {5000, 0, func() (int, error) { return 1, nil }, io.ErrShortWrite.Error()},
			"impossible write": {5000, 0, func() (int, error) { return 1 << 30, nil }, "bytes says that it has written 1073741824"},
			"wraps another's": {8 << 20, 0, func() (int, error) {
				return 0, &halibut.Error{Code: halibut.CodeConnect, Outcome: halibut.NotSent, Message: "the next one"}
			}, "the next one"},
		} {
			t.Run(mode+" "+name, func(t *testing.T) {
				tries := 0
				counted := func(ctx context.Context, call *halibut.CallInfo, next func(context.Context) error) error {
					tries++
					return next(ctx)
				}
				var dialled counter
				trace := &halibut.Trace{
					Connected: func(halibut.Connection) { dialled.next() },
				}
				p := setting{services: downloadServices(), limits: halibut.Limits{ReconnectMin: 1}, client: halibut.Options{
					Trace: trace, Intercept: []halibut.Interceptor{halibut.RepeatCalls(halibut.Repeat{Pause: 1}), counted},
				}}.pair(t, mode)
				c := p.client.Client(p.to)
				hello(t, p)
				tries = 0
				to := &failAfter{test.takes, test.fail}
				ctx := halibut.WithIdempotent(halibut.WithStreamTo(t.Context(), to))
				err := c.Call(ctx, "IStreams", "Echo", nil, halibut.StreamBytes(noise(test.size)))
				e := asError(t, err)
				if e.Code != halibut.CodeStream || e.Outcome != halibut.Ran || e.Remote || !hasAll(err.Error(), []string{"WithStreamTo", "*halibut_test.failAfter", test.text}) {
					t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
				}
				if strings.Contains(test.text, "space") && !errors.Is(err, full.Err) {
					t.Errorf("the writer's error is not in the chain of %v", err)
				}
				if tries != 1 {
					t.Errorf("the call was made %d times", tries)
				}
				hello(t, p)
				if n := dialled.value(); mode != "queue" && (n > 1) != (test.size > 2<<20) {
					t.Errorf("%d connections were used", n)
				}
			})
		}
	}
}

// TestStreamToWriterThatPanics: the panic is the caller's, whoever read the
// connection, and the next call works.
func TestStreamToWriterThatPanics(t *testing.T) {
	for _, mode := range everyModes {
		t.Run(mode, func(t *testing.T) {
			p := setting{services: downloadServices(), limits: halibut.Limits{ReconnectMin: 1}}.pair(t, mode)
			c := p.client.Client(p.to)
			hello(t, p)
			var callers sync.WaitGroup
			for range 4 { // most of them wait for a polling service's one connection
				callers.Go(func() {
					defer func() {
						if cause := recover(); cause != "no more" {
							t.Errorf("the panic was %v", cause)
						}
					}()
					to := &failAfter{0, func() (int, error) { panic("no more") }}
					err := c.Call(halibut.WithStreamTo(t.Context(), to), "IStreams", "Echo", nil, halibut.StreamBytes(noise(5000)))
					t.Errorf("the call returned %v", err)
				})
			}
			callers.Wait()
			hello(t, p)
		})
	}
}

// blockingWriter blocks until it is let go.
type blockingWriter struct{ entered, released chan struct{} }

func (w *blockingWriter) Write(p []byte) (int, error) {
	close(w.entered) // panics if it is written to again
	<-w.released
	return len(p), nil
}

// TestStreamToWriterThatBlocks: when the context ends the connection does, and the
// call returns as soon as the writer lets it.
func TestStreamToWriterThatBlocks(t *testing.T) {
	for _, mode := range everyModes {
		t.Run(mode, func(t *testing.T) {
			ended := make(chan struct{}, 1)
			p := setting{services: downloadServices(), limits: halibut.Limits{ReconnectMin: 1}, service: halibut.Options{
				Trace: &halibut.Trace{Disconnected: func(halibut.Connection, error) {
					select {
					case ended <- struct{}{}:
					default:
					}
				}},
			}}.pair(t, mode)
			c := p.client.Client(p.to)
			hello(t, p)
			for _, passedBy := range []string{"caller", "worker"} {
				ctx, cancel := context.WithCancel(t.Context())
				to := &blockingWriter{make(chan struct{}), make(chan struct{})}
				returned := make(chan error, 1)
				if passedBy == "worker" {
					first := make(chan struct{})
					release := holdConnection(t, p, first)
					<-first
					go func() {
						returned <- c.Call(halibut.WithStreamTo(ctx, to), "IStreams", "Echo", nil, halibut.StreamBytes(noise(3<<20)))
					}()
					release()
				} else {
					go func() {
						returned <- c.Call(halibut.WithStreamTo(ctx, to), "IStreams", "Echo", nil, halibut.StreamBytes(noise(3<<20)))
					}()
				}
				<-to.entered
				cancel()
				if mode != "queue" {
					<-ended // while the writer blocks
				}
				select {
				case err := <-returned:
					t.Fatalf("the call returned while its writer was written to: %v", err)
				case <-time.After(10 * time.Millisecond):
				}
				close(to.released)
				err := <-returned
				if e := asError(t, err); e.Code != halibut.CodeCanceled || e.Outcome == halibut.NotSent || e.Outcome == halibut.NotRun || !strings.Contains(err.Error(), "was given") {
					t.Errorf("%s: %v, %v: %v", passedBy, e.Code, e.Outcome, err)
				}
				hello(t, p)
			}
		})
	}
}

// holdConnection makes a call that lasts until it is let go, so that the calls
// after it wait where there is one connection.
func holdConnection(t *testing.T, p pair, begun chan struct{}) (release func()) {
	t.Helper()
	r, w := io.Pipe()
	held := make(chan error, 1)
	go func() {
		held <- p.client.Client(p.to).Call(context.Background(), "IEchoService", "CountLive", nil, halibut.StreamFunc(1, func() (io.ReadCloser, error) {
			close(begun)
			return r, nil
		}))
	}()
	return func() {
		_, _ = w.Write([]byte{1})
		_ = w.Close()
		if err := <-held; err != nil {
			t.Error(err)
		}
	}
}

// TestStreamToOfASourceThatFails: the connection ends in the middle. The writer
// has a part, the error says so, and the call is not made again.
func TestStreamToOfASourceThatFails(t *testing.T) {
	for _, mode := range everyModes {
		t.Run(mode, func(t *testing.T) {
			tries := 0
			p := setting{services: downloadServices(), limits: halibut.Limits{ReconnectMin: 1}, client: halibut.Options{Intercept: []halibut.Interceptor{
				halibut.RepeatCalls(halibut.Repeat{Pause: 1, Tries: 3}),
				func(ctx context.Context, _ *halibut.CallInfo, next func(context.Context) error) error {
					tries++
					return next(ctx)
				},
			}}}.pair(t, mode)
			var to bytes.Buffer
			ctx := halibut.WithIdempotent(halibut.WithStreamTo(t.Context(), &to))
			const size = 4 << 20
			err := p.client.Client(p.to).Call(ctx, "IDownloads", "Cut", nil, size)
			e := asError(t, err)
			if e.Outcome != halibut.Ran || !hasAll(err.Error(), []string{"*bytes.Buffer", "was given"}) {
				t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
			}
			if to.Len() == 0 || to.Len() > size/2 || tries != 1 {
				t.Errorf("%d bytes were written in %d tries", to.Len(), tries)
			}
			hello(t, p)
		})
	}
}

// TestStreamToIsForOneCall: interceptors that make the call again are refused, and
// the calls that they make by themselves have no writer.
func TestStreamToIsForOneCall(t *testing.T) {
	var again, nested error
	var other *halibut.DataStream
	var p pair
	p = setting{services: downloadServices(), client: halibut.Options{Intercept: []halibut.Interceptor{
		func(ctx context.Context, call *halibut.CallInfo, next func(context.Context) error) error {
			if call.Method != "Echo" {
				return next(ctx)
			}
			other, nested = halibut.Call[*halibut.DataStream](ctx, p.client.Client(p.to), "IEchoService", "Get", 7)
			err := next(ctx)
			again = next(ctx)
			return err
		},
	}}}.pair(t, "listening")
	var to bytes.Buffer
	err := p.client.Client(p.to).Call(halibut.WithStreamTo(t.Context(), &to), "IStreams", "Echo", nil, halibut.StreamBytes([]byte("content")))
	if err != nil || to.String() != "content" {
		t.Errorf("%q, %v", to.String(), err)
	}
	if e := asError(t, again); e.Code != halibut.CodeStream || e.Outcome != halibut.Ran || !strings.Contains(again.Error(), "not made again") {
		t.Errorf("again: %v", again)
	}
	if nested != nil {
		t.Fatal(nested)
	}
	if content, err := contentOf(other); err != nil || content != string(make([]byte, 7)) {
		t.Errorf("the interceptor's own: %q, %v", content, err)
	}
}

// TestStreamToWithAnInterceptorThatHidesErrors: what was written in part, or not at
// all, is no success, and no file.
func TestStreamToWithAnInterceptorThatHidesErrors(t *testing.T) {
	for _, test := range []struct {
		method  string
		made    bool
		outcome halibut.Outcome
	}{
		{"Cut", true, halibut.Ran},
		{"Nowhere", true, halibut.Unknown},
		{"Cut", false, halibut.NotSent},
	} {
		p := setting{services: downloadServices(), client: halibut.Options{Intercept: []halibut.Interceptor{
			func(ctx context.Context, call *halibut.CallInfo, next func(context.Context) error) error {
				if test.made {
					_ = next(ctx)
				}
				return nil
			},
		}}}.pair(t, "listening")
		dir := t.TempDir()
		err := p.client.Client(p.to).Call(halibut.WithStreamToFile(t.Context(), filepath.Join(dir, "file")), "IDownloads", test.method, nil, int64(1<<20))
		if e := asError(t, err); e.Code != halibut.CodeStream || e.Outcome != test.outcome || !strings.Contains(err.Error(), "an interceptor returned no error") {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("a file is left: %s", left[0].Name())
		}
	}
}

// TestStreamToOfDotNet: services that are known by no word and wait for each line.
func TestStreamToOfDotNet(t *testing.T) {
	content := noise(300_000)
	wrapped := func() any {
		return reply{"x", &struct{ Content *halibut.DataStream }{halibut.StreamBytes(content)}}
	}
	respond := func(s *scripted, request *wire.Request) {
		response := result(s.t, request.ID, wrapped())
		s.respond(response)
		var frames strings.Builder
		if err := wire.WriteStreams(&frames, nil, response.Streams); err != nil {
			t.Error(err)
		}
		s.write(frames.String())
	}
	get := func(t *testing.T, c *halibut.Client) {
		t.Helper()
		for range 2 {
			var got bytes.Buffer
			r, err := halibut.Call[reply](halibut.WithStreamTo(t.Context(), &got), c, "IFiles", "Get")
			if err != nil || !bytes.Equal(got.Bytes(), content) || r.Inner.Content.Size() != int64(len(content)) {
				t.Fatalf("%d bytes, %v", got.Len(), err)
			}
		}
	}
	t.Run("listening", func(t *testing.T) {
		to, _ := serveScripted(t, nil, func(s *scripted) {
			s.meet(true)
			s.write(asServer)
			respond(s, s.request())
			s.line(wire.Next)
			s.write("PROCEED\r\n")
			respond(s, s.request())
			s.line(wire.End)
		})
		options := nothingToKeep(t)
		get(t, newRuntime(t, certificates()[0], &options).Client(to))
	})
	t.Run("polling", func(t *testing.T) {
		s := setting{client: nothingToKeep(t)}
		s.client.Authorizer = pollers(t)
		client := s.newClient(t)
		service := dialScripted(t, nil, serveOn(t, client, s.listen(t)), certificates()[1])
		served := make(chan struct{})
		go func() {
			defer close(served)
			service.write(asSubscriber)
			service.meet(false)
			for range 2 {
				respond(service, service.request())
				service.write("NEXT\r\n")
				service.line(wire.Proceed)
			}
		}()
		get(t, client.Client(endpoint(t, "poll://sq-test/")))
		<-served
	})
}

// TestSlowStreamTo: what is written slowly is no silence of the peer, who is held
// up, and gives up after its own limit.
func TestSlowStreamTo(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				s := setting{network: network, services: downloadServices()}
				s.client.Limits = halibut.Limits{Read: 3 * time.Second}
				p := s.pair(t, mode)
				to := &slowWriter{pause: 5 * time.Second} // a piece
				const size = 1 << 20
				if err := p.client.Client(p.to).Call(halibut.WithStreamTo(t.Context(), to), "IEchoService", "Get", nil, size); err != nil || to.n != size {
					t.Errorf("%d bytes, %v", to.n, err)
				}
				to = &slowWriter{pause: 2 * time.Minute}
				err := p.client.Client(p.to).Call(halibut.WithStreamTo(t.Context(), to), "IEchoService", "Get", nil, 16<<20)
				if e := asError(t, err); e.Outcome != halibut.Ran || !strings.Contains(err.Error(), "was given") {
					t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
				}
				hello(t, p)
			})
		})
	}
}

type slowWriter struct {
	pause time.Duration
	n     int
}

func (w *slowWriter) Write(p []byte) (int, error) {
	time.Sleep(w.pause)
	w.n += len(p)
	return len(p), nil
}

// TestStreamToFile: the file is there when the call returns nil, and otherwise
// nothing is.
func TestStreamToFile(t *testing.T) {
	for _, mode := range everyModes {
		t.Run(mode, func(t *testing.T) {
			testStreamToFile(t, setting{services: downloadServices(), limits: halibut.Limits{ReconnectMin: 1}}.pair(t, mode))
		})
	}
}

func testStreamToFile(t *testing.T, p pair) {
	c := p.client.Client(p.to)
	dir := t.TempDir()
	name := filepath.Join(dir, "result.bin")
	if err := os.WriteFile(name, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{2 << 20, 0} {
		content := noise(size)
		stream, err := halibut.Call[*halibut.DataStream](halibut.WithStreamToFile(t.Context(), name), c, "IStreams", "Echo", halibut.StreamBytes(content))
		if err != nil || stream.Size() != int64(size) {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	missing := filepath.Join(dir, "missing", "result.bin")
	for _, test := range []struct {
		name, method string
		outcome      halibut.Outcome
		cause        error
		args         []any
	}{
		{name, "Cut", halibut.Ran, nil, []any{3 << 20}},
		{name, "Nothing", halibut.Ran, halibut.ErrNoStream, nil},
		{missing, "Nothing", halibut.NotSent, os.ErrNotExist, nil},
	} {
		err := c.Call(halibut.WithStreamToFile(t.Context(), test.name), "IDownloads", test.method, nil, test.args...)
		if e := asError(t, err); e.Outcome != test.outcome || !errors.Is(err, test.cause) && test.cause != nil {
			t.Errorf("%s: %v, %v: %v", test.method, e.Code, e.Outcome, err)
		}
		files, err := os.ReadDir(dir)
		if content, readErr := os.ReadFile(name); err != nil || len(files) != 1 || len(content) > 0 || readErr != nil {
			t.Errorf("%s left %v, %d bytes, %v", test.method, files, len(content), err)
		}
	}
}

// TestStreamProgress: each percent once and in order, with the bytes.
func TestStreamProgress(t *testing.T) {
	everyMode(t, downloadServices(), func(t *testing.T, p pair) {
		const size = 5<<20 + 15
		var to bytes.Buffer
		var percents []int
		var last halibut.Progress
		ctx := halibut.WithStreamProgress(halibut.WithStreamTo(t.Context(), &to), func(now halibut.Progress) {
			if now.Bytes < last.Bytes || now.Size != size || now.Bytes > int64(to.Len()) {
				t.Errorf("%+v after %+v, with %d bytes written", now, last, to.Len())
			}
			last = now
			percents = append(percents, now.Percent)
		})
		if err := p.client.Client(p.to).Call(ctx, "IEchoService", "Get", nil, size); err != nil {
			t.Fatal(err)
		}
		if len(percents) != 100 || percents[0] != 1 || percents[99] != 100 || !slices.IsSorted(percents) || last.Bytes != size {
			t.Errorf("%v, at last %+v", percents, last)
		}
	})
}
