package redisqueue

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func sealed(t testing.TB) *Sealed {
	t.Helper()
	s, err := NewSealed(bytes.Repeat([]byte{7}, SealingKeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var sample = Message{Endpoint: "poll://a/", ID: uuid.New(), Kind: KindRequest, Pins: "AAAA", Metadata: []byte("m")}

func TestWrappersUndoThemselves(t *testing.T) {
	plain := bytes.Repeat([]byte("message "), 1000)
	for _, ws := range []wrappers{nil, {Gzip{}}, {sealed(t)}, {sealed(t), Gzip{}}, {Gzip{}, sealed(t)}} {
		wrapped, err := ws.wrap(sample, plain)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ws.unwrap(sample, wrapped, int64(len(plain))); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%v: %d bytes, %v", ws, len(got), err)
		}
		if _, err := ws.unwrap(sample, wrapped, int64(len(plain))-1); err == nil {
			t.Errorf("%v: more than the limit is taken", ws)
		}
	}
	// The first is the nearest to Redis.
	wrapped, err := wrappers{Gzip{}, sealed(t)}.wrap(sample, plain)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(wrapped))
	if err != nil {
		t.Fatal(err)
	}
	if inner, err := io.ReadAll(r); err != nil || inner[0] != sealedVersion {
		t.Errorf("%v, %v", inner[:1], err)
	}
}

func TestGzipRefusesWhatIsNotItsOwn(t *testing.T) {
	whole, err := Gzip{}.Wrap(sample, []byte("message"))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrapped := range [][]byte{nil, []byte("message"), whole[:len(whole)-1], whole[:12]} {
		if _, err := (Gzip{}).Unwrap(sample, wrapped, 100); err == nil {
			t.Errorf("%q is taken", wrapped)
		}
	}
}

func TestSealedMessagesAreBound(t *testing.T) {
	s := sealed(t)
	wrapped, err := s.Wrap(sample, []byte("message"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Wrap(sample, []byte("message"))
	if err != nil || bytes.Equal(again, wrapped) {
		t.Errorf("sealed twice, the same: %v", err)
	}
	if bytes.Contains(wrapped, []byte("message")) {
		t.Error("the message is there to be read")
	}
	for name, change := range map[string]func(*Message){
		"endpoint": func(m *Message) { m.Endpoint = "poll://b/" },
		"id":       func(m *Message) { m.ID = uuid.New() },
		"kind":     func(m *Message) { m.Kind = KindResponse },
		"pins":     func(m *Message) { m.Pins = "" },
		"metadata": func(m *Message) { m.Metadata = nil },
		"boundary": func(m *Message) { m.Kind, m.Pins = m.Kind+"A", m.Pins[1:] },
	} {
		other := sample
		change(&other)
		if _, err := s.Unwrap(other, wrapped, 1000); err == nil {
			t.Errorf("with another %s it is taken", name)
		}
	}
	for i := range wrapped {
		changed := bytes.Clone(wrapped)
		changed[i] ^= 1
		if _, err := s.Unwrap(sample, changed, 1000); err == nil {
			t.Errorf("with byte %d changed it is taken", i)
		}
		if _, err := s.Unwrap(sample, wrapped[:i], 1000); err == nil {
			t.Errorf("the first %d bytes of it are taken", i)
		}
	}
}

func TestSealingKeysCanBeChanged(t *testing.T) {
	one, two := bytes.Repeat([]byte{1}, SealingKeySize), bytes.Repeat([]byte{2}, SealingKeySize)
	sealedBy := func(keys ...[]byte) *Sealed {
		s, err := NewSealed(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old, err := sealedBy(one).Wrap(sample, []byte("message"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sealedBy(two, one).Unwrap(sample, old, 1000); err != nil || string(got) != "message" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := sealedBy(two).Unwrap(sample, old, 1000); err == nil || !strings.Contains(err.Error(), "key that this node does not have") {
		t.Errorf("%v", err)
	}
	for _, keys := range [][][]byte{nil, {one[1:]}, {one, nil}} {
		if _, err := NewSealed(keys...); err == nil {
			t.Errorf("%d keys are taken", len(keys))
		}
	}
}
