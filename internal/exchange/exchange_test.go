package exchange

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testTimeouts = Timeouts{
	Read: time.Minute, Write: time.Minute, Control: time.Minute, Response: 5 * time.Minute,
	Request: 10 * time.Minute, Next: 10 * time.Minute, Idle: 50 * time.Second, IdleProceeded: 3 * time.Minute,
}

// conversation is a client and a service on the two ends of one connection.
type conversation struct {
	t                    *testing.T
	client               *Client
	service              *Service
	clientEnd, served    chan error
	ran                  chan struct{} // the client's Run has returned
	clientConn, servConn *memnet.Conn
}

// converse connects a client with a service; words are what both say.
func converse(t *testing.T, polling bool, handler Handler, words ...string) *conversation {
	t.Helper()
	return converseWith(t, &Config{Timeouts: testTimeouts}, polling, handler, words...)
}

func converseWith(t *testing.T, config *Config, polling bool, handler Handler, words ...string) *conversation {
	t.Helper()
	return converseThrough(t, func(c *memnet.Conn) Conn { return c }, config, polling, handler, words...)
}

// converseThrough has the side that dials use what through makes of its
// connection.
func converseThrough(t *testing.T, through func(*memnet.Conn) Conn, config *Config, polling bool, handler Handler, words ...string) *conversation {
	t.Helper()
	dialling, accepting := memnet.Pipe("dialler", "acceptor")
	self := wire.Identity{Role: wire.RoleClient, Words: words}
	if polling {
		self = wire.Identity{Role: wire.RoleSubscriber, Subscription: "poll://sq-test/", Words: words}
	}
	var accepted *Session
	var acceptErr error
	var accepts sync.WaitGroup
	accepts.Go(func() {
		opening := Accept(accepting, nil, &config.Reader)
		if kind, err := opening.Preamble(); err != nil || kind != wire.PreambleHalibut {
			acceptErr = errors.Join(errors.New("no preamble"), err)
			return
		}
		if _, acceptErr = opening.Identity(); acceptErr == nil {
			accepted, acceptErr = opening.Admit(words)
		}
	})
	dialled, err := Dial(through(dialling), nil, &config.Reader, self)
	accepts.Wait()
	if err = errors.Join(err, acceptErr); err != nil {
		t.Fatal(err)
	}
	c := &conversation{t: t, clientEnd: make(chan error, 1), served: make(chan error, 1), ran: make(chan struct{})}
	c.clientConn, c.servConn = dialling, accepting
	atClient, atService := dialled, accepted
	if polling {
		atClient, atService = accepted, dialled
		c.clientConn, c.servConn = accepting, dialling
	}
	c.client = atClient.Client(config, func(err error) { c.clientEnd <- err })
	c.service = atService.Service(config, handler)
	go func() { c.client.Run(); close(c.ran) }()
	go func() { c.served <- c.service.Serve(context.Background()) }()
	return c
}

// end closes both sides and waits for them.
func (c *conversation) end() {
	c.t.Helper()
	_ = c.client.Close()
	<-c.clientEnd
	if err := <-c.served; err != nil && !errors.Is(err, ErrClosed) {
		c.t.Errorf("the service ended with %v", err)
	}
}

// answers is a handler that answers with the request's method, or with what run
// says.
type answers struct {
	run func(ctx context.Context, request *wire.Request) *wire.Response
}

type answering struct {
	answers
	request *wire.Request
}

func (a answers) Prepare(_ context.Context, request *wire.Request) Invocation {
	return &answering{a, request}
}

func (a *answering) Run(ctx context.Context) *wire.Response {
	if a.run != nil {
		return a.run(ctx, a.request)
	}
	return &wire.Response{ID: a.request.ID, Error: &wire.ServerError{Message: a.request.Method}}
}

func (a *answering) Live() *wire.DataStream { return nil }
func (a *answering) Refuse(error)           {}
func (a *answering) Recycle()               {}

// received keeps what a call got.
type received struct {
	mu       sync.Mutex
	response *wire.Response
	refuse   bool
}

func (r *received) Started() bool { return !r.refuse }
func (r *received) Receive(response *wire.Response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := *response
	r.response = &kept
}
func (r *received) StreamTo() io.Writer     { return nil }
func (r *received) Complete(*wire.Response) {}

func (c *conversation) call(method string, change ...func(*Call)) error {
	r := new(received)
	call := &Call{Request: &wire.Request{ID: "S::" + method, Service: "S", Method: method}, Receiver: r}
	for _, f := range change {
		f(call)
	}
	if err := c.client.Do(context.Background(), call); err != nil {
		return err
	}
	if r.response == nil || r.response.Error == nil || r.response.Error.Message != method {
		c.t.Errorf("the answer to %s is %+v", method, r.response)
	}
	return nil
}

func together(c *Call) { c.Together = true }
func eager(c *Call)    { c.EagerNext = true }

// TestWritesOfACall counts what a call costs on the wire once the connection is
// in use: the writes of the client and of the service.
func TestWritesOfACall(t *testing.T) {
	words := []string{"go/1", Pipelining, Refuse}
	for _, test := range []struct {
		name            string
		polling         bool
		words           []string
		change          func(*Call)
		client, service int64
	}{
		{"listening, awaited", false, nil, func(*Call) {}, 2, 2},
		{"listening, together", false, nil, together, 1, 2},
		{"listening, eager", false, nil, eager, 2, 2},
		{"listening, pipelining", false, words, func(*Call) {}, 1, 1},
		{"polling, awaited", true, nil, func(*Call) {}, 2, 2},
		{"polling, pipelining", true, words, func(*Call) {}, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := converse(t, test.polling, answers{}, test.words...)
				step := func() {
					if err := c.call("Hello", test.change); err != nil {
						t.Fatal(err)
					}
					if test.polling {
						if err := c.client.Ready(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					synctest.Wait()
				}
				step()
				client, service := c.clientConn.Writes(), c.servConn.Writes()
				const calls = 10
				for range calls {
					step()
				}
				if n := c.clientConn.Writes() - client; n != calls*test.client {
					t.Errorf("the client wrote %d times for %d calls, want %d a call", n, calls, test.client)
				}
				if n := c.servConn.Writes() - service; n != calls*test.service {
					t.Errorf("the service wrote %d times for %d calls, want %d a call", n, calls, test.service)
				}
				c.end()
			})
		})
	}
}

func TestDrainRefusesWhatIsOnItsWay(t *testing.T) {
	for _, polling := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := converse(t, polling, answers{}, "go/1", Pipelining, Refuse)
			if err := c.call("Hello"); err != nil {
				t.Fatal(err)
			}
			if polling {
				if err := c.client.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			// The request is begun before END can be seen, and written after it.
			r := &hurdle{at: func() { c.service.Drain(); synctest.Wait() }}
			err := c.client.Do(t.Context(), &Call{Request: &wire.Request{ID: "late", Service: "S", Method: "Late"}, Receiver: r})
			var failed *CallError
			if !errors.As(err, &failed) || failed.Stage != Refused || !errors.Is(err, ErrRefused) {
				t.Errorf("polling %v: a request after END: %v, want it refused", polling, err)
			}
			c.end()
		})
	}
}

// TestDrainRefusesWhatHasALongID refuses with a message that is written in pieces.
func TestDrainRefusesWhatHasALongID(t *testing.T) {
	for _, polling := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			config := &Config{Timeouts: testTimeouts, Compression: CompressNever}
			c := converseWith(t, config, polling, answers{}, "go/1", Pipelining, Refuse)
			if polling {
				if err := c.client.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			r := &hurdle{at: func() { c.service.Drain(); synctest.Wait() }}
			request := &wire.Request{ID: strings.Repeat("x", 70_000), Service: "S", Method: "Late"}
			err := c.client.Do(t.Context(), &Call{Request: request, Receiver: r})
			if !errors.Is(err, ErrRefused) {
				t.Errorf("polling %v: a request after END: %v, want it refused", polling, err)
			}
			c.end()
		})
	}
}

// hurdle does something between the beginning of a call and its first byte.
type hurdle struct {
	received
	at func()
}

func (h *hurdle) Started() bool { h.at(); return true }

func TestDrainIsSeenByAnIdleClient(t *testing.T) {
	for _, polling := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := converse(t, polling, answers{}, "go/1", Pipelining, Refuse)
			if err := c.call("Hello"); err != nil {
				t.Fatal(err)
			}
			if polling {
				if err := c.client.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			c.service.Drain()
			if err := <-c.clientEnd; !errors.Is(err, ErrEnded) {
				t.Errorf("polling %v: the client's connection ended with %v", polling, err)
			}
			c.clientEnd <- nil
			var failed *CallError
			if err := c.call("Late"); !errors.As(err, &failed) || failed.Stage != Preparing {
				t.Errorf("polling %v: a call after END: %v", polling, err)
			}
			c.end()
		})
	}
}

func TestGivenUpCallLeavesTheConnection(t *testing.T) {
	for _, words := range [][]string{nil, {"go/1", Pipelining, Refuse}} {
		synctest.Test(t, func(t *testing.T) {
			c := converse(t, false, answers{}, words...)
			for range 2 {
				if err := c.call("Hello"); err != nil {
					t.Fatal(err)
				}
				err := c.client.Do(t.Context(), &Call{
					Request: &wire.Request{ID: "never", Service: "S", Method: "Never"}, Receiver: &received{refuse: true},
				})
				if !errors.Is(err, ErrGivenUp) {
					t.Errorf("a call that was given up: %v", err)
				}
			}
			c.end()
		})
	}
}

func TestLongMethodSeesItsCallerGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan error, 1)
		c := converse(t, false, answers{run: func(ctx context.Context, r *wire.Request) *wire.Response {
			<-ctx.Done()
			gone <- context.Cause(ctx)
			return &wire.Response{ID: r.ID}
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := c.client.Do(ctx, &Call{Request: &wire.Request{ID: "1", Service: "S", Method: "M"}, Receiver: new(received), Response: -1})
		var failed *CallError
		if !errors.As(err, &failed) || failed.Stage != Written || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the call ended with %v", err)
		}
		if cause := <-gone; !errors.Is(cause, ErrEnded) {
			t.Errorf("the method's context ended with %v", cause)
		}
		c.end()
	})
}

func TestLimitsOfWaitsAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		c := converse(t, false, answers{run: func(_ context.Context, r *wire.Request) *wire.Response {
			<-block
			return &wire.Response{ID: r.ID}
		}})
		err := c.call("Hello")
		var timeout *TimeoutError
		if !errors.As(err, &timeout) || !timeout.Timeout() || !strings.Contains(err.Error(), "Limits.Response") {
			t.Errorf("a response that does not come: %v", err)
		}
		synctest.Wait() // the service has seen its client go
		close(block)
		c.end()
	})
}

func TestIdleConnectionSaysEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := converse(t, false, answers{})
		if err := c.call("Hello"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := <-c.clientEnd; !errors.Is(err, ErrIdle) || time.Since(start) != testTimeouts.Idle {
			t.Errorf("the idle connection ended with %v after %s", err, time.Since(start))
		}
		if err := <-c.served; err != nil {
			t.Errorf("the service took END for %v", err)
		}
	})
}

func TestEagerNextKeepsTheConnectionLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := converse(t, false, answers{})
		if err := c.call("Hello", eager); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := <-c.clientEnd; !errors.Is(err, ErrIdle) || time.Since(start) != testTimeouts.IdleProceeded || !strings.Contains(err.Error(), "3m0s while waiting for the next call (Limits.PoolIdleProceeded)") {
			t.Errorf("the idle connection ended with %v after %s", err, time.Since(start))
		}
		<-c.served
	})
}

func TestNullRequests(t *testing.T) {
	for _, words := range [][]string{nil, {"go/1", Pipelining, Refuse}} {
		synctest.Test(t, func(t *testing.T) {
			c := converse(t, true, answers{}, words...)
			for range 3 {
				if err := c.client.SendNull(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := c.client.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := c.call("Hello"); err != nil {
					t.Fatal(err)
				}
				if err := c.client.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			c.end()
		})
	}
}

func TestRejectedDialler(t *testing.T) {
	dialling, accepting := memnet.Pipe("dialler", "acceptor")
	go func() {
		buf := make([]byte, 64)
		_, _ = accepting.Read(buf)
		_ = accepting.Close()
	}()
	_, err := Dial(dialling, nil, nil, wire.Identity{Role: wire.RoleClient})
	if !errors.Is(err, ErrRejected) || !errors.Is(err, io.EOF) {
		t.Errorf("a side that is not admitted is told %v", err)
	}
}

// slowToClose takes its time to close, as TLS does while the peer takes nothing:
// whoever closes it again does not wait.
type slowToClose struct {
	*memnet.Conn
	closing, closed atomic.Bool
}

func (c *slowToClose) Close() error {
	if c.closing.Swap(true) {
		return net.ErrClosed
	}
	time.Sleep(5 * time.Second)
	c.closed.Store(true)
	return c.Conn.Close()
}

// TestOwnersWaitUntilTheConnectionIsClosed, whoever closes it.
func TestOwnersWaitUntilTheConnectionIsClosed(t *testing.T) {
	for name, polling := range map[string]bool{"the client": false, "a polling service": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var slow *slowToClose // of who has dialled
				through := func(conn *memnet.Conn) Conn { slow = &slowToClose{Conn: conn}; return slow }
				c := converseThrough(t, through, &Config{Timeouts: testTimeouts}, polling, answers{})
				c.ready(t, polling)
				peer := c.servConn
				abort := func() { c.client.Abort(ErrClosed) }
				if polling {
					peer, abort = c.clientConn, c.service.Close
				}
				go abort()
				synctest.Wait()
				_ = peer.Close() // the owner reads the end
				if polling {
					<-c.served
				} else {
					<-c.ran
				}
				if !slow.closed.Load() {
					t.Error("the connection is not closed yet")
				}
				c.client.Abort(ErrClosed)
				<-c.clientEnd
			})
		})
	}
}
