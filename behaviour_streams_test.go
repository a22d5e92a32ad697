package halibut_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
)

// TestSharedStreams: parallel callers send the same 128 streams.
func TestSharedStreams(t *testing.T) {
	const callers, streams = 32, 128
	services := new(halibut.Services)
	services.Handle("IReadStreams", "Count", func(_ context.Context, streams []*halibut.DataStream) (int64, error) {
		var n int64
		for _, stream := range streams {
			b, err := stream.Bytes(1 << 20)
			if err != nil {
				return 0, err
			}
			n += int64(bytes.Count(b, []byte{'x'}))
		}
		return n, nil
	})
	p := newListening(t, services, halibut.Limits{})
	c := p.client.Client(p.to)
	shared := make([]*halibut.DataStream, streams)
	for i := range shared {
		shared[i] = halibut.StreamBytes(bytes.Repeat([]byte{'x'}, i))
	}
	var calls sync.WaitGroup
	for range callers {
		calls.Go(func() {
			n, err := halibut.Call[int64](context.Background(), c, "IReadStreams", "Count", shared)
			if err != nil || n != streams*(streams-1)/2 {
				t.Errorf("%d, %v", n, err)
			}
		})
	}
	calls.Wait()
}

// TestStreamsThatLie about their length fail their call at once, and the next
// one works without waiting for any limit, whether the connection had to be
// killed or nothing was written yet.
func TestStreamsThatLie(t *testing.T) {
	for name, test := range map[string]struct {
		declared, actual int64
		texts            []string
	}{
		"more than declared": {10, 100, []string{"Data stream size mismatch detected during send", "Declared length: 10", "Actual bytes written: 100"}},
		"less than declared": {100, 10, []string{"Data stream size mismatch detected during send", "Declared length: 100", "Actual bytes written: 10"}},
		"much less":          {2 << 20, 1 << 20, []string{"Declared length: 2097152", "Actual bytes written: 1048576"}},
	} {
		for _, mode := range modes {
			t.Run(name+", "+mode, func(t *testing.T) {
				inBubble(t, func(t *testing.T, network *memnet.Network) {
					p := setting{network: network, services: echoServices()}.pair(t, mode)
					c := p.client.Client(p.to)
					hello(t, p)
					start := time.Now()
					content := strings.NewReader(strings.Repeat("x", int(test.actual)))
					err := c.Call(t.Context(), "IEchoService", "Count", nil, halibut.StreamOf(content, test.declared))
					e := asError(t, err)
					if e.Code != halibut.CodeStream || e.Outcome == halibut.Ran || !hasAll(err.Error(), test.texts) {
						t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
					}
					if waited := time.Since(start); waited > time.Second {
						t.Errorf("the call failed after %s", waited)
					}
					hello(t, p)
					if waited := time.Since(start); waited > 30*time.Second {
						t.Errorf("the next call took until %s", waited)
					}
				})
			})
		}
	}
}

// TestStreamsThatFail while they are read for sending: the error is theirs and
// no fault of the network, and however many fail, the next call works.
func TestStreamsThatFail(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				p := setting{network: network, services: echoServices()}.pair(t, mode)
				c := p.client.Client(p.to)
				for name, open := range map[string]func() (io.ReadCloser, error){
					"not there":   func() (io.ReadCloser, error) { return nil, fs.ErrNotExist },
					"fails early": func() (io.ReadCloser, error) { return nil, broken },
				} {
					err := c.Call(t.Context(), "IEchoService", "Count", nil, halibut.StreamFunc(10, open))
					if e := asError(t, err); e.Code != halibut.CodeStream || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, broken) {
						t.Errorf("%s: %v: %v", name, e.Code, err)
					}
				}
				for range 128 {
					failing := io.MultiReader(strings.NewReader("some"), failingReader{broken})
					err := c.Call(t.Context(), "IEchoService", "Count", nil, halibut.StreamOf(failing, 100))
					if e := asError(t, err); e.Code != halibut.CodeStream || !errors.Is(err, broken) {
						t.Fatalf("%v: %v", e.Code, err)
					}
				}
				hello(t, p)
			})
		})
	}
	if _, err := halibut.StreamFile("no such file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("StreamFile: %v", err)
	}
}
