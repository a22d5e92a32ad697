package wire

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"

	"github.com/google/uuid"
)

// Streams are the data streams of one message: those to send, in the order
// their husks stand in the document, or those received, found by id. The zero
// value is ready and has the default limit.
//
// A Streams belongs to one goroutine at a time.
type Streams struct {
	limit   int // 0 is the default
	list    []streamEntry
	index   map[uuid.UUID]int // of list[:indexed], from indexFrom entries on
	indexed int

	singles map[*content]struct{}       // single-use streams to send
	allowed map[uuid.UUID]allowedFrames // frames that may come and are skipped
	pending int                         // received entries without their frame
	late    int                         // frames that may still come again
	temp    *tempFile                   // where long streams of the message go
}

type streamEntry struct {
	id      uuid.UUID
	stream  *DataStream
	bound   bool // received, not sent
	arrived bool
	// repeats is how often the frame may come again: 8.1 writes one for each
	// husk, also when husks share an id.
	repeats int
}

// allowedFrames are frames that may come and are not wanted.
type allowedFrames struct {
	length int64
	count  int
}

// indexFrom is the number of streams from which a map finds faster.
const indexFrom = 16

// NewStreams returns Streams with the limit of l.
func NewStreams(l Limits) *Streams { return &Streams{limit: l.MaxStreams()} }

func (s *Streams) room() error {
	limit := s.limit
	if limit == 0 {
		limit = DefaultStreamsLimit
	}
	if n := len(s.list) + len(s.allowed); n >= limit {
		return &LimitError{What: "data streams in one message (Limits.Streams)", Limit: int64(limit), Actual: int64(n) + 1}
	}
	return nil
}

// Add registers an occurrence of an outgoing stream and returns the fresh id
// that its husk carries. The same stream may occur several times and is sent
// as often, each time with an id of its own: releases disagree about one id in
// two husks. A stream that can be read only once is an error the second time.
func (s *Streams) Add(ds *DataStream) (uuid.UUID, error) {
	if err := ds.ready(); err != nil {
		return uuid.UUID{}, err
	}
	if err := s.room(); err != nil {
		return uuid.UUID{}, err
	}
	if ds.content.singleUse {
		if _, twice := s.singles[ds.content]; twice {
			return uuid.UUID{}, fmt.Errorf("a data stream occurs twice in one message: %w", ErrStreamUsed)
		}
		if s.singles == nil {
			s.singles = make(map[*content]struct{})
		}
		s.singles[ds.content] = struct{}{}
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return uuid.UUID{}, err
	}
	s.list = append(s.list, streamEntry{id: id, stream: ds})
	return id, nil
}

// Bind returns the received stream with this id, or one that is filled when
// its frame arrives; husks that share an id share the stream. A different
// length for an id that is known already, or a negative one, is a
// *ProtocolError.
func (s *Streams) Bind(id uuid.UUID, length int64) (*DataStream, error) {
	if length < 0 {
		return nil, &ProtocolError{Expected: "the length of data stream " + id.String(), Found: fmt.Sprint(length)}
	}
	if i, ok := s.find(id); ok && s.list[i].bound {
		e := &s.list[i]
		if e.stream.Size() != length {
			return nil, &ProtocolError{
				Expected: fmt.Sprintf("data stream %s to have %d bytes, as in another place of the message", id, e.stream.Size()),
				Found:    fmt.Sprintf("%d bytes", length),
			}
		}
		e.repeats++
		s.late++
		return e.stream, nil
	}
	if err := s.room(); err != nil {
		return nil, err
	}
	ds := newReceived(id, length)
	s.list = append(s.list, streamEntry{id: id, stream: ds, bound: true})
	s.pending++
	return ds, nil
}

// Expect takes what [Husks] found in the whole document, after the decoder has
// bound what it knows. A husk of a type that nobody decodes is bound as well
// when it certainly is a data stream. What only looks like one is skipped when
// its frame comes, and not waited for. A frame may come once for each husk. Call
// it once, before the first frame is read.
func (s *Streams) Expect(husks []Husk) error {
	if len(husks) == 0 {
		return nil
	}
	seen := make(map[uuid.UUID]int, len(husks))
	for _, h := range husks {
		seen[h.ID]++
		i, known := s.find(h.ID)
		if !known && h.Certain {
			if _, err := s.Bind(h.ID, h.Length); err != nil {
				return err
			}
			continue
		}
		if !known {
			if err := s.Allow(h.ID, h.Length); err != nil {
				return err
			}
			continue
		}
		if e := &s.list[i]; e.bound && seen[h.ID]-1 > e.repeats {
			e.repeats++
			s.late++
		}
	}
	return nil
}

// Allow says that the message has a sub-document that looks like a husk where
// no stream was expected: in a member that nobody knows, say. Its frame is
// skipped if it comes, and not waited for. Expect does this for a document.
func (s *Streams) Allow(id uuid.UUID, length int64) error {
	if length < 0 {
		return nil // no husk then
	}
	if i, ok := s.find(id); ok {
		if e := &s.list[i]; e.bound && e.stream.Size() == length {
			e.repeats++
			s.late++
		}
		return nil
	}
	a, again := s.allowed[id]
	if again && a.length != length {
		return nil // one of the two is no husk; its frame, if any, is an error
	}
	if !again {
		if err := s.room(); err != nil {
			return err
		}
	}
	if s.allowed == nil {
		s.allowed = make(map[uuid.UUID]allowedFrames)
	}
	s.allowed[id] = allowedFrames{length: length, count: a.count + 1}
	s.late++
	return nil
}

// Fill gives a bound stream its bytes where they come by another way than the
// connection: from a store that a queue uses. open is called whenever the
// stream is read.
func (s *Streams) Fill(id uuid.UUID, open func() (io.ReadCloser, error)) error {
	return s.FillUntil(id, open, nil)
}

// FillUntil is Fill with a release, which is called once: when the stream is
// closed, or has become unreachable without that. With an error it is not
// called.
func (s *Streams) FillUntil(id uuid.UUID, open func() (io.ReadCloser, error), release func()) error {
	i, ok := s.find(id)
	if !ok || !s.list[i].bound {
		return fmt.Errorf("the message has no data stream %s to fill", id)
	}
	if s.list[i].arrived {
		return fmt.Errorf("data stream %s is there already", id)
	}
	c := s.list[i].stream.content
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != errPending {
		return c.err
	}
	c.open, c.err = open, nil
	if release != nil {
		c.release = release
		c.cleanup = runtime.AddCleanup(c, func(release func()) { release() }, release)
	}
	s.arrive(i)
	return nil
}

func (s *Streams) arrive(i int) {
	s.list[i].arrived = true
	s.pending--
}

// find returns the index of the entry with this id.
func (s *Streams) find(id uuid.UUID) (int, bool) {
	if len(s.list) < indexFrom {
		for i := range s.list {
			if s.list[i].id == id {
				return i, true
			}
		}
		return 0, false
	}
	if s.index == nil {
		s.index = make(map[uuid.UUID]int, 2*len(s.list))
	}
	for ; s.indexed < len(s.list); s.indexed++ {
		s.index[s.list[s.indexed].id] = s.indexed
	}
	i, ok := s.index[id]
	return i, ok
}

// Lookup returns the stream with this id.
func (s *Streams) Lookup(id uuid.UUID) (*DataStream, bool) {
	i, ok := s.find(id)
	if !ok {
		return nil, false
	}
	return s.list[i].stream, true
}

// Len is the number of streams, each id counted once.
func (s *Streams) Len() int {
	if s == nil {
		return 0
	}
	return len(s.list)
}

// All yields the streams with their ids, in the order of their husks.
func (s *Streams) All() iter.Seq2[uuid.UUID, *DataStream] {
	return func(yield func(uuid.UUID, *DataStream) bool) {
		for i := range s.list {
			if !yield(s.list[i].id, s.list[i].stream) {
				return
			}
		}
	}
}

// Pending is the number of bound streams whose frames have not come.
func (s *Streams) Pending() int {
	if s == nil {
		return 0
	}
	return s.pending
}

// Missing yields the ids of the bound streams whose frames have not come.
func (s *Streams) Missing() iter.Seq[uuid.UUID] {
	return func(yield func(uuid.UUID) bool) {
		for i := range s.list {
			e := &s.list[i]
			if e.bound && !e.arrived && !yield(e.id) {
				return
			}
		}
	}
}

// Fail says why the streams that have not come never will: to open one of them
// returns err.
func (s *Streams) Fail(err error) {
	for i := range s.list {
		if s.list[i].bound {
			s.list[i].stream.content.fail(err)
		}
	}
}

// CloseAll closes the received streams. Streams to send are not touched.
func (s *Streams) CloseAll() error {
	if s == nil {
		return nil
	}
	var errs []error
	for i := range s.list {
		if !s.list[i].bound {
			continue
		}
		if err := s.list[i].stream.Close(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// tempFile returns the file for the message's long streams, with a reference
// for the caller.
func (s *Streams) tempFile(o *ReaderOptions) (*tempFile, error) {
	if s.temp != nil && s.temp.retain() {
		return s.temp, nil
	}
	t, err := newTempFile(o.TempDir, o.Budget.spoolFilesAccount())
	if err != nil {
		return nil, err
	}
	s.temp = t
	return t, nil
}
