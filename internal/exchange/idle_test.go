package exchange

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// hookedConn does something just before some bytes are written.
type hookedConn struct {
	*memnet.Conn
	at     string
	before func()
}

func (c *hookedConn) Write(p []byte) (int, error) {
	if string(p) == c.at {
		c.before()
	}
	return c.Conn.Write(p)
}

// counting is a handler that counts the methods that it runs.
func counting() (answers, *atomic.Int64) {
	ran := new(atomic.Int64)
	return answers{run: func(_ context.Context, r *wire.Request) *wire.Response {
		ran.Add(1)
		return &wire.Response{ID: r.ID, Error: &wire.ServerError{Message: r.Method}}
	}}, ran
}

// bothWays are the words of peers that are told apart by them: those of Go, and
// the others.
var bothWays = map[string][]string{"awaited": nil, "pipelining": {"go/1", Pipelining, Refuse}}

// TestCallBehindOurOwnEnd: a call that comes while an idle connection is given up
// knows that nothing of it was sent, and no byte follows END.
func TestCallBehindOurOwnEnd(t *testing.T) {
	for name, words := range bothWays {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handler, ran := counting()
				hooked, called := &hookedConn{at: wire.End + "\r\n"}, make(chan error, 1)
				c := converseThrough(t, func(conn *memnet.Conn) Conn { hooked.Conn = conn; return hooked }, &Config{Timeouts: testTimeouts}, false, handler, words...)
				var written int64
				hooked.before = func() {
					written = c.clientConn.BytesWritten()
					go func() { called <- c.client.Do(context.Background(), simpleCall("Late")) }()
					synctest.Wait()
				}
				if err := c.call("Hello"); err != nil {
					t.Fatal(err)
				}
				var failed *CallError
				if err := <-called; !errors.As(err, &failed) || failed.Stage != Preparing || !errors.Is(err, ErrIdle) {
					t.Errorf("a call behind END: %v", err)
				}
				if err := <-c.served; err != nil {
					t.Errorf("the service took END for %v", err)
				}
				if n := c.clientConn.BytesWritten() - written; n != int64(len(hooked.at)) || ran.Load() != 1 {
					t.Errorf("%d bytes were written from END on, and %d methods ran", n, ran.Load())
				}
				<-c.clientEnd
			})
		})
	}
}

// TestCallAsTheIdleLimitPasses: one that has begun when the limit passes is made,
// once, and END is not said under it.
func TestCallAsTheIdleLimitPasses(t *testing.T) {
	for name, words := range bothWays {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handler, ran := counting()
				c := converse(t, false, handler, words...)
				c.ready(t, false)
				late := &hurdle{at: func() { time.Sleep(testTimeouts.Idle + testTimeouts.IdleProceeded); synctest.Wait() }}
				err := c.client.Do(t.Context(), &Call{Request: &wire.Request{ID: "late", Service: "S", Method: "Late"}, Receiver: late})
				if err != nil || late.response == nil || ran.Load() != 2 {
					t.Errorf("%v; %d methods ran", err, ran.Load())
				}
				if err := c.call("Next"); err != nil {
					t.Errorf("the next call: %v", err)
				}
				c.end()
			})
		})
	}
}

// TestNextAsTheIdleLimitPasses: nor is it when NEXT is on its way.
func TestNextAsTheIdleLimitPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, ran := counting()
		hooked := &hookedConn{at: wire.Next + "\r\n"}
		hooked.before = func() { time.Sleep(testTimeouts.Idle); synctest.Wait() }
		c := converseThrough(t, func(conn *memnet.Conn) Conn { hooked.Conn = conn; return hooked }, &Config{Timeouts: testTimeouts}, false, handler)
		c.ready(t, false)
		if err := c.call("Late"); err != nil || ran.Load() != 2 {
			t.Errorf("%v; %d methods ran", err, ran.Load())
		}
		c.end()
	})
}

// TestCallsAtTheIdleLimit begin at the very moment at which the connection is
// given up: whatever comes first, each is made once or known not to be sent.
func TestCallsAtTheIdleLimit(t *testing.T) {
	for name, words := range bothWays {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				made, given := 0, 0
				for range 500 {
					handler, ran := counting()
					c := converse(t, false, handler, words...)
					if err := c.call("Hello"); err != nil {
						t.Fatal(err)
					}
					time.Sleep(testTimeouts.Idle)
					err := c.client.Do(t.Context(), simpleCall("Late"))
					var failed *CallError
					switch {
					case err == nil && ran.Load() == 2:
						made++
					case errors.As(err, &failed) && failed.Stage == Preparing && ran.Load() == 1:
						given++
					default:
						t.Fatalf("%v; %d methods ran", err, ran.Load())
					}
					_ = c.client.Close()
					<-c.clientEnd
					<-c.served // with an error where PROCEED has nobody to go to any more
				}
				t.Logf("%d calls were made and %d were not sent", made, given)
			})
		})
	}
}
