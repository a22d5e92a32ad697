package exchange

import (
	"context"
	"errors"
	"io"

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
	// Run runs the method. It runs in a goroutine of its own, when the data
	// streams of the request are there. ctx ends when the caller is gone.
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

	// Guarded by link.mu.
	busy     bool // from the first byte of a request to the end of its response
	draining bool
}

// Service starts the service's side of the conversation on an identified
// connection.
func (s *Session) Service(config *Config, handler Handler) *Service {
	return &Service{
		link:     s.link.start(config),
		polling:  s.Self.Role == wire.RoleSubscriber,
		handler:  handler,
		answered: make(chan error, 1),
	}
}

// Serve answers requests until the client ends the conversation (nil), the
// connection fails, or ctx ends. It returns when the last method has.
func (s *Service) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.fail(context.Cause(ctx)) })
	defer stop()
	defer func() { _ = s.reader.Close() }()
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
	request, message, err := s.awaitRequest()
	if err != nil {
		return err
	}
	if request == nil {
		return s.afterNull()
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
		return readError(err, "the rest of a data stream", s.config.Timeouts.Read)
	}
	s.late = request.Streams.TakeLate()
	if read == nil {
		s.expect(0)
	}
	go func() { s.answered <- s.answer(running, invocation, request) }()
	if read != nil {
		if err = <-read; err == nil {
			s.expect(0)
		}
	}
	if err == nil {
		err = s.awaitLine()
	}
	if err != nil {
		cancel(err)
	}
	return errors.Join(<-s.answered, err)
}

// awaitRequest waits for a request and reads it; nil is the null request.
func (s *Service) awaitRequest() (*wire.Request, incoming, error) {
	timeouts := s.config.Timeouts
	s.expect(timeouts.Request)
	if err := s.park(); err != nil {
		return nil, incoming{}, s.between(readError(err, "a request", timeouts.Request))
	}
	s.setBusy(true)
	if ended, err := s.reader.NextIs(wire.End); ended || err != nil {
		return nil, incoming{}, errors.Join(err, ErrEnded)
	}
	request, message, err := s.readRequest()
	if err != nil {
		err = readError(err, "the rest of the request", timeouts.Read)
	}
	return request, message, err
}

// between says what the end of the connection means where none is under way.
func (s *Service) between(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrEnded
	}
	return err
}

// afterNull goes on after a null request, which has no response.
func (s *Service) afterNull() error {
	if s.setBusy(false) {
		return s.leave()
	}
	if s.polling {
		s.expect(s.config.Timeouts.Control)
		if _, err := s.write(lineNext); err != nil {
			return err
		}
	}
	return s.awaitLine()
}

// readStreams reads the streams of a request. Where the method reads one of
// them itself, from the connection, read tells when it has.
func (s *Service) readStreams(message *incoming, invocation Invocation) (read chan error, err error) {
	live := false
	if stream := invocation.Live(); stream != nil {
		read = make(chan error, 1)
		live, err = message.readBoundBut(stream, func(err error) { read <- err })
	} else {
		err = message.readBound()
	}
	if notKept(err) {
		invocation.Refuse(err)
		err = nil
	}
	if !live {
		read = nil
	}
	return read, err
}

// answer runs the method and writes its response.
func (s *Service) answer(ctx context.Context, invocation Invocation, request *wire.Request) error {
	response := invocation.Run(ctx)
	defer func() { _ = request.Streams.CloseAll() }()
	if err := s.cause(); err != nil {
		return err // nobody is there to read it
	}
	message, err := encodeResponse(response)
	if err != nil {
		s.fail(err)
		return err
	}
	defer message.free()
	limit := s.config.Timeouts.Next
	if s.polling {
		limit = s.config.Timeouts.Control
	}
	if response.Streams == nil {
		s.expect(limit)
	}
	if _, err = s.writeMessage(message.bytes, response.Streams); err == nil {
		err = s.afterResponse()
	}
	if err != nil {
		s.fail(err)
		return err
	}
	if response.Streams != nil {
		s.expect(limit)
	}
	return nil
}

// afterResponse says what this side says next.
func (s *Service) afterResponse() error {
	s.tell(false)
	if s.setBusy(false) {
		return s.leave()
	}
	if s.polling {
		_, err := s.write(lineNext)
		return err
	}
	return nil
}

// awaitLine waits for the control line that follows a response: PROCEED for a
// polling service, NEXT or END for a listening one. While the method runs it
// sees the caller go away.
func (s *Service) awaitLine() error {
	waiting, limit := "NEXT or END", s.config.Timeouts.Next
	if s.polling {
		waiting, limit = "PROCEED", s.config.Timeouts.Control
	}
	for {
		if err := s.park(); err != nil {
			return s.between(readError(err, waiting, limit))
		}
		if skipped, err := s.reader.SkipLateFrame(s.late); err != nil {
			return err
		} else if skipped {
			continue
		}
		line, err := s.reader.ReadLine()
		switch {
		case err != nil:
			return readError(err, "the rest of a control line", s.config.Timeouts.Read)
		case line == "":
			continue
		case line == wire.End:
			return ErrEnded
		case line == wire.Proceed && s.polling:
			s.late = nil
			return nil
		case line == wire.Next && !s.polling:
			s.late = nil
			_, err := s.write(lineProceed)
			return err
		default:
			return unexpected(waiting, line)
		}
	}
}

// Close ends the connection at once; methods that run see their context end.
func (s *Service) Close() { s.fail(ErrClosed) }

// Drain brings the conversation to its end without losing a request: at once
// where a listening service waits for one, since the client then tries again
// elsewhere; after the response to the one under way; and for a polling
// service that waits, when the null request has come, since until then a
// request may be on its way.
func (s *Service) Drain() {
	s.mu.Lock()
	s.draining = true
	now := !s.busy && !s.polling
	s.mu.Unlock()
	if now {
		s.fail(ErrClosed)
	}
}

// setBusy reports whether the service is draining.
func (s *Service) setBusy(busy bool) (draining bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = busy
	return s.draining
}

func (s *Service) tell(busy bool) {
	if s.OnBusy != nil {
		s.OnBusy(busy)
	}
}

// leave says END where NEXT would be due, or closes where this side has no
// word for it.
func (s *Service) leave() error {
	if s.polling {
		if _, err := s.write(lineEnd); err != nil {
			return err
		}
	}
	s.fail(ErrClosed)
	return ErrClosed
}
