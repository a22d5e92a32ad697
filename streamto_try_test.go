package halibut_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/queue"
)

// streamToKinds are a call with a writer and one with a file, and what was written.
var streamToKinds = map[string]func(t *testing.T) (ctx context.Context, written func() []byte){
	"writer": func(t *testing.T) (context.Context, func() []byte) {
		var to bytes.Buffer
		return halibut.WithStreamTo(t.Context(), &to), to.Bytes
	},
	"file": func(t *testing.T) (context.Context, func() []byte) {
		name := filepath.Join(t.TempDir(), "result.bin")
		return halibut.WithStreamToFile(t.Context(), name), func() []byte {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Error(err)
			}
			return content
		}
	},
}

// TestStreamToOfATryThatIsOver: whoever still has it in hand can neither write nor
// say what the size is, whether another try is made or the call has returned.
func TestStreamToOfATryThatIsOver(t *testing.T) {
	for kind, streamTo := range streamToKinds {
		t.Run(kind, func(t *testing.T) {
			shared := queue.NewMemory(nil)
			defer shared.Close()
			content := noise(300_000)
			late := func(d queue.Delivery) {
				t.Helper()
				to := d.Options().StreamTo
				to.(interface{ Size(int64) }).Size(7)
				if n, err := to.Write([]byte("of another try")); n != 0 || err == nil || !strings.Contains(err.Error(), "has returned") {
					t.Errorf("a late Write: %d, %v", n, err)
				}
			}
			var first, second queue.Delivery
			again := func(ctx context.Context, _ *halibut.CallInfo, next func(context.Context) error) error {
				first = abandonedTry(t, ctx, shared, next)
				late(first)
				answered := make(chan struct{})
				go func() {
					defer close(answered)
					second = collect(t, shared)
					late(first)
					answer(t, second, halibut.StreamFunc(int64(len(content)), func() (io.ReadCloser, error) {
						late(first) // the size of this one is known
						return io.NopCloser(bytes.NewReader(content)), nil
					}))
				}()
				err := next(ctx)
				<-answered
				late(first)
				late(second)
				return err
			}
			client := setting{client: halibut.Options{Queues: shared, Intercept: []halibut.Interceptor{again}}}.newClient(t)
			ctx, written := streamTo(t)
			var last halibut.Progress
			ctx = halibut.WithStreamProgress(ctx, func(now halibut.Progress) { last = now })
			if err := client.Client(endpoint(t, subscription)).Call(ctx, "I", "M", nil); err != nil {
				t.Fatal(err)
			}
			late(first)
			late(second)
			if got := written(); !bytes.Equal(got, content) || last.Size != int64(len(content)) || last.Bytes != last.Size {
				t.Errorf("%d bytes, at last %+v", len(got), last)
			}
		})
	}
}

// answer is what a collector does with the stream of a result.
func answer(t *testing.T, d queue.Delivery, stream *halibut.DataStream) {
	t.Helper()
	response := result(t, d.Request().ID, stream)
	streams, err := response.Streams.Delivered(t.Context(), d.Options().StreamTo)
	if err != nil {
		t.Error(err)
		d.Fail(err)
		return
	}
	response.Streams = streams
	d.Respond(response)
}

// TestStreamToOfMoreThanTheStream: a collector that writes something else before
// does not make a call return nil.
func TestStreamToOfMoreThanTheStream(t *testing.T) {
	shared := queue.NewMemory(nil)
	defer shared.Close()
	client := setting{client: halibut.Options{Queues: shared}}.newClient(t)
	go func() {
		d := collect(t, shared)
		_, _ = io.WriteString(d.Options().StreamTo, "more")
		answer(t, d, halibut.StreamBytes([]byte("content")))
	}()
	err := client.Client(endpoint(t, subscription)).Call(halibut.WithStreamTo(t.Context(), io.Discard), "I", "M", nil)
	if e := asError(t, err); e.Code != halibut.CodeStream || e.Outcome != halibut.Ran || !strings.Contains(err.Error(), "was given 11 bytes of a data stream of 7") {
		t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
	}
}

// TestStreamToOfACallThatIsOver: an interceptor that has kept what makes the call
// cannot have the writer written to afterwards.
func TestStreamToOfACallThatIsOver(t *testing.T) {
	var kept func(context.Context) error
	p := setting{services: downloadServices(), client: halibut.Options{Intercept: []halibut.Interceptor{
		func(_ context.Context, _ *halibut.CallInfo, next func(context.Context) error) error {
			kept = next
			return nil
		},
	}}}.pair(t, "listening")
	var to bytes.Buffer
	err := p.client.Client(p.to).Call(halibut.WithStreamTo(t.Context(), &to), "IEchoService", "Get", nil, 7)
	if e := asError(t, err); e.Outcome != halibut.NotSent {
		t.Errorf("a call that was not made: %v: %v", e.Outcome, err)
	}
	err = kept(t.Context())
	if e := asError(t, err); e.Code != halibut.CodeStream || e.Outcome != halibut.NotSent || to.Len() > 0 {
		t.Errorf("%d bytes, %v, %v: %v", to.Len(), e.Code, e.Outcome, err)
	}
}

// TestStreamToOfShortTries: tries that end at any moment, in the hands of other
// goroutines than the caller's.
func TestStreamToOfShortTries(t *testing.T) {
	const size = 300_000
	content := noise(size)
	services := streamServices()
	services.Handle("IDownloads", "Noise", func(context.Context) (*halibut.DataStream, error) {
		return halibut.StreamBytes(content), nil
	})
	calls := 0
	short := func(ctx context.Context, call *halibut.CallInfo, next func(context.Context) error) error {
		if call.Method != "Noise" {
			return next(ctx)
		}
		calls++
		for range calls % 6 { // of some calls none
			try, cancel := context.WithTimeout(ctx, rand.N(400*time.Microsecond))
			err := next(try)
			cancel()
			if err == nil {
				return nil
			}
		}
		return next(ctx)
	}
	for name, pairOf := range map[string]func(setting, *testing.T) pair{
		"queue": func(s setting, t *testing.T) pair { return s.queued(t) },
		"worker": func(s setting, t *testing.T) pair {
			s.network = new(memnet.Network)
			s.client.Queues = plainQueues{queue.NewMemory(nil)}
			s.pollOptions = []halibut.PollOption{halibut.PollConnections(3)}
			return s.polling(t)
		},
	} {
		for kind, streamTo := range streamToKinds {
			t.Run(name+" "+kind, func(t *testing.T) {
				p := pairOf(setting{
					services: services, limits: halibut.Limits{ReconnectMin: 1},
					client: halibut.Options{Intercept: []halibut.Interceptor{short}},
				}, t)
				c := p.client.Client(p.to)
				whole := 0
				for range 40 {
					ctx, written := streamTo(t)
					if err := c.Call(ctx, "IDownloads", "Noise", nil); err != nil {
						if e := asError(t, err); e.Outcome != halibut.Ran {
							t.Fatal(err)
						}
						continue // a try was written in part
					}
					if whole++; !bytes.Equal(written(), content) {
						t.Fatalf("%d bytes were written", len(written()))
					}
				}
				if whole == 0 {
					t.Error("no call was successful")
				}
				hello(t, p)
			})
		}
	}
}
