package replay

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Splitter takes apart what one side of a connection writes.
type Splitter struct {
	in       tape
	dialler  bool
	inflater io.Reader
	opened   int              // preamble and identity that were read
	husks    map[huskKey]bool // of the message before; true once its frame has come
	rest     *Item            // to be returned next
}

type huskKey = [16]byte

// NewSplitter splits what r yields: all that the dialler, or the acceptor, of
// one connection wrote.
func NewSplitter(r io.Reader, dialler bool) *Splitter {
	s := &Splitter{in: tape{Reader: bufio.NewReader(r)}, dialler: dialler}
	if !dialler {
		s.opened = 1
	}
	return s
}

// tape remembers what was consumed of it.
type tape struct {
	*bufio.Reader
	taken []byte
}

func (t *tape) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.taken = append(t.taken, p[:n]...)
	return n, err
}

func (t *tape) ReadByte() (byte, error) {
	b, err := t.Reader.ReadByte()
	if err == nil {
		t.taken = append(t.taken, b)
	}
	return b, err
}

// Next waits for the next item to be complete. A side that ends in the middle
// of one yields a Rest; then, or where a side ends between two items, the error
// is io.EOF. All others say what is wrong with the bytes.
func (s *Splitter) Next() (Item, error) {
	if s.rest != nil {
		item := *s.rest
		s.rest = nil
		return item, nil
	}
	s.in.taken = nil
	item, err := s.read()
	item.Dialler = s.dialler
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		if _, err := io.Copy(io.Discard, &s.in); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return Item{}, err
		}
		if len(s.in.taken) == 0 {
			return Item{}, io.EOF
		}
		if item.Kind != Message {
			return Item{Kind: Rest, Dialler: s.dialler, Bytes: s.in.taken}, nil
		}
		if whole := len(item.Bytes); whole < len(s.in.taken) {
			s.rest = &Item{Kind: Rest, Dialler: s.dialler, Bytes: s.in.taken[whole:]}
		}
		return item, nil
	}
	item.Bytes = s.in.taken
	return item, err
}

func (s *Splitter) read() (Item, error) {
	switch s.opened {
	case 0:
		s.opened++
		return s.preamble()
	case 1:
		s.opened++
		return s.identity()
	}
	kind, err := s.kind()
	if err != nil {
		return Item{}, err
	}
	switch kind {
	case Line:
		text, err := s.line()
		return Item{Kind: Line, Text: text}, err
	case LateFrame:
		_, err := s.frame()
		return Item{Kind: LateFrame}, err
	default:
		return s.message()
	}
}

func (s *Splitter) preamble() (Item, error) {
	for !bytes.HasSuffix(s.in.taken, []byte("\n\n")) && !bytes.HasSuffix(s.in.taken, []byte("\r\n\r\n")) {
		if len(s.in.taken) > 6 {
			return Item{}, fmt.Errorf("%q is no preamble", s.in.taken)
		}
		if _, err := s.in.ReadByte(); err != nil {
			return Item{}, err
		}
	}
	text, _, _ := bytes.Cut(s.in.taken, []byte("\n"))
	return Item{Kind: Preamble, Text: string(bytes.TrimRight(text, "\r"))}, nil
}

func (s *Splitter) identity() (Item, error) {
	text, err := s.line()
	if err != nil {
		return Item{}, err
	}
	if blank, err := s.line(); err != nil || blank != "" {
		return Item{}, errors.Join(err, fmt.Errorf("after the identity %q: %q", text, blank))
	}
	return Item{Kind: Identity, Text: text}, nil
}

func (s *Splitter) line() (string, error) {
	var line []byte
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		b, err := s.in.ReadByte()
		if err != nil {
			return "", err
		}
		if line = append(line, b); len(line) > 1000 {
			return "", fmt.Errorf("%q… is no line", line[:40])
		}
	}
	return string(line[:len(line)-2]), nil
}

var controlLines = []string{"NEXT\r\n", "PROCEED\r\n", "END\r\n"}

// kind looks at as few bytes as tell what comes: the other side may wait for an
// answer before it writes more.
func (s *Splitter) kind() (Kind, error) {
	for n := 1; ; n++ {
		start, err := s.in.Peek(n)
		if err != nil {
			return 0, err
		}
		open := false
		for _, line := range controlLines {
			if string(start) == line {
				return Line, nil
			}
			open = open || n < len(line) && line[:n] == string(start)
		}
		for id := range s.husks {
			if bytes.Equal(id[:], start) {
				return LateFrame, nil
			}
			open = open || n < len(id) && bytes.HasPrefix(id[:], start)
		}
		if !open {
			return Message, nil
		}
	}
}

// message reads a message and the frames of its streams. What is incomplete
// comes with an error.
func (s *Splitter) message() (Item, error) {
	if s.inflater == nil {
		s.inflater = flate.NewReader(&s.in)
	} else if err := s.inflater.(flate.Resetter).Reset(&s.in, nil); err != nil {
		return Item{}, err
	}
	inflated, err := io.ReadAll(s.inflater)
	if err != nil {
		return Item{}, err
	}
	document, err := ParseDocument(inflated)
	if err != nil {
		return Item{}, err
	}
	item := Item{Kind: Message, Document: document, Bytes: s.in.taken}
	s.husks = make(map[huskKey]bool)
	for _, husk := range document.Husks() {
		s.husks[husk.ID] = false
	}
	for len(item.Frames) < len(s.husks) {
		if kind, err := s.kind(); err != nil {
			return item, err
		} else if kind != LateFrame {
			break // what looked like a stream was none
		}
		frame, err := s.frame()
		if err != nil {
			return item, err
		}
		if s.husks[frame.ID] {
			return item, fmt.Errorf("stream %x comes twice before the others have come", frame.ID)
		}
		s.husks[frame.ID] = true
		item.Frames = append(item.Frames, frame)
		item.Bytes = s.in.taken
	}
	return item, nil
}

func (s *Splitter) frame() (Frame, error) {
	var head struct {
		ID     huskKey
		Length int64
	}
	if err := binary.Read(&s.in, binary.LittleEndian, &head); err != nil {
		return Frame{}, err
	}
	const sane = 1 << 24
	if head.Length < 0 || head.Length > sane {
		return Frame{}, fmt.Errorf("stream %x of %d bytes", head.ID, head.Length)
	}
	content := make([]byte, head.Length)
	if _, err := io.ReadFull(&s.in, content); err != nil {
		return Frame{}, err
	}
	var again int64
	if err := binary.Read(&s.in, binary.LittleEndian, &again); err != nil {
		return Frame{}, err
	}
	if again != head.Length {
		return Frame{}, fmt.Errorf("stream %x has %d bytes before its content and %d after", head.ID, head.Length, again)
	}
	return Frame{ID: head.ID, Content: content}, nil
}
