package exchange

import (
	"errors"
	"fmt"
	"io"

	"github.com/halibut-go/halibut/wire"
)

// watchIdle reads the connection until it ends, or until there is something of
// the response that a call waits for.
func (c *Client) watchIdle() {
	c.quiet = true
	for {
		err := c.park()
		if c.waiting() != nil {
			return // what has come, or why nothing does, is for the call
		}
		if err != nil {
			c.failIdle(c.parkError(err))
			return
		}
		if err = c.control(); err != nil {
			c.fail(err)
			return
		}
	}
}

// failIdle ends the connection unless a call has begun on it, which then finds
// out by itself. An idle one that is given up is ended with END: no request can
// come behind that.
func (c *Client) failIdle(err error) {
	c.mu.Lock()
	if c.call != nil {
		c.mu.Unlock()
		return
	}
	state := c.state
	c.failLocked(err)
	c.mu.Unlock()
	if errors.Is(err, ErrIdle) {
		c.sayEnd(state)
	}
	c.shutDown()
}

func (c *Client) waiting() *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.call
}

// parkError says what it means that the connection ended, or stayed silent,
// where it stood.
func (c *Client) parkError(err error) error {
	c.mu.Lock()
	state, call, nullSent := c.state, c.call, c.nullSent
	proceeded := state == ready && !c.polled && c.lineDue == nil
	c.mu.Unlock()
	timeouts := c.config.Timeouts
	switch state {
	case awaitResponse:
		limit, name := c.responseLimit(call)
		return readError(err, "the response", limit, name)
	case awaitProceed:
		return readError(err, "PROCEED", timeouts.Control, nameRead)
	case awaitNext:
		if nullSent {
			return readError(err, "NEXT after a null request", timeouts.Null, nameNullAnswer)
		}
		return readError(err, "NEXT", timeouts.Control, nameRead)
	}
	limit, name := timeouts.Idle, nameIdle
	if proceeded {
		limit, name = timeouts.IdleProceeded, nameProceeded
	}
	err = readError(err, "the next call", limit, name)
	var timeout *TimeoutError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ErrEnded
	case errors.As(err, &timeout):
		return fmt.Errorf("%w: %w", ErrIdle, err)
	}
	return err
}

// control reads what is not a response: a control line, or a frame that came
// late.
func (c *Client) control() error {
	if skipped, err := c.reader.SkipLateFrame(c.late); skipped || err != nil {
		return err
	}
	line, err := c.reader.ReadLine()
	if err != nil {
		return readError(err, "the rest of a control line", c.config.Timeouts.Read, nameRead)
	}
	c.mu.Lock()
	state := c.state
	c.mu.Unlock()
	switch {
	case line == "":
		return nil
	case line == wire.End:
		return c.endUnlessCalled()
	case line == wire.Next && c.polled && state == awaitNext:
		c.expect(c.config.Timeouts.Idle)
		if err := c.sayProceed(); err != nil {
			return err
		}
	case line == wire.Proceed && !c.polled && state == awaitProceed:
		c.expect(c.config.Timeouts.IdleProceeded)
	default:
		return unexpectedLine(state, line)
	}
	c.late = nil
	c.mu.Lock()
	c.state, c.nullSent = ready, false
	c.mu.Unlock()
	c.notify()
	return nil
}

// sayProceed says PROCEED, or leaves it to go with the next request.
func (c *Client) sayProceed() error {
	if !c.both.pipelining {
		_, err := c.write(lineProceed)
		return err
	}
	c.mu.Lock()
	c.lineDue = lineProceed
	c.mu.Unlock()
	return nil
}

// endUnlessCalled ends a connection on which the service has said END. A
// request that is being written meanwhile is going to be refused, if the
// service knows how: the connection then ends with that.
func (c *Client) endUnlessCalled() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.call != nil && c.both.refuse {
		c.refusing = true
		return nil
	}
	c.failLocked(ErrEnded)
	return ErrEnded
}

func unexpectedLine(s state, line string) error {
	expected := "no word between two calls but END"
	switch s {
	case awaitProceed:
		expected = "PROCEED"
	case awaitNext:
		expected = "NEXT or END"
	}
	return unexpected(expected, line)
}

// receive reads the response to call and its streams, and hands it over.
func (c *Client) receive(call *Call) error {
	if begun, err := c.leadIn(); !begun || err != nil {
		return err
	}
	response, message, err := c.readResponse(call.Request.ID, call.Untyped)
	if c.late == nil { // otherwise what has come may be no answer
		c.near.answered(c.firstRead)
	}
	if err != nil {
		return readError(err, "the rest of the response", c.config.Timeouts.Read, nameRead)
	}
	if isRefusal(response) && c.both.refuse {
		return ErrRefused
	}
	call.received = true
	call.Receiver.Receive(response)
	to := call.Receiver.StreamTo()
	if call.Untyped {
		err = message.readAll(to)
	} else {
		err = message.readBound(to)
		response.Result = wire.Raw{}
		wire.RecycleDocument(response.Document)
		response.Document = nil
	}
	if err != nil {
		_ = response.Streams.CloseAll()
		switch {
		case notKept(err):
		case writerFailed(err):
			return err // whatever it is, it is not the connection's
		default:
			return readError(err, "the rest of a data stream", c.config.Timeouts.Read, nameRead)
		}
	}
	call.streamErr = err
	c.late = response.Streams.TakeLate()
	if err == nil {
		call.Receiver.Complete(response)
	}
	if !call.Untyped {
		c.forget() // also of streams, that its caller may let go of
	}
	return c.finish(call)
}

// leadIn reads what may come before a response: frames that are late, PROCEED
// where it was not waited for, and END. It reports whether the response is
// next.
func (c *Client) leadIn() (bool, error) {
	if skipped, err := c.reader.SkipLateFrame(c.late); skipped || err != nil {
		return false, err
	}
	ended, err := c.reader.NextIs(wire.End)
	switch {
	case err != nil:
		return false, readError(err, "the rest of the response", c.config.Timeouts.Read, nameRead)
	case ended && !c.both.refuse:
		return false, ErrEnded
	case ended:
		c.refusing = true
		_, err := c.reader.ReadLine()
		return false, err
	}
	c.mu.Lock()
	owed := c.proceedOwed && !c.refusing
	c.proceedOwed = false
	c.mu.Unlock()
	if !owed {
		return true, nil
	}
	c.late = nil
	line, err := c.reader.ReadLine()
	switch {
	case err != nil:
		return false, readError(err, "the rest of a control line", c.config.Timeouts.Read, nameRead)
	case line != wire.Proceed:
		return false, unexpectedLine(awaitProceed, line)
	}
	return false, nil // the response may take long: it is waited for without a buffer
}

// finish makes the connection ready for what follows the response and tells
// the caller.
func (c *Client) finish(call *Call) error {
	next, limit := nextDue, c.config.Timeouts.Idle
	switch {
	case c.polled:
		next, limit = awaitNext, c.config.Timeouts.Control
	case c.late != nil && c.both.pipelining:
		next = ready
	case c.late != nil || (call.EagerNext && !c.both.pipelining):
		// For frames that nobody asked for, whose sender may wait in a write until
		// they are taken, NEXT makes sure that a line is due.
		next, limit = awaitProceed, c.config.Timeouts.Control
	}
	c.mu.Lock()
	c.state, c.call = next, nil
	if next == ready {
		c.proceedOwed = true
	}
	call.answered = true
	c.mu.Unlock()
	c.expect(limit)
	if next == awaitProceed || next == ready {
		if _, err := c.write(lineNext); err != nil {
			return err
		}
	}
	return nil
}
