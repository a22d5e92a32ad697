package exchange

// place is where a service's conversation stands, as far as draining asks.
type place uint8

const (
	awaitingRequest place = iota // one may be on its way
	serving                      // from the first byte of a request to the end of its response
	awaitingNext                 // listening: the client knows that nothing of its next request was sent
)

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

func (s *Service) tell(busy, crowded bool) {
	if s.OnBusy != nil && busy != s.told {
		s.told = busy
		s.OnBusy(busy, crowded)
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
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.endSaid {
		return nil
	}
	s.endSaid = true
	_, err := s.writeLocked(lineEnd)
	s.expect(endLimit)
	return err
}
