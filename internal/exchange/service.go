package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	// ends when the caller is gone. A method that ends its goroutine ends the
	// one that Serve runs in.
	Run(ctx context.Context) *wire.Response
	// Live is the one data stream of the request that the method reads from
	// the connection itself, nil for none. Run then reads it to its end, or
	// closes it, before it returns.
	Live() *wire.DataStream
	// Refuse has Run answer with an error, without running the method.
	Refuse(err error)
}

// Service answers the requests of one connection, one at a time.
type Service struct {
	*link
	polling  bool // this side dialled: it says NEXT, the client PROCEED
	handler  Handler
	late     *wire.Streams // of the last request, for frames that may still follow
	answered chan error    // one invocation's end

	// OnBusy, if not nil, is told when the document of a request has come and
	// when its response is written. It is set before Serve.
	OnBusy func(busy bool)

	cancel    context.CancelCauseFunc // of the method that runs; for the watch
	stopWatch func()
	running   atomic.Bool // the method of answerHere

	proceedDue bool // NEXT has come: PROCEED goes with the next response

	// Guarded by link.mu.
	place    place
	draining bool
	endSaid  bool
}

// place is where a service's conversation stands, as far as draining asks.
type place uint8

const (
	awaitingRequest place = iota // one may be on its way
	serving                      // from the first byte of a request to the end of its response
	awaitingNext                 // listening: the client knows that nothing of its next request was sent
)

// Service starts the service's side of the conversation on an identified
// connection.
func (s *Session) Service(config *Config, handler Handler) *Service {
	service := &Service{
		link:     s.start(config),
		polling:  s.Self.Role == wire.RoleSubscriber,
		handler:  handler,
		answered: make(chan error, 1),
	}
	service.watched.ended = service.gone
	service.stopWatch = func() {
		service.running.Store(false)
		service.watched.stop()
	}
	return service
}

// Serve answers requests until the client ends the conversation (nil), the
// connection fails, or ctx ends. It returns when the last method has.
func (s *Service) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.fail(context.Cause(ctx)) })
	defer func() {
		stop()
		s.fail(ErrMethodGone) // if a method has ended this goroutine, and nothing else did
		_ = s.watched.wait()
		_ = s.reader.Close()
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
		return s.afterNull()
	case late:
		return s.refuse(request)
	}
	s.tell(true)
	defer s.tell(false)
	// The method's context ends with the connection, and when the method has.
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	invocation := s.handler.Prepare(running, request)
	read, err := s.readStreams(&message, invocation)
	if err != nil {
		_ = request.Streams.CloseAll()
		return readError(err, "the rest of a data stream", s.config.Timeouts.Read, nameRead)
	}
	s.late = request.Streams.TakeLate()
	if read == nil && s.late == nil {
		err = s.answerHere(running, cancel, invocation, request)
	} else {
		err = s.answerBeside(running, cancel, invocation, request, read)
	}
	if err == nil {
		err = s.proceed()
	}
	return err
}

// answerHere answers a request in this goroutine. When the method takes long,
// another one watches for the end of the connection.
func (s *Service) answerHere(ctx context.Context, cancel context.CancelCauseFunc, invocation Invocation, request *wire.Request) error {
	s.expect(0)
	s.cancel = cancel
	s.running.Store(true)
	s.watched.start()
	if err := s.answer(ctx, invocation, request, s.stopWatch); err != nil {
		return err
	}
	return s.awaitLine()
}

// gone ends the method that runs, in the watching goroutine. After the method
// the end of the connection is awaitLine's business.
func (s *Service) gone(err error) {
	if !s.running.Load() {
		return
	}
	err = s.between(readError(err, "the end of a method", 0, ""))
	s.fail(err)
	s.cancel(err)
}

// answerBeside answers a request in a goroutine of its own, where this one has
// to read on: for the method, or for a client that waits in a write.
func (s *Service) answerBeside(ctx context.Context, cancel context.CancelCauseFunc, invocation Invocation, request *wire.Request, read chan error) (err error) {
	if read == nil {
		s.expect(0)
	}
	go func() {
		err := ErrMethodGone // unless the method returns
		defer func() { s.answered <- err }()
		err = s.answer(ctx, invocation, request, func() {})
	}()
	if read != nil {
		if err = <-read; err == nil {
			s.expect(0)
		}
	}
	if err == nil {
		err = s.awaitLine()
	}
	if err != nil {
		s.fail(err) // the answer has nobody to go to
		cancel(err)
	}
	if answerErr := <-s.answered; err == nil {
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

// awaitRequest waits for a request and reads it; nil is the null request. late
// says that it came after this side had said END.
func (s *Service) awaitRequest() (request *wire.Request, message incoming, late bool, err error) {
	limit, name := s.config.Timeouts.Request, nameNextRequest
	if s.polling {
		name = namePollRequest
	}
	s.expectRequest(limit)
	if err := s.park(); err != nil {
		return nil, message, false, s.between(readError(err, "a request", limit, name))
	}
	late = s.moveTo(serving) && s.both.refuse
	if ended, err := s.reader.NextIs(wire.End); ended || err != nil {
		return nil, message, false, errors.Join(err, ErrEnded)
	}
	request, message, err = s.readRequest()
	if err != nil {
		err = readError(err, "the rest of the request", s.config.Timeouts.Read, nameRead)
	}
	return request, message, late, err
}

// refuse answers a request that came after END, and reads over what else does
// until the client closes.
func (s *Service) refuse(request *wire.Request) error {
	answer, err := encodeResponse(nil, refusal(request))
	if err != nil {
		return err
	}
	defer answer.free()
	if _, err := s.write(answer.bytes); err != nil {
		return err
	}
	s.perRead = 0
	s.expect(endLimit)
	if _, err := io.Copy(io.Discard, s.reader); err != nil {
		return err
	}
	return ErrEnded
}

// expectRequest sets the limit for a request's first byte: a short one for
// whoever has dialled while this side drains.
func (s *Service) expectRequest(limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place = awaitingRequest
	if s.draining && (s.both.refuse || !s.polling) {
		limit = endLimit
	}
	s.expect(limit)
}

// between says what the end of the connection means where none is under way.
func (s *Service) between(err error) error {
	var timeout *TimeoutError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ErrEnded
	case errors.As(err, &timeout) && s.isDraining():
		return ErrClosed
	case errors.As(err, &timeout) && !s.polling:
		return fmt.Errorf("%w: %w", ErrIdle, err)
	}
	return err
}

// afterNull goes on after a null request, which has no response.
func (s *Service) afterNull() error {
	s.expect(s.lineLimit())
	if err := s.afterResponse(false); err != nil {
		return err
	}
	if err := s.awaitLine(); err != nil {
		return err
	}
	return s.proceed()
}

// readStreams reads the streams of a request. Where the method reads one of
// them itself, from the connection, read tells when it has.
func (s *Service) readStreams(message *incoming, invocation Invocation) (read chan error, err error) {
	if stream := invocation.Live(); stream != nil {
		read, err = readLive(message, stream)
	} else {
		err = message.readBound()
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
		if err != nil {
			s.fail(err)
		}
	}()
	response := s.run(ctx, invocation, ran)
	if err = s.cause(); err == nil { // otherwise nobody is there to read it
		err = s.writeResponse(response)
	}
	return err
}

func (s *Service) run(ctx context.Context, invocation Invocation, ran func()) *wire.Response {
	defer ran()
	return invocation.Run(ctx)
}

// writeResponse writes a response, and with it the lines around it where they
// may travel together.
func (s *Service) writeResponse(response *wire.Response) error {
	var before []byte
	if s.proceedDue {
		before, s.proceedDue = lineProceed, false
	}
	message, err := encodeResponse(before, response)
	if err != nil {
		return err
	}
	defer message.free()
	nextSaid := s.polling && s.both.pipelining && response.Streams == nil
	if nextSaid {
		message.bytes = append(message.bytes, lineNext...)
	}
	if response.Streams == nil {
		s.expect(s.lineLimit())
	}
	if _, err := s.writeMessage(message.bytes, response.Streams); err != nil {
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
	s.tell(false)
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

// awaitLine waits for the control line that follows a response: PROCEED for a
// polling service, NEXT or END for a listening one. While the method runs it
// sees the caller go away.
func (s *Service) awaitLine() error {
	waiting, name := "NEXT or END", nameNextRequest
	if s.polling {
		waiting, name = "PROCEED", nameRead
		if s.both.pipelining {
			name = namePollRequest
		}
	}
	for {
		if err := s.park(); err != nil {
			return s.between(readError(err, waiting, s.lineLimit(), name))
		}
		if skipped, err := s.reader.SkipLateFrame(s.late); err != nil {
			return err
		} else if skipped {
			continue
		}
		line, err := s.reader.ReadLine()
		switch {
		case err != nil:
			return readError(err, "the rest of a control line", s.config.Timeouts.Read, nameRead)
		case line == "":
			continue
		case line == wire.End:
			return ErrEnded
		case line == wire.Proceed && s.polling, line == wire.Next && !s.polling:
			s.late = nil
			return nil
		default:
			return unexpected(waiting, line)
		}
	}
}

// Close ends the connection at once; methods that run see their context end.
func (s *Service) Close() { s.fail(ErrClosed) }

// Drain brings the conversation to its end without losing a request: after the
// response to the one under way; at once where the client knows what END means
// to a request that is on its way, or where a listening service waits for NEXT,
// since its client then tries again elsewhere; soon where the client has the
// right to send a request and does not use it; and for another polling service
// that waits, when the null request has come, since until then a request may
// be on its way.
func (s *Service) Drain() {
	s.mu.Lock()
	s.draining = true
	place := s.place
	if place == awaitingRequest && !s.polling {
		s.expect(endLimit)
	}
	s.mu.Unlock()
	switch {
	case place == serving:
	case s.both.refuse:
		if err := s.leave(); err != nil {
			s.fail(err)
		}
	case place == awaitingNext:
		s.fail(ErrClosed)
	}
}

// moveTo reports whether the service is draining.
func (s *Service) moveTo(p place) (draining bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place = p
	return s.draining
}

func (s *Service) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

func (s *Service) tell(busy bool) {
	if s.OnBusy != nil {
		s.OnBusy(busy)
	}
}

// leave says END: where NEXT would be due or, to a client that knows what that
// means, at once and going on to read. It closes where this side has no word
// for it.
func (s *Service) leave() error {
	if s.both.refuse {
		return s.sayEnd()
	}
	if s.polling {
		if _, err := s.write(lineEnd); err != nil {
			return err
		}
	}
	s.fail(ErrClosed)
	return ErrClosed
}

// sayEnd says END once, and gives the client a moment to close.
func (s *Service) sayEnd() error {
	s.mu.Lock()
	said := s.endSaid
	s.endSaid = true
	s.mu.Unlock()
	if said {
		return nil
	}
	_, err := s.write(lineEnd)
	s.expect(endLimit)
	return err
}
