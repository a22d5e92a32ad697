package exchange

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// Handler answers requests.
type Handler interface {
	// Prepare finds the method and decodes the arguments, binding the data
	// streams that they hold to the request's Streams. What is wrong with the
	// request is part of the invocation: Run answers it. It runs in the
	// connection's reading goroutine.
	Prepare(ctx context.Context, request *wire.Request) Invocation
}

// Invocation is a request that is ready to run.
type Invocation interface {
	// Run runs the method, when the data streams of the request are there. ctx
	// ends when the caller is gone. What aliases the request's document is gone
	// when the response is written. A method that ends its goroutine ends the
	// one that Serve runs in.
	Run(ctx context.Context) *wire.Response
	// Live is the one data stream of the request that the method reads from
	// the connection itself, nil for none. Run then reads it to its end, or
	// closes it, before it returns.
	Live() *wire.DataStream
	// Refuse has Run answer with an error, without running the method.
	Refuse(err error)
	// Recycle is called when the response was written: from then on nobody asks
	// for it, or for the invocation. A failed call's is not called.
	Recycle()
}

// Service answers the requests of one connection, one at a time.
type Service struct {
	*link
	polling bool // this side dialled: it says NEXT, the client PROCEED
	handler Handler
	late    *wire.Streams // of the last request, for frames that may still follow

	// OnBusy, if not nil, is told when the document of a request has come and
	// when its response is written; crowded is what the request says. It is set
	// before Serve.
	OnBusy func(busy, crowded bool)
	told   bool // what OnBusy was told last

	method  *methodContext // that runs; for the watch
	running atomic.Bool    // the method of answerHere

	proceedDue bool // NEXT has come: PROCEED goes with the next response

	// Guarded by link.mu.
	place    place
	draining bool

	endSaid bool // guarded by link.writing
}

// Service starts the service's side of the conversation on an identified
// connection.
func (s *Session) Service(config *Config, handler Handler) *Service {
	service := &Service{
		link:    s.start(config),
		polling: s.Self.Role == wire.RoleSubscriber,
		handler: handler,
	}
	service.quiet = true
	service.watched.owner = service
	return service
}

// Serve answers requests until the client ends the conversation (nil), the
// connection fails, or ctx ends. It returns when the last method has, and the
// connection is closed.
func (s *Service) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.fail(context.Cause(ctx)) })
	defer func() {
		stop()
		s.fail(ErrMethodGone) // if a method has ended this goroutine, and nothing else did
		_ = s.watched.wait()
		_ = s.reader.Close()
		s.awaitShut()
	}()
	for {
		if err := s.serveOne(ctx); err != nil {
			s.fail(err)
			if cause := s.cause(); !errors.Is(cause, ErrEnded) {
				return cause
			}
			return nil
		}
	}
}

// serveOne takes one request from its first byte to where the next one may
// come.
func (s *Service) serveOne(ctx context.Context) error {
	request, message, late, err := s.awaitRequest()
	switch {
	case err != nil:
		return err
	case request == nil:
		s.quiet = true
		return s.afterNull()
	case late:
		return s.refuse(request)
	}
	s.quiet = false
	s.tell(true, request.Call != nil && request.Call.Crowded)
	defer s.tell(false, false)
	// The method's context ends with the connection, and when the method has.
	running := &methodContext{Context: ctx}
	defer running.cancel(nil)
	invocation := s.handler.Prepare(running, request)
	read, err := s.readStreams(&message, invocation)
	if err != nil {
		_ = request.Streams.CloseAll()
		return readError(err, "the rest of a data stream", s.config.Timeouts.Read, nameRead)
	}
	s.late = request.Streams.TakeLate()
	if read == nil && s.late == nil {
		err = s.answerHere(running, invocation, request)
	} else {
		err = s.answerBeside(running, invocation, request, read)
	}
	if err == nil {
		err = s.proceed()
	}
	return err
}

// answerHere answers a request in this goroutine. When the method takes long,
// another one watches for the end of the connection.
func (s *Service) answerHere(ctx *methodContext, invocation Invocation, request *wire.Request) error {
	s.expect(0)
	s.method = ctx
	s.running.Store(true)
	s.watched.start()
	if err := s.answer(ctx, invocation, request, s.stopWatch); err != nil {
		return err
	}
	return s.awaitLine()
}

func (s *Service) stopWatch() {
	s.running.Store(false)
	s.watched.stop()
}

// gone ends the method that runs, in the watching goroutine. After the method
// the end of the connection is awaitLine's business.
func (s *Service) gone(err error) {
	if !s.running.Load() {
		return
	}
	err = s.between(readError(err, "the end of a method", 0, ""))
	s.fail(err)
	s.method.cancel(err)
}

// answerBeside answers a request in a goroutine of its own, where this one has
// to read on: for the method, or for a client that waits in a write.
func (s *Service) answerBeside(ctx *methodContext, invocation Invocation, request *wire.Request, read chan error) (err error) {
	s.expect(0) // before the answer sets another limit
	answered := make(chan error, 1)
	go func() {
		err := ErrMethodGone // unless the method returns
		defer func() { answered <- err }()
		err = s.answer(ctx, invocation, request, func() {})
	}()
	if read != nil {
		err = <-read
	}
	if err == nil {
		err = s.awaitLine()
	}
	if err != nil {
		s.fail(err) // the answer has nobody to go to
		ctx.cancel(err)
	}
	if answerErr := <-answered; err == nil {
		err = answerErr
	}
	return err
}

// proceed says PROCEED where it is this side's word: not before the answer to
// the request before, however early NEXT has come.
func (s *Service) proceed() error {
	if s.polling {
		return nil
	}
	if s.moveTo(awaitingRequest) {
		return s.leave()
	}
	if s.both.pipelining {
		s.proceedDue = true
		return nil
	}
	_, err := s.write(lineProceed)
	return err
}

// readStreams reads the streams of a request. Where the method reads one of
// them itself, from the connection, read tells when it has.
func (s *Service) readStreams(message *incoming, invocation Invocation) (read chan error, err error) {
	if stream := invocation.Live(); stream != nil {
		read, err = readLive(message, stream)
	} else {
		err = message.readBound(nil)
	}
	if notKept(err) {
		invocation.Refuse(err)
		err = nil
	}
	return read, err
}

// readLive leaves the stream that a method reads itself in the connection, if
// it comes last: read then tells when the method has read it.
func readLive(message *incoming, stream *wire.DataStream) (read chan error, err error) {
	done := make(chan error, 1)
	live, err := message.readBoundBut(stream, func(err error) { done <- err })
	if live {
		read = done
	}
	return read, err
}

// answer runs the method and writes its response. ran is called in between,
// and also when the method does not return.
func (s *Service) answer(ctx context.Context, invocation Invocation, request *wire.Request, ran func()) error {
	err := ErrMethodGone // unless the method returns
	defer func() {
		_ = request.Streams.CloseAll()
		s.forget()
		if err != nil {
			s.fail(err)
		}
	}()
	response := s.run(ctx, invocation, ran)
	if err = s.cause(); err == nil { // otherwise nobody is there to read it
		err = s.writeResponse(response)
	}
	if err == nil {
		invocation.Recycle()
	}
	wire.RecycleDocument(request.Document)
	return err
}

func (s *Service) run(ctx context.Context, invocation Invocation, ran func()) *wire.Response {
	defer ran()
	return invocation.Run(ctx)
}

// writeResponse writes a response, and with it the lines around it where they
// may travel together.
func (s *Service) writeResponse(response *wire.Response) (err error) {
	defer func() {
		if cause := recover(); cause != nil { // in a source of a data stream, which is the service's own code
			err = fmt.Errorf("a data stream of the response panicked: %v", cause)
		}
	}()
	var before []byte
	if s.proceedDue {
		before, s.proceedDue = lineProceed, false
	}
	message, err := s.encodeResponse(before, response)
	if err != nil {
		return err
	}
	defer message.Free()
	nextSaid := s.polling && s.both.pipelining && response.Streams == nil
	if nextSaid {
		message.Append(lineNext)
	}
	if response.Streams == nil {
		s.expect(s.lineLimit())
	}
	if _, err := s.writeMessage(&message, response.Streams); err != nil {
		return err
	}
	if err := s.afterResponse(nextSaid); err != nil {
		return err
	}
	if response.Streams != nil {
		s.expect(s.lineLimit())
	}
	return nil
}

// lineLimit is how long the control line after a response may take.
func (s *Service) lineLimit() time.Duration {
	switch {
	case s.both.refuse && s.isDraining():
		return endLimit
	case !s.polling:
		return s.config.Timeouts.Next
	case s.both.pipelining: // PROCEED comes with the next request
		return s.config.Timeouts.Request
	default:
		return s.config.Timeouts.Control
	}
}

// afterResponse says what this side says next.
func (s *Service) afterResponse(nextSaid bool) error {
	s.tell(false, false)
	place := awaitingNext
	if s.polling {
		place = awaitingRequest
	}
	if s.moveTo(place) {
		return s.leave()
	}
	if !s.polling || nextSaid {
		return nil
	}
	_, err := s.write(lineNext)
	return err
}

// Close ends the connection at once; methods that run see their context end.
func (s *Service) Close() { s.fail(ErrClosed) }
