package exchange

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// state is what a client's connection is waiting for.
type state uint8

const (
	ready         state = iota // a request may be written
	nextDue                    // listening: NEXT has to be said before the next request
	awaitProceed               // listening: NEXT was said
	awaitResponse              // a request was, or is being, written
	awaitNext                  // polling: the service says NEXT before anything else
)

// Client makes calls over one connection, one at a time. Do and SendNull must
// not run at the same time as each other; Close may be called at any time.
//
// Whoever waits for something reads the connection itself, so that a response
// passes from one goroutine to another nowhere. Run reads it while nobody waits.
type Client struct {
	*link

	reading turn        // held by the goroutine that reads
	rest    *time.Timer // when it fires Run reads, unless there was a call meanwhile
	armed   atomic.Bool // rest runs: it is not set back for each call

	// Guarded by link.mu.
	state       state
	calls       uint64
	call        *Call  // the call that waits for its response
	lineDue     []byte // a control line that goes with the next message
	proceedOwed bool   // NEXT was said with a request: PROCEED comes before the response
	nullSent    bool   // NEXT is awaited after a null request

	signal chan struct{} // Run tells whoever waits that state has changed
	ended  chan struct{} // Run is done
	onEnd  func(error)

	refusing bool // END has come while a request was on its way; guarded by reading

	late *wire.Streams // of the last response, for frames that may still follow; guarded by reading
}

// Call is one request and what becomes of its response.
type Call struct {
	Request  *wire.Request
	Receiver Receiver
	// Untyped says that the receiver cannot know which husks are data streams:
	// all that may be are then read, up to the next control line.
	Untyped bool
	// Together has NEXT go with the request, for a peer that is known to take
	// it so: releases from 5.0 on do.
	Together bool
	// EagerNext has NEXT said as soon as the response is there, so that the next
	// call on the connection need not wait for PROCEED. Every release takes it.
	EagerNext bool
	// Response stands in for the limit for the response's first byte; zero
	// leaves it as configured, negative is none.
	Response time.Duration

	received  bool  // the response's document was read
	answered  bool  // and its streams
	streamErr error // a stream of the response could not be stored
}

// Receiver is told how a call goes on.
type Receiver interface {
	// Started runs just before the first byte of the request is written. If it
	// reports false the call is given up and the connection stays as it is.
	Started() bool
	// Receive takes the response, in the goroutine of Do. It binds the data
	// streams that it wants to the response's Streams; those are read after it.
	// Unless the call is Untyped the response is the connection's: its Result is
	// gone when Receive returns, and all of it when Do does.
	Receive(*wire.Response)
	// StreamTo is asked for after Receive. If it is not nil it is given the bytes
	// of the response's one data stream while they come, in the goroutine of Do,
	// in place of keeping them. It stays unused where the response has several,
	// or, for an Untyped call, something else that looks like one: those of a
	// typed call are read over then, those of an untyped one are kept.
	StreamTo() io.Writer
	// Complete runs after Receive, when the streams of the response are there
	// too, all of them: for those who hand the response on before Do has
	// returned.
	Complete(*wire.Response)
}

// Client starts the client's side of the conversation on an identified
// connection. onEnd, if not nil, runs once, in the goroutine of Run, when the
// connection has ended.
func (s *Session) Client(config *Config, onEnd func(error)) *Client {
	c := &Client{
		link:    s.start(config),
		reading: make(turn, 1),
		rest:    time.NewTimer(watchAfter),
		signal:  make(chan struct{}, 1),
		ended:   make(chan struct{}),
		onEnd:   onEnd,
	}
	c.armed.Store(true)
	c.expect(c.config.Timeouts.Idle)
	return c
}

// Run reads the connection whenever nobody waits for a response, so that its end
// is seen when it comes. Somebody must run it, once.
func (c *Client) Run() {
	for seen := uint64(0); c.cause() == nil; {
		select {
		case <-c.rest.C:
			c.armed.Store(false)
			seen = c.watchUnlessUsed(seen)
		case <-c.closed:
		}
	}
	c.rest.Stop()
	c.reading.take() // a call that reads sees the end too, and lets go
	_ = c.reader.Close()
	c.reading.give()
	close(c.ended)
	if c.onEnd != nil {
		c.onEnd(c.cause())
	}
	c.shutDown()
	c.awaitShut()
}

// watchUnlessUsed reads the connection if nobody has made a call since there were
// so many, and returns how many there are.
func (c *Client) watchUnlessUsed(seen uint64) uint64 {
	c.mu.Lock()
	calls, due := c.calls, c.state == awaitProceed
	c.mu.Unlock()
	switch {
	case calls != seen && !due:
		c.readSoon()
	case c.reading.tryTake(): // otherwise a call goes on, which sets the timer when it is over
		c.watchIdle()
		c.reading.give()
	}
	return calls
}

// readSoon has Run read the connection, if there is no call until then.
func (c *Client) readSoon() {
	if !c.armed.Swap(true) {
		c.rest.Reset(watchAfter)
	}
}

// Done is closed when the connection has ended; Err then tells why.
func (c *Client) Done() <-chan struct{} { return c.closed }

// Err is why the connection ended, nil while it has not.
func (c *Client) Err() error { return c.cause() }

// Do makes a call. It returns when the response and its streams have been
// received, when the connection ended or when ctx did; the connection is
// closed by everything but success and an error of encoding. Errors are
// *CallError. A panic in what is the caller's own, such as the source of a data
// stream, ends the connection too.
func (c *Client) Do(ctx context.Context, call *Call) error {
	returned := false
	defer func() {
		if !returned {
			c.fail(errCallerGone)
		}
	}()
	err := c.do(ctx, call)
	returned = true
	return err
}

func (c *Client) do(ctx context.Context, call *Call) error {
	if err := c.makeReady(ctx, call.Together); err != nil {
		return &CallError{Stage: Preparing, Err: err}
	}
	line := c.lineDue
	message, err := c.encodeRequest(line, call.Request)
	if err != nil {
		return &CallError{Stage: Preparing, Err: err}
	}
	defer message.Free()
	if err := c.begin(call); err != nil {
		return &CallError{Stage: Preparing, Err: err}
	}
	if !call.Receiver.Started() {
		c.unbegin(line)
		return &CallError{Stage: Preparing, Err: ErrGivenUp}
	}
	if n, err := c.send(ctx, &message, call.Request.Streams); err != nil {
		return c.abandon(call, n > 0, err)
	}
	c.expectResponse(call)
	return c.awaitResponse(ctx, call)
}

// SendNull sends the null request, which keeps a polling connection in use.
func (c *Client) SendNull(ctx context.Context) error {
	if err := c.makeReady(ctx, false); err != nil {
		return err
	}
	c.mu.Lock()
	message := nullRequest
	if c.lineDue != nil {
		message = append(slices.Clone(c.lineDue), nullRequest...)
	}
	c.state, c.lineDue, c.nullSent = awaitNext, nil, true
	c.mu.Unlock()
	c.expect(c.config.Timeouts.Null)
	if _, err := c.write(message); err != nil {
		c.fail(err)
		return err
	}
	return nil
}

// Ready waits until the next request may be written. A polling service's
// connection takes part in nothing else until then.
func (c *Client) Ready(ctx context.Context) error { return c.makeReady(ctx, false) }

// ReadyNow reports whether the next request may be written without a wait: what
// the service says between two calls has come.
func (c *Client) ReadyNow() bool {
	is, err := c.isIn(ready)
	if is || err != nil || !c.reading.tryTake() {
		return is && err == nil
	}
	c.controlBuffered()
	c.release()
	is, err = c.isIn(ready)
	return is && err == nil
}

// controlBuffered reads the control lines that have come as a whole: the rest of
// one may take long. The reading turn is held.
func (c *Client) controlBuffered() {
	for c.late == nil && c.reader.LineBuffered() {
		if err := c.control(); err != nil {
			c.fail(err)
			return
		}
	}
}

// makeReady brings the connection to where a request may be written: by NEXT
// and PROCEED where this side dialled. together leaves NEXT to go with the
// request.
func (c *Client) makeReady(ctx context.Context, together bool) error {
	c.mu.Lock()
	switch {
	case c.err != nil:
		c.mu.Unlock()
		return c.err
	case c.state == ready:
		c.mu.Unlock()
		return nil
	case c.state == nextDue && (together || c.both.pipelining):
		c.state, c.lineDue = ready, lineNext
		c.mu.Unlock()
		return nil
	case c.state == nextDue:
		c.state = awaitProceed
		c.mu.Unlock()
		c.expect(c.config.Timeouts.Control)
		if _, err := c.write(lineNext); err != nil {
			c.fail(err)
		}
	default:
		c.mu.Unlock()
	}
	return c.awaitState(ctx, ready)
}

// awaitState waits until the connection has come to where it should, reading
// it unless Run does.
func (c *Client) awaitState(ctx context.Context, want state) error {
	if !c.reading.tryTake() {
		return c.awaitSignal(ctx, want)
	}
	defer c.release()
	stop := c.failWith(ctx)
	defer func() { c.stopped(ctx, stop) }()
	for {
		reached, err := c.isIn(want)
		if reached || err != nil {
			return err
		}
		if err := c.park(); err != nil {
			return c.readFailed(ctx, c.parkError(err))
		}
		if err := c.control(); err != nil {
			return c.readFailed(ctx, err)
		}
	}
}

// readFailed ends the connection because reading it has failed. A context that
// has ended is the reason rather than what it did to the connection.
func (c *Client) readFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		c.fail(context.Cause(ctx))
		return ctx.Err()
	}
	c.fail(err)
	return c.cause()
}

func (c *Client) isIn(want state) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == want, c.err
}

func (c *Client) awaitSignal(ctx context.Context, want state) error {
	for {
		reached, err := c.isIn(want)
		if reached || err != nil {
			return err
		}
		select {
		case <-c.signal:
		case <-c.closed:
		case <-ctx.Done():
			c.fail(context.Cause(ctx))
			return ctx.Err()
		}
	}
}

// failWith ends the connection when ctx ends, until stop is called.
func (c *Client) failWith(ctx context.Context) (stop func() bool) {
	if ctx.Done() == nil {
		return stopNothing
	}
	return context.AfterFunc(ctx, func() { c.fail(context.Cause(ctx)) })
}

func stopNothing() bool { return true }

// stopped ends what failWith began. If that comes too late the connection has
// ended when it returns: it must not end under another call.
func (c *Client) stopped(ctx context.Context, stop func() bool) {
	if !stop() {
		c.fail(context.Cause(ctx))
	}
}

// release gives the connection back, to be read by Run when nobody else does:
// at once when something is due that nobody waits for.
func (c *Client) release() {
	c.mu.Lock()
	due := c.state == awaitProceed
	c.mu.Unlock()
	c.reading.give()
	if due {
		c.armed.Store(true)
		c.rest.Reset(0)
		return
	}
	c.readSoon()
}

func (c *Client) begin(call *Call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.state, c.call = awaitResponse, call
	c.calls++
	if c.lineDue != nil && !c.polled {
		c.proceedOwed = true
	}
	c.lineDue = nil
	return nil
}

// unbegin takes a call back of which nothing was written.
func (c *Client) unbegin(line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.call, c.lineDue = ready, nil, line
	if line != nil && !c.polled {
		c.proceedOwed = false
	}
	c.readSoon() // Run may have left what came meanwhile to the call
}

// longWrite is from where on a write is watched for the end of the context: a
// shorter one ends in the socket's buffer.
const longWrite = 32 << 10

func (c *Client) send(ctx context.Context, message *wire.Outgoing, streams *wire.Streams) (int, error) {
	c.expect(0)
	if ctx.Done() != nil && (message.Len() > longWrite || streams != nil) {
		stop := context.AfterFunc(ctx, func() { c.fail(context.Cause(ctx)) })
		defer stop()
	}
	return c.writeMessage(message, streams)
}

// expectResponse starts the limit for the response, unless it is there
// already: then the reader has set another one.
func (c *Client) expectResponse(call *Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != awaitResponse {
		return
	}
	limit, _ := c.responseLimit(call)
	c.expect(limit)
}

// responseLimit is the limit for the first byte of a response, and its name.
func (c *Client) responseLimit(call *Call) (time.Duration, string) {
	if call != nil && call.Response != 0 {
		return call.Response, nameCall
	}
	return c.config.Timeouts.Response, nameResponse
}

// awaitResponse reads the response in the caller's goroutine. If Run reads, it
// leaves off when the first byte is there.
func (c *Client) awaitResponse(ctx context.Context, call *Call) error {
	stop := c.failWith(ctx)
	defer func() { c.stopped(ctx, stop) }()
	c.reading.take()
	defer c.release()
	c.quiet = false
	for !call.answered {
		err := c.cause()
		if err == nil {
			if err = c.park(); err != nil {
				err = c.parkError(err)
			} else {
				err = c.receive(call)
			}
		}
		if err != nil {
			c.fail(err)
			return c.abandon(call, true, c.cause())
		}
	}
	if c.polled {
		c.controlBuffered() // NEXT, most often
	}
	return call.result()
}

// abandon ends the connection under a call.
func (c *Client) abandon(call *Call, written bool, err error) error {
	c.fail(err)
	if call.answered {
		return call.result()
	}
	if cause := c.cause(); cause != nil && !errors.Is(cause, ErrClosed) {
		err = cause
	}
	stage := Preparing
	switch {
	case errors.Is(err, ErrRefused):
		stage = Refused
	case call.received:
		stage = Receiving
	case written:
		stage = Written
	}
	return &CallError{Stage: stage, Err: err}
}

// result is nil unless the response came and cannot be handed over whole.
func (call *Call) result() error {
	if call.streamErr != nil {
		return &CallError{Stage: Receiving, Err: call.streamErr}
	}
	return nil
}

func (c *Client) notify() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// Close ends the connection: with END where the protocol has a place for it.
// It waits for the reading goroutine.
func (c *Client) Close() error {
	c.mu.Lock()
	state := c.state
	c.mu.Unlock()
	c.sayEnd(state)
	c.fail(ErrClosed)
	<-c.ended
	return nil
}

// Abort ends the connection at once, for this reason, without a word.
func (c *Client) Abort(err error) {
	if err == nil {
		err = ErrClosed
	}
	c.fail(err)
}

// endLimit is how long a peer that takes nothing any more may hold up the
// closing of its connection.
const endLimit = 5 * time.Second

// sayEnd says END where NEXT would be due.
func (c *Client) sayEnd(s state) {
	if c.polled || s != nextDue || !c.writing.TryLock() {
		return
	}
	defer c.writing.Unlock()
	c.writeBy = time.Now().Add(endLimit)
	_ = c.conn.SetWriteDeadline(c.writeBy)
	_, _ = c.conn.Write(lineEnd) // the connection is closed next: a peer that is gone needs no END
}
