package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/halibut-go/halibut/internal/bson"
	"github.com/halibut-go/halibut/wire"
)

// item is one thing that a side of a conversation said.
type item struct {
	begin, end int64  // in bytes from the beginning of the side
	title      string // one line
	body       []string
	wrong      bool // it breaks the protocol, and ends what can be read
}

// sideReader takes what one side of a connection said apart, item by item.
type sideReader struct {
	source   *countingReader
	reader   *wire.Reader
	redacted bool // values are left out
	whole    bool // documents are shown with all that is in them
	emit     func(item)
	husks    []wire.Husk // of the message before: their frames come next
}

type countingReader struct {
	io.Reader
	n int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	return n, err
}

func newSideReader(r io.Reader, redacted, whole bool, emit func(item)) *sideReader {
	source := &countingReader{Reader: r}
	return &sideReader{source: source, reader: wire.NewReader(source, nil), redacted: redacted, whole: whole, emit: emit}
}

// position is how many bytes have been taken.
func (s *sideReader) position() int64 { return s.source.n - int64(s.reader.Buffered()) }

// read reads a side to its end, or to where it breaks the protocol. It may
// begin in the middle of a connection, but not in the middle of an item.
func (s *sideReader) read() {
	defer s.reader.Close()
	for {
		begin := s.position()
		next, err := s.next()
		if errors.Is(err, io.EOF) && s.position() == begin {
			return
		}
		next.begin, next.end = begin, s.position()
		if err != nil {
			next.title = strings.TrimSpace(next.title + " breaks off: " + err.Error())
			next.wrong = true
		}
		s.emit(next)
		if err != nil {
			return
		}
	}
}

func (s *sideReader) next() (item, error) {
	if husk, ok := s.nextFrame(); ok {
		return s.frame(husk)
	}
	head, err := s.reader.Peek(1)
	if len(head) == 0 {
		return item{}, err
	}
	switch {
	case head[0] == '\r' || head[0] == '\n':
		_, err := s.reader.ReadLine()
		return item{title: "an empty line"}, err
	case s.begins("MX-"):
		return s.identity()
	case s.begins("MX"):
		kind, err := s.reader.ReadPreamble()
		return item{title: fmt.Sprintf("MX, the preamble (%s)", kind)}, err
	}
	for _, line := range []string{wire.Next, wire.Proceed, wire.End} {
		if ok, _ := s.reader.NextIs(line); ok {
			_, err := s.reader.ReadLine()
			return item{title: line}, err
		}
	}
	return s.message()
}

// begins waits for no more bytes than it takes to tell.
func (s *sideReader) begins(text string) bool {
	for n := 1; n <= len(text); n++ {
		if head, _ := s.reader.Peek(n); string(head) != text[:n] {
			return false
		}
	}
	return true
}

func (s *sideReader) identity() (item, error) {
	identity, err := s.reader.ReadIdentity()
	if err != nil {
		return item{title: "an identity"}, err
	}
	return item{title: identity.String()}, nil
}

func (s *sideReader) message() (item, error) {
	document, err := s.reader.ReadDocument()
	if err != nil {
		return item{title: "a message"}, err
	}
	defer s.reader.ReleaseDocument()
	s.husks = nil
	if err := bson.Validate(document, 0); err != nil {
		return item{title: fmt.Sprintf("a message of %d bytes", len(document))}, err
	}
	s.husks = wire.Husks(document)
	return s.describe(document), nil
}

// describe is a valid document for people.
func (s *sideReader) describe(document []byte) item {
	raw := bson.Value{Type: bson.Document, Data: document}
	message, err := wire.ParseMessage(document, 0)
	switch {
	case err != nil:
		return item{title: "DOCUMENT, which is no message: " + err.Error(), body: s.json("", raw)}
	case message.Request != nil:
		return s.request(message.Request, raw)
	case message.Response != nil:
		return s.response(message.Response, raw)
	default:
		return item{title: "NULL REQUEST, which keeps the connection in use"}
	}
}

func (s *sideReader) request(r *wire.Request, raw wire.Raw) item {
	found := item{title: fmt.Sprintf("REQUEST %s.%s  %s", r.Service, r.Method, r.ID)}
	if s.whole {
		found.body = s.json("", raw)
		return found
	}
	for i, arg := range r.Args(nil) {
		found.body = append(found.body, s.json(fmt.Sprintf("argument %d: ", i+1), arg)...)
	}
	return found
}

func (s *sideReader) response(r *wire.Response, raw wire.Raw) item {
	found := item{title: "RESPONSE " + r.ID}
	switch {
	case s.whole:
		found.body = s.json("", raw)
	case r.Error != nil:
		found.body = append(found.body, "error: "+s.text(r.Error.Message))
		if r.Error.Type != "" {
			found.body = append(found.body, "type: "+r.Error.Type)
		}
	default:
		found.body = s.json("result: ", r.Result)
	}
	return found
}

func (s *sideReader) text(text string) string {
	if s.redacted {
		return "(string)"
	}
	return strings.TrimSpace(text)
}

// json is a value in indented lines, the first one behind a label.
func (s *sideReader) json(label string, raw wire.Raw) []string {
	const wide = 100
	text := string(appendJSON(nil, raw, s.redacted))
	if len(text) > wide && !s.redacted {
		text = formatResult(raw, "  ")
	}
	return strings.Split(label+text, "\n")
}

// nextFrame tells whether a data stream's frame comes next: its first 16 bytes
// are an id that the message before has. It waits for no byte more than it needs.
func (s *sideReader) nextFrame() (int, bool) {
	if len(s.husks) == 0 {
		return 0, false
	}
	for n := 1; n <= 16; n++ {
		head, _ := s.reader.Peek(n)
		if len(head) < n {
			return 0, false
		}
		found := -1
		for i, husk := range s.husks {
			if bytes.HasPrefix(wire.AppendGUID(nil, husk.ID), head) {
				found = i
			}
		}
		if found < 0 {
			return 0, false
		}
		if n == 16 {
			return found, true
		}
	}
	return 0, false
}

// frame reads a data stream and keeps nothing of it but its sum.
func (s *sideReader) frame(index int) (item, error) {
	husk := s.husks[index]
	s.husks = append(s.husks[:index:index], s.husks[index+1:]...)
	found := item{title: fmt.Sprintf("STREAM %s, %d bytes", husk.ID, husk.Length)}
	var streams wire.Streams
	if _, err := streams.Bind(husk.ID, husk.Length); err != nil {
		return found, err
	}
	var broken error
	stream, err := s.reader.OpenFrame(&streams, func(err error) { broken = err })
	if err != nil {
		return found, err
	}
	content, err := stream.Open()
	if err != nil {
		return found, err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, content)
	if err = errors.Join(err, content.Close()); err == nil {
		err = broken
	}
	if err == nil && !s.redacted {
		found.body = []string{"SHA-256 " + hex.EncodeToString(sum.Sum(nil))}
	}
	return found, err
}

// printItem writes an item: who said it, at which byte, and what.
func printItem(out *terminal, arrow string, i item) {
	title := harmless(i.title)
	if i.wrong {
		title = out.paint(red, "WRONG: "+title)
	} else {
		title = out.paint(bold, title)
	}
	at := fmt.Sprint(i.begin)
	if i.begin < 0 {
		at = "" // it is no byte
	}
	out.printf("%s %8s  %s\n", out.paint(cyan, arrow), at, title)
	for _, line := range i.body {
		out.printf("              %s\n", harmless(line))
	}
}

// The sides of a connection in a recording.
const (
	fromDialler  = "dialler"
	fromAcceptor = "acceptor"
)

// arrowOf shows who speaks: the dialler to the right.
func arrowOf(from string) string {
	if strings.HasPrefix(from, fromAcceptor) {
		return "<--"
	}
	return "-->"
}
