package halibut

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/halibut-go/halibut/wire"
)

type streamToKey struct{}

// WithStreamTo returns a context for one call whose result is, or holds, one data
// stream: its bytes are written to w while they come, in place of being kept in
// memory or in a temporary file until the call returns. When the call returns nil
// w has had all of them, exactly as many as the stream's Size. The [DataStream]
// in the result then has its Size, and cannot be opened. A nil result is one that
// is the stream itself.
//
// w is written to by one goroutine at a time, in pieces of up to 128 KiB, and not
// any more when the call has returned. A Write that blocks holds the call up, and
// with it Close and Shutdown, also when the context has ended: that ends the
// connection at once, and whoever owns w ends the Write. As long as w takes nothing the peer cannot send, and
// gives up after its own limit for a write, mostly one minute.
//
// A call that fails may have written a part. Its Outcome then is Ran, so that it
// is not made again, by [RepeatCalls] for example, and it fails if an interceptor
// makes it again, makes nothing of its error, or returns nil without having made
// it. A try that has ended does not write any more, whoever has it in hand. When w
// fails the error has CodeStream and w's own error in its chain; a panic of w is
// the caller's. A result without a data stream, or where it is null, is
// [ErrNoStream], and one with several an error of CodeStream; w is given nothing
// of them as a rule.
//
// What another node of a shared queue has received is written to w after it was
// kept.
//
// The context that interceptors are given does not have w any more, nor do the
// calls that they make by themselves. Generated clients hand it on.
func WithStreamTo(ctx context.Context, w io.Writer) context.Context {
	return withStreamTo(ctx, func(o *streamToOptions) { o.w, o.name = w, "" })
}

// WithStreamToFile is [WithStreamTo] with a file that appears, or takes the place of
// the one that is there, when the call returns nil, and not before. It is written
// beside its place first; a call that fails leaves nothing behind. A file that
// cannot be created fails the call before anything is sent.
func WithStreamToFile(ctx context.Context, name string) context.Context {
	return withStreamTo(ctx, func(o *streamToOptions) { o.w, o.name = nil, name })
}

// WithStreamProgress has report told how much of a call's stream was written, of a
// context that is or will be one of [WithStreamTo] or [WithStreamToFile]: each
// percent once and in order, by the goroutine that writes, which waits for it.
// The last one is told when all was written.
func WithStreamProgress(ctx context.Context, report func(Progress)) context.Context {
	return withStreamTo(ctx, func(o *streamToOptions) { o.report = report })
}

// ErrNoStream is the cause of the error of a call with [WithStreamTo] whose result
// has no data stream: the method ran, and returned null for one, say. The result
// is stored.
var ErrNoStream = errors.New("the result has no data stream")

// streamToOptions are what a context says of the stream of a call's result.
type streamToOptions struct {
	w      io.Writer
	name   string // of a file, instead
	report func(Progress)
}

func withStreamTo(ctx context.Context, change func(*streamToOptions)) context.Context {
	var options streamToOptions
	if before, ok := ctx.Value(streamToKey{}).(*streamToOptions); ok && before != nil {
		options = *before
	}
	change(&options)
	return context.WithValue(ctx, streamToKey{}, &options)
}

// streamToOf are the options of the calls with a context, nil if they keep the
// streams of their results.
func streamToOf(ctx context.Context) *streamToOptions {
	options, _ := ctx.Value(streamToKey{}).(*streamToOptions)
	if options == nil || options.w == nil && options.name == "" {
		return nil
	}
	return options
}

// streamTo is the writer of a call, while the call runs.
type streamTo struct {
	w      io.Writer
	name   string // of w, for errors
	report func(Progress)

	turn     chan struct{} // held over a Write
	try      *streamTry    // that is made, nil between tries; guarded by turn, as what follows
	over     bool          // the call
	tried    bool
	begun    bool
	complete bool // the last try has succeeded, and its stream was written to the end
	size     int64
	meter    *wire.Meter
	written  int64
	err      error // of w
	panicked any   // by w
}

// streamTry is the writer of one try. Whoever has a try in hand may go on with it
// when the try is over, in another goroutine, and must not be taken for the next.
type streamTry struct {
	of  *streamTo
	ctx context.Context
}

var errTryOver = errors.New("the call, or the try of it whose result this is, has returned")

// Write implements [io.Writer].
func (t *streamTry) Write(p []byte) (n int, err error) {
	s := t.of
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	switch {
	case s.try != t:
		return 0, errTryOver
	case t.ctx.Err() != nil:
		return 0, context.Cause(t.ctx)
	}
	return s.write(p)
}

// write is Write of the try that is made.
func (s *streamTo) write(p []byte) (n int, err error) {
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
	if s.meter != nil {
		s.meter.Advance(s.written)
	}
	return n, err
}

// Size is told how much is going to be written.
func (t *streamTry) Size(size int64) {
	s := t.of
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.try != t {
		return
	}
	s.size = size
	if s.report != nil {
		s.meter = wire.StreamFunc(size, nil).WithProgress(s.report).Meter()
	}
}

// begin begins a try, unless bytes of an earlier one were written or the call is over.
func (s *streamTo) begin(ctx context.Context) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	switch {
	case s.begun:
		return &Error{
			Code: CodeStream, Outcome: Ran, Phase: PhaseReceiving,
			Message: fmt.Sprintf("the method has run, and %s, the writer of WithStreamTo, was given a part of its result: the call is not made again", s.name),
		}
	case s.over:
		return &Error{
			Code: CodeStream, Outcome: NotSent,
			Message: fmt.Sprintf("the call has returned, and %s, the writer of WithStreamTo, is not written to any more: an interceptor makes the call before it returns", s.name),
		}
	}
	s.try = &streamTry{s, ctx}
	s.size, s.meter = 0, nil
	s.tried, s.complete = true, false
	return nil
}

// end ends the try: it waits for a Write that is under way, and lets none begin.
func (s *streamTo) end(over bool) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.try, s.over = nil, s.over || over
}

// runTo is run with a writer for the stream of the result.
func (c *call) runTo(ctx context.Context, options *streamToOptions) (err error) {
	s := &streamTo{w: options.w, name: fmt.Sprintf("%T", options.w), report: options.report, turn: make(chan struct{}, 1)}
	var file *wire.File
	if options.w == nil {
		if file, err = wire.CreateFile(options.name); err != nil {
			return c.fail(&Error{Code: CodeStream, Outcome: NotSent, Message: "the file for the result's data stream cannot be created: " + err.Error(), cause: err})
		}
		defer file.Abort()
		s.w, s.name = file, options.name
	}
	c.streamTo = s
	if c.result == nil {
		c.result = new(*DataStream) // the stream is all that is wanted
	}
	if err := c.runUntilWritten(context.WithValue(ctx, streamToKey{}, nil)); err != nil {
		return err
	}
	if !s.complete {
		return c.fail(s.incomplete())
	}
	if file != nil {
		if err := file.Commit(); err != nil {
			return c.fail(&Error{Code: CodeStream, Outcome: Ran, Phase: PhaseReceiving, Message: "the method has run, and its result was not stored: " + err.Error(), cause: err})
		}
	}
	if s.meter != nil {
		s.meter.Finish()
	}
	return nil
}

// runUntilWritten is run; when it has returned the writer is not used any more.
func (c *call) runUntilWritten(ctx context.Context) error {
	returned := false
	defer func() {
		c.streamTo.end(true)
		if returned && c.streamTo.panicked != nil { // in another goroutine than this one
			panic(c.streamTo.panicked)
		}
	}()
	err := c.run(ctx)
	returned = true
	return err
}

// makeTo is make with a writer for the stream of the result.
func (c *call) makeTo(ctx context.Context) error {
	if err := c.streamTo.begin(ctx); err != nil {
		return c.fail(err)
	}
	if err := c.makeTry(ctx); err != nil {
		return c.fail(c.streamTo.explain(ctx, err))
	}
	if err := c.streamTo.check(c.response.Streams); err != nil {
		return c.fail(err)
	}
	return nil
}

// makeTry is makeOnce; when it has returned nothing of this try is written.
func (c *call) makeTry(ctx context.Context) error {
	defer c.streamTo.end(false)
	return c.makeOnce(ctx)
}

// check holds whoever wrote the stream of a result to its size.
func (s *streamTo) check(streams *wire.Streams) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	for _, stream := range streams.All() {
		if size := stream.Size(); size != s.written {
			return &Error{
				Code: CodeStream, Outcome: Ran, Phase: PhaseReceiving,
				Message: fmt.Sprintf("the method has run, and %s, the writer of WithStreamTo, was given %d bytes of a data stream of %d", s.name, s.written, size),
			}
		}
	}
	s.complete = !s.over
	return nil
}

// incomplete is the error of a call that an interceptor has made succeed. What has
// become of it the interceptor knows.
func (s *streamTo) incomplete() error {
	e := &Error{
		Code: CodeStream, Outcome: Unknown, Phase: PhaseReceiving,
		Message: fmt.Sprintf("an interceptor returned no error, and %s, the writer of WithStreamTo, was given %d of %d bytes: it hides the error of the call, or has not made it", s.name, s.written, s.size),
	}
	switch {
	case s.begun:
		e.Outcome = Ran
	case !s.tried:
		e.Outcome = NotSent
	}
	return e
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
			Message: fmt.Sprintf("%s, the writer of WithStreamTo, failed after %d of %d bytes: %v (the method has run)", s.name, s.written, s.size, s.err),
		}
	}
	if e.Message == "" && e.cause != nil {
		e.Message = e.cause.Error()
	}
	e.Outcome = Ran // since bytes of its result have come
	e.Message += fmt.Sprintf("; %s, the writer of WithStreamTo, was given %d of %d bytes", s.name, s.written, s.size)
	return err
}

// writeStream writes the stream of a result that was kept, and sees to it that
// there is one.
func (c *call) writeStream(ctx context.Context) error {
	streams := c.response.Streams
	defer streams.CloseAll()
	switch n := streams.Len(); n {
	case 0:
		return &Error{Code: CodeStream, Outcome: Ran, Phase: PhaseReceiving, Message: "the method has run: " + ErrNoStream.Error() + ", which WithStreamTo is for", cause: ErrNoStream}
	case 1:
	default:
		return &Error{
			Code: CodeStream, Outcome: Ran, Phase: PhaseReceiving,
			Message: fmt.Sprintf("the method has run: its result has %d data streams, of which nothing was written: WithStreamTo is for one", n),
		}
	}
	err := streams.Deliver(ctx, c.streamTo.try)
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
