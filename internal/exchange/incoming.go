package exchange

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/halibut-go/halibut/wire"
)

// incoming is a message whose data streams are still to be read.
type incoming struct {
	reader  *wire.Reader
	streams *wire.Streams
	husks   []wire.Husk // all that are, or look like, data streams
}

// readResponse reads one message, which has to be the response to the request
// with this id. It is kept where somebody else decodes it, later.
func (l *link) readResponse(id string, keep bool) (*wire.Response, incoming, error) {
	parsed, in, document, err := l.readMessage(id)
	if err != nil {
		return nil, in, err
	}
	response := parsed.Response
	switch {
	case response == nil:
		return nil, in, unexpected("a response", "a request")
	case response.ID != id:
		return nil, in, unexpected(fmt.Sprintf("the response to %q", id), response.ID)
	}
	if keep {
		response = response.Keep()
		l.forget()
	}
	response.Streams, response.Document = in.streams, document
	return response, in, nil
}

// readRequest reads one message, which has to be a request; nil is the null
// request.
func (l *link) readRequest() (*wire.Request, incoming, error) {
	parsed, in, document, err := l.readMessage("")
	if err != nil {
		return nil, in, err
	}
	request := parsed.Request
	switch {
	case parsed.Response != nil:
		return nil, in, unexpected("a request", "a response")
	case request == nil:
		l.forget()
		return nil, in, nil
	}
	request.Streams, request.Document = in.streams, document
	return request, in, nil
}

// streamsFor is nil for a message without data streams, as most are.
func (l *link) streamsFor(husks []wire.Husk) *wire.Streams {
	if len(husks) == 0 {
		return nil
	}
	return wire.NewStreams(l.config.Reader.Limits)
}

var parsers = sync.Pool{New: func() any { return new(wire.MessageParser) }}

// forget gives up the last message, which nobody looks at any more: a connection
// without work must hold nothing of it.
func (l *link) forget() { *l.parser = wire.MessageParser{} }

func (l *link) releaseParser() {
	if l.parser != nil {
		l.forget()
		parsers.Put(l.parser)
		l.parser = nil
	}
}

// readMessage reads a message, and returns the document that it aliases too; id is
// that of the response that is due.
func (l *link) readMessage(id string) (parsed wire.Message, in incoming, document []byte, err error) {
	if document, err = l.reader.ReadDocument(); err != nil {
		return parsed, in, nil, err
	}
	l.learn(document)
	if l.parser == nil {
		l.parser = parsers.Get().(*wire.MessageParser)
	}
	parsed, err = l.parser.Parse(document, l.config.Reader.Limits.MaxDepth(), id)
	if err != nil {
		return parsed, in, nil, &wire.ProtocolError{Message: "the message cannot be read", Err: err}
	}
	var husks []wire.Husk
	if parsed.MayHoldStreams {
		husks = wire.Husks(document)
	}
	return parsed, incoming{&l.reader, l.streamsFor(husks), husks}, document, nil
}

// readBound reads the streams that decoded values hold, and those that say
// they are streams. What else looks like one may follow, and is read over
// where a control line is due. With a writer to the only stream goes there, and
// several are read over.
func (in *incoming) readBound(to io.Writer) error {
	if in.streams == nil {
		return nil
	}
	if err := in.streams.Expect(in.husks); err != nil {
		return err
	}
	if to == nil {
		return in.reader.ReadStreams(in.streams)
	}
	if in.streams.Len() > 1 {
		to = io.Discard
	}
	for in.streams.Pending() > 0 {
		if _, err := in.reader.CopyFrame(in.streams, to); err != nil {
			return err
		}
	}
	return nil
}

// readBoundBut reads the streams as readBound does, all but the one that a
// method wants to read from the connection itself: that one is opened, unless
// others follow it. done is called when the method has read it; live reports
// whether it will be.
func (in *incoming) readBoundBut(stream *wire.DataStream, done func(error)) (live bool, err error) {
	if err := in.streams.Expect(in.husks); err != nil {
		return false, err
	}
	var kept error
	for in.streams.Pending() > 1 {
		_, err := in.reader.ReadFrame(in.streams)
		if err != nil && !notKept(err) {
			return false, err
		}
		kept = errors.Join(kept, err)
	}
	if kept != nil {
		if err := in.reader.ReadStreams(in.streams); err != nil && !notKept(err) {
			return false, err
		}
		return false, kept
	}
	for id := range in.streams.Missing() {
		if last, _ := in.streams.Lookup(id); last == stream {
			_, err := in.reader.OpenFrame(in.streams, done)
			return err == nil, err
		}
	}
	return false, in.reader.ReadStreams(in.streams)
}

// readAll reads every stream that may be one, for a receiver that does not
// know the types: what has not come when the control line does was none. With a
// writer to a stream goes there that is the only one that may be.
func (in *incoming) readAll(to io.Writer) error {
	if in.streams == nil {
		return nil
	}
	certain := 0
	for _, h := range in.husks {
		if _, err := in.streams.Bind(h.ID, h.Length); err != nil {
			return err
		}
		if h.Certain {
			certain++
		}
	}
	if in.streams.Len() > 1 {
		to = nil
	}
	if certain == len(in.husks) && to == nil {
		return in.reader.ReadStreams(in.streams)
	}
	var kept error
	for in.streams.Pending() > 0 {
		if certain < len(in.husks) {
			if line, err := in.lineFollows(); err != nil {
				return err
			} else if line {
				break
			}
		}
		err := in.readFrame(to)
		if err != nil && !notKept(err) {
			return err
		}
		kept = errors.Join(kept, err)
	}
	if err := in.forget(); err != nil {
		return err
	}
	return kept
}

// readFrame reads the next stream, and keeps it unless there is a writer for it.
func (in *incoming) readFrame(to io.Writer) (err error) {
	if to != nil {
		_, err = in.reader.CopyFrame(in.streams, to)
	} else {
		_, err = in.reader.ReadFrame(in.streams)
	}
	return err
}

func (in *incoming) lineFollows() (bool, error) {
	for _, line := range []string{wire.Next, wire.End} {
		if follows, err := in.reader.NextIs(line); follows || err != nil {
			return follows, err
		}
	}
	return false, nil
}

// forget takes what did not come for what it was: not a stream. One that says
// it is has to come.
func (in *incoming) forget() error {
	for _, h := range in.husks {
		if !h.Certain {
			continue
		}
		for id := range in.streams.Missing() {
			if id == h.ID {
				return unexpected("data stream "+id.String(), "a control line")
			}
		}
	}
	in.streams.ForgetMissing()
	return nil
}

// notKept reports whether err says only that a stream could not be stored, or
// written: the conversation can go on then.
func notKept(err error) bool {
	if err == nil {
		return false
	}
	var writer *wire.WriterError
	if errors.As(err, &writer) { // before what its writer may have returned
		return writer.InStep
	}
	var spool *wire.SpoolError
	return errors.As(err, &spool)
}

// writerFailed reports whether err is that of a writer, whatever it means.
func writerFailed(err error) bool {
	var writer *wire.WriterError
	return errors.As(err, &writer)
}
