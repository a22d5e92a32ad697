package exchange

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/halibut-go/halibut/wire"
)

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
	s.near.answered(s.firstRead)
	if err != nil {
		err = readError(err, "the rest of the request", s.config.Timeouts.Read, nameRead)
	}
	return request, message, late, err
}

// refuse answers a request that came after END, and reads over what else does
// until the client closes.
func (s *Service) refuse(request *wire.Request) error {
	if err := s.sayEnd(); err != nil { // before the refusal, however early the request came
		return err
	}
	answer, err := s.encodeResponse(nil, refusal(request))
	if err != nil {
		return err
	}
	defer answer.Free()
	if _, err := s.writeMessage(&answer, nil); err != nil {
		return err
	}
	s.perRead = endLimit // the limit is for silence: a long upload is read to its end, and then told
	if _, err := io.Copy(io.Discard, &s.reader); err != nil {
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
