package wire

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestAddGivesEachOccurrenceAnID(t *testing.T) {
	var s Streams
	again := StreamBytes([]byte("twice"))
	var ids []uuid.UUID
	for range 2 {
		id, err := s.Add(again)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if ids[0] == ids[1] || s.Len() != 2 {
		t.Errorf("%v, %d streams", ids, s.Len())
	}
	for id, ds := range s.All() {
		if id != ids[0] || ds != again {
			t.Errorf("the first is %v", id)
		}
		break
	}
	if s.Pending() != 0 || len(slices.Collect(s.Missing())) != 0 {
		t.Error("streams to send are awaited")
	}
}

func TestAddRefuses(t *testing.T) {
	used := StreamOf(strings.NewReader("x"), 1)
	if _, err := used.Open(); err != nil {
		t.Fatal(err)
	}
	closed := newReceived(idA, 1)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		ds   *DataStream
		want string
	}{
		"nil":                   {nil, "without content"},
		"a zero value":          {new(DataStream), "without content"},
		"a negative size":       {StreamFunc(-1, nil), "a data stream of -1 bytes"},
		"one that is used":      {used, "make it with StreamFunc or StreamFile"},
		"one that is closed":    {closed, "closed"},
		"one that has not come": {newReceived(idA, 1), "has not come yet"},
	} {
		var s Streams
		if _, err := s.Add(test.ds); err == nil || !strings.Contains(err.Error(), test.want) || s.Len() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	var s Streams
	once := StreamOf(strings.NewReader("x"), 1)
	if _, err := s.Add(once); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(once.WithProgress(nil)); err == nil || !strings.Contains(err.Error(), "occurs twice in one message") || !strings.Contains(err.Error(), "StreamFunc") {
		t.Errorf("a second occurrence: %v", err)
	}
}

func TestSingleUseStreamIsSentOnce(t *testing.T) {
	once := StreamOf(strings.NewReader("x"), 1)
	send := func() error {
		var s Streams
		if _, err := s.Add(once); err != nil {
			return err
		}
		return WriteStreams(io.Discard, nil, &s)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if err := send(); !errors.Is(err, ErrStreamUsed) {
		t.Errorf("sent again: %v", err)
	}
	// Two calls that take it at the same time: one of them fails.
	once = StreamOf(strings.NewReader("x"), 1)
	var first, second Streams
	for _, s := range []*Streams{&first, &second} {
		if _, err := s.Add(once); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteStreams(io.Discard, nil, &first); err != nil {
		t.Fatal(err)
	}
	var stream *StreamError
	if err := WriteStreams(io.Discard, nil, &second); !errors.As(err, &stream) || !errors.Is(err, ErrStreamUsed) {
		t.Errorf("sent by another call: %v", err)
	}
}

func TestStreamsAreLimited(t *testing.T) {
	for limits, want := range map[Limits]int{{Streams: 3}: 3, {}: DefaultStreamsLimit} {
		for name, add := range map[string]func(*Streams) error{
			"Add":    func(s *Streams) error { _, err := s.Add(StreamBytes(nil)); return err },
			"Bind":   func(s *Streams) error { _, err := s.Bind(uuid.New(), 1); return err },
			"Allow":  func(s *Streams) error { return s.Allow(uuid.New(), 1) },
			"Expect": func(s *Streams) error { return s.Expect([]Husk{{ID: uuid.New(), Certain: true}}) },
		} {
			s := NewStreams(limits)
			for i := range want {
				if err := add(s); err != nil {
					t.Fatalf("%s %d: %v", name, i, err)
				}
			}
			var limit *LimitError
			if err := add(s); !errors.As(err, &limit) || limit.Limit != int64(want) || limit.Actual != int64(want)+1 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	var s Streams
	for range DefaultStreamsLimit {
		if _, err := s.Add(StreamBytes(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Add(StreamBytes(nil)); err == nil {
		t.Error("the zero value has no limit")
	}
	off := NewStreams(Limits{Streams: -1})
	for range DefaultStreamsLimit + 1 {
		if _, err := off.Add(StreamBytes(nil)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBindRefuses(t *testing.T) {
	s := NewStreams(Limits{})
	bind(t, s, idA, 3)
	var protocol *ProtocolError
	if _, err := s.Bind(idA, 4); !errors.As(err, &protocol) || !strings.Contains(err.Error(), "to have 3 bytes, as in another place of the message, found 4 bytes") {
		t.Errorf("%v", err)
	}
	if _, err := s.Bind(idB, -1); !errors.As(err, &protocol) {
		t.Errorf("%v", err)
	}
	if s.Len() != 1 || s.Pending() != 1 {
		t.Errorf("%d, %d", s.Len(), s.Pending())
	}
}

func TestManyStreamsAreFound(t *testing.T) {
	s := NewStreams(Limits{})
	var stream []byte
	ids := make([]uuid.UUID, 5000)
	for i := range ids {
		ids[i] = uuid.New()
		bind(t, s, ids[i], i%7)
		if found, ok := s.Lookup(ids[i/2]); !ok || found.Size() != int64(i/2%7) {
			t.Fatalf("stream %d is not found among %d", i/2, i)
		}
	}
	if _, ok := s.Lookup(uuid.New()); ok {
		t.Error("an unknown id is found")
	}
	slices.Reverse(ids)
	for i, id := range ids {
		stream = append(stream, frameOf(id, sample((len(ids)-1-i)%7))...)
	}
	r := readerOn(t, stream, nil)
	for n := len(ids); n > 4000; n-- {
		if s.Pending() != n {
			t.Fatalf("%d are missing, not %d", s.Pending(), n)
		}
		if _, err := r.ReadFrame(s); err != nil {
			t.Fatal(err)
		}
	}
	for id := range s.Missing() {
		if id != ids[len(ids)-1] {
			t.Errorf("the first that is missing is %v", id)
		}
		break
	}
	if err := r.ReadStreams(s); err != nil {
		t.Fatal(err)
	}
	for _, ds := range s.All() {
		wantBytes(t, ds, sample(int(ds.Size())))
	}
}

func TestFillFromAnotherPlace(t *testing.T) {
	s := NewStreams(Limits{})
	ds := bind(t, s, idA, 3)
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("abc")), nil }
	if err := s.Fill(idB, open); err == nil {
		t.Error("an unknown stream was filled")
	}
	if err := s.Fill(idA, open); err != nil || s.Pending() != 0 {
		t.Fatal(err, s.Pending())
	}
	if err := s.Fill(idA, open); err == nil {
		t.Error("filled twice")
	}
	wantBytes(t, ds, []byte("abc"))
	wantBytes(t, ds, []byte("abc"))
	if err := s.CloseAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := ds.Open(); !errors.Is(err, errClosed) {
		t.Errorf("%v", err)
	}
	gone := bind(t, s, idB, 3)
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Fill(idB, open); !errors.Is(err, errClosed) {
		t.Errorf("%v", err)
	}
}

func TestFailAndCloseAllLeaveStreamsToSendAlone(t *testing.T) {
	lost := errors.New("connection lost")
	received := NewStreams(Limits{})
	forwarded := bind(t, received, idA, 3)
	pending := bind(t, received, idB, 3)
	if err := received.Fill(idA, StreamBytes([]byte("abc")).Open); err != nil {
		t.Fatal(err)
	}
	// A service passes a received stream on to somebody else.
	var out Streams
	if _, err := out.Add(forwarded); err != nil {
		t.Fatal(err)
	}
	out.Fail(lost)
	if err := out.CloseAll(); err != nil {
		t.Fatal(err)
	}
	received.Fail(lost)
	if _, err := pending.Open(); err != lost {
		t.Errorf("%v", err)
	}
	var sent bytes.Buffer
	if err := WriteStreams(&sent, nil, &out); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(sent.Bytes(), []byte("abc")) {
		t.Errorf("%q", sent.Bytes())
	}
}

func TestCloseAllReportsWhatDrainingFound(t *testing.T) {
	s := NewStreams(Limits{})
	bind(t, s, idA, 100)
	if _, err := readerOn(t, frameOf(idA, sample(100))[:50], nil).OpenFrame(s, nil); err != nil {
		t.Fatal(err)
	}
	var stream *StreamError
	if err := s.CloseAll(); !errors.As(err, &stream) {
		t.Errorf("%v", err)
	}
}

func TestFilledStreamIsReleasedOnce(t *testing.T) {
	var s Streams
	ds, err := s.Bind(idA, 3)
	if err != nil {
		t.Fatal(err)
	}
	released := 0
	if err := s.FillUntil(idA, StreamBytes([]byte("abc")).Open, func() { released++ }); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, ds, []byte("abc"))
	if released != 0 {
		t.Error("it was released while it can be read")
	}
	for range 2 {
		if err := ds.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if released != 1 {
		t.Errorf("it was released %d times", released)
	}
}

func TestFilledStreamThatNobodyClosesIsReleased(t *testing.T) {
	released := make(chan struct{})
	func() {
		var s Streams
		if _, err := s.Bind(idA, 3); err != nil {
			t.Fatal(err)
		}
		if err := s.FillUntil(idA, StreamBytes([]byte("abc")).Open, func() { close(released) }); err != nil {
			t.Fatal(err)
		}
	}()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		runtime.GC()
		select {
		case <-released:
			return
		default:
			runtime.Gosched()
		}
	}
	t.Error("it is still held")
}
