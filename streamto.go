package halibut

import (
	"context"
	"errors"
	"fmt"
	"io"
)

type streamToKey struct{}

// WithStreamTo returns a context for one call whose result is, or holds, one data
// stream: its bytes are written to w while they come, in place of being kept in
// memory or in a temporary file until the call returns. When the call returns nil
// w has had all of them, exactly as many as the stream's Size. The [DataStream]
// in the result then has its Size, and cannot be opened.
//
// w is written to by one goroutine at a time, in pieces of up to 128 KiB, and not
// any more when the call has returned. A Write that blocks holds the call up, also
// one whose context has ended: that ends the connection at once, and whoever
// owns w ends the Write. As long as w takes nothing the peer cannot send, and
// gives up after its own limit for a write, mostly one minute.
//
// A call that fails may have written a part. It is not made again by itself
// then, nor by [RepeatCalls], and fails if an interceptor makes it again. When w
// fails the error has CodeStream, Outcome Ran, and w's own error in its chain; a
// panic of w is the caller's. A result without a data stream, or with several of
// them, is an error of CodeStream too, of which w has nothing as a rule.
//
// Of an exchange through a queue whose nodes share it, the stream is stored
// by the other node first, and written to w after that.
//
// The context that interceptors and whatever they call are given does not have w
// any more. Generated clients hand it on.
func WithStreamTo(ctx context.Context, w io.Writer) context.Context {
	if w == nil {
		return ctx
	}
	return context.WithValue(ctx, streamToKey{}, w)
}

// streamTo is the writer of a call, while the call runs.
type streamTo struct {
	w io.Writer

	turn     chan struct{}   // held over a Write
	ctx      context.Context // of the try that is made; nil when the call is over; guarded by turn, as what follows
	begun    bool
	written  int64
	err      error // of w
	panicked any   // by w
}

// streamToOf is the writer of the calls with a context, nil if there is none.
func streamToOf(ctx context.Context) io.Writer {
	w, _ := ctx.Value(streamToKey{}).(io.Writer)
	return w
}

var errCallOver = errors.New("the call has returned")

// Write implements [io.Writer].
func (s *streamTo) Write(p []byte) (n int, err error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	switch {
	case s.ctx == nil:
		return 0, errCallOver
	case s.ctx.Err() != nil:
		return 0, context.Cause(s.ctx)
	}
	s.begun = true
	defer func() {
		if cause := recover(); cause != nil {
			s.panicked = cause
			panic(cause)
		}
	}()
	n, err = s.w.Write(p)
	switch {
	case n < 0 || n > len(p):
		n, err = 0, fmt.Errorf("a Write of %d bytes says that it has written %d", len(p), n)
	case err == nil && n < len(p):
		err = io.ErrShortWrite
	}
	s.written += int64(n)
	s.err = err
	return n, err
}

// end waits for a Write that is under way, and lets none begin.
func (s *streamTo) end() {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.ctx = nil
}

// begin begins a try, unless bytes of an earlier one were written.
func (s *streamTo) begin(ctx context.Context) bool {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.ctx = ctx
	return !s.begun
}

// runTo is run with a writer for the stream of the result.
func (c *call) runTo(ctx context.Context, w io.Writer) error {
	s := &streamTo{w: w, turn: make(chan struct{}, 1)}
	c.streamTo = s
	if c.result == nil {
		c.result = new(*DataStream) // the stream is all that is wanted
	}
	returned := false
	defer func() {
		s.end()
		if returned && s.panicked != nil { // in another goroutine than this one
			panic(s.panicked)
		}
	}()
	err := c.run(context.WithValue(ctx, streamToKey{}, nil))
	returned = true
	return err
}

// makeTo is make with a writer for the stream of the result.
func (c *call) makeTo(ctx context.Context) error {
	if !c.streamTo.begin(ctx) {
		return c.fail(&Error{
			Code: CodeStream, Outcome: Ran, Phase: PhaseReceiving,
			Message: fmt.Sprintf("the method has run, and the writer that WithStreamTo has for the result (%T) was given a part of it: the call is not made again", c.streamTo.w),
		})
	}
	if err := c.makeOnce(ctx); err != nil {
		return c.fail(c.streamTo.explain(ctx, err))
	}
	return nil
}

// explain says in the error of a call what has become of the writer.
func (s *streamTo) explain(ctx context.Context, err error) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	var e *Error
	if !s.begun || !errors.As(err, &e) {
		return err
	}
	if s.err != nil && ctx.Err() == nil {
		return &Error{
			Code: CodeStream, Outcome: Ran, Phase: PhaseReceiving, Addr: e.Addr, cause: s.err,
			Message: fmt.Sprintf("the writer that WithStreamTo has for the result (%T) failed after %d bytes: %v (the method has run)", s.w, s.written, s.err),
		}
	}
	if e.Message == "" && e.cause != nil {
		e.Message = e.cause.Error()
	}
	e.Message += fmt.Sprintf("; the writer that WithStreamTo has for the result (%T) was given %d bytes of it", s.w, s.written)
	return err
}

// writeStream writes the stream of a result that was kept, and sees to it that
// there is one.
func (c *call) writeStream(ctx context.Context) error {
	streams := c.response.Streams
	defer streams.CloseAll()
	n := streams.Len()
	if n != 1 {
		found := "no data stream"
		if n > 1 {
			found = fmt.Sprintf("%d data streams, of which nothing was written", n)
		}
		return &Error{
			Code: CodeStream, Outcome: Ran, Phase: PhaseReceiving,
			Message: "the method ran, and its result has " + found + ": WithStreamTo is for a result with one",
		}
	}
	err := streams.Deliver(ctx, c.streamTo)
	if err == nil {
		return nil
	}
	e := &Error{Code: CodeStream, Outcome: Ran, Phase: PhaseReceiving, cause: err}
	if ctx.Err() != nil {
		e.Code, e.cause = contextCode(ctx), contextCause(ctx)
	}
	e.Message = "the method has run, and its result was not written: " + e.cause.Error()
	return e
}
