package exchange

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// ready has a connection stand where the next request may be written.
func (c *conversation) ready(t *testing.T, polling bool) {
	t.Helper()
	if err := c.call("Hello"); err != nil {
		t.Fatal(err)
	}
	if polling {
		if err := c.client.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second) // Run reads
}

// quitter is a Receiver that gives its call up at the last moment.
type quitter struct {
	received
	before func()
}

func (q *quitter) Started() bool { q.before(); return false }

// TestEndWhileACallIsGivenUp: what the service says just before a call is given
// up is seen after it.
func TestEndWhileACallIsGivenUp(t *testing.T) {
	for _, polling := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := converse(t, polling, answers{}, "go/1", Pipelining, Refuse)
			c.ready(t, polling)
			err := c.client.Do(t.Context(), &Call{
				Request:  &wire.Request{ID: "never", Service: "S", Method: "Never"},
				Receiver: &quitter{before: func() { c.service.Drain(); synctest.Wait() }},
			})
			if !errors.Is(err, ErrGivenUp) {
				t.Error(err)
			}
			time.Sleep(10 * time.Second)
			if c.client.Err() == nil {
				t.Errorf("polling %v: nobody has seen that the service has left", polling)
			}
			c.end()
		})
	}
}

// slowSource is a data stream's source that takes a second for 100 KiB.
type slowSource struct{ left int }

func (s *slowSource) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Second)
	n := min(len(p), s.left, 100<<10)
	s.left -= n
	return n, nil
}

func (*slowSource) Close() error { return nil }

// TestLongUploadIsRefused: however long a request takes that a draining service
// refuses, its caller hears that it was not run.
func TestLongUploadIsRefused(t *testing.T) {
	for _, polling := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := converse(t, polling, answers{}, "go/1", Pipelining, Refuse)
			c.ready(t, polling)
			const size = 2 << 20
			request := &wire.Request{ID: "late", Service: "S", Method: "Late"}
			stream := wire.StreamFunc(size, func() (io.ReadCloser, error) { return &slowSource{size}, nil })
			var err error
			if request.Params, err = new(wire.Codec).EncodeParams(nil, &request.Streams, []any{stream}); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			err = c.client.Do(t.Context(), &Call{Request: request, Receiver: &hurdle{at: func() { c.service.Drain(); synctest.Wait() }}})
			var failed *CallError
			if !errors.As(err, &failed) || failed.Stage != Refused {
				t.Errorf("polling %v: after %s: %#v, %v", polling, time.Since(begin), failed, err)
			}
			c.end()
		})
	}
}
