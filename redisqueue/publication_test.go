package redisqueue

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

func FuzzPublication(f *testing.F) {
	id := uuid.NewString()
	for _, a := range []answer{
		{},
		{payload: payload{message: []byte("message"), metadata: []byte("metadata")}, failure: []byte("failure")},
		{payload: payload{message: make([]byte, publishedAtMost+1)}},
	} {
		f.Add(a.publication(id))
	}
	f.Add("")
	f.Add(id + "\xff\xff\xff\xff")
	f.Add(id + "\x00\x00\x00\x00")
	f.Fuzz(func(t *testing.T, published string) {
		id, a, ok := parsePublication(published)
		if !ok || a == nil {
			return
		}
		if again := a.publication(id); len(published) <= publishedAtMost && again != published {
			t.Errorf("%q is read as what would be written as %q", published, again)
		}
	})
}

func FuzzFailure(f *testing.F) {
	for _, failed := range []*failure{
		newFailure(queue.Started, queue.Peer{Addr: "192.0.2.1:1"}, ErrAbandoned),
		returnedLate(queue.Peer{}, nil),
	} {
		b, err := failed.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"stage":256}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if failed, err := parseFailure(b); err == nil && failed == nil {
			t.Errorf("%q is neither a failure nor an error", b)
		}
	})
}

// A response that is too long to be published is only announced, and fetched.
func TestLongResponse(t *testing.T) {
	s := shared(t)
	opts := &Options{Prefix: rand.Text()}
	a, b := s.node(t, opts), s.node(t, opts)
	want := strings.Repeat("long ", publishedAtMost)
	result, err := (&wire.Codec{}).EncodeResult(nil, nil, want)
	if err != nil {
		t.Fatal(err)
	}
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	d.Started()
	d.Respond(&wire.Response{ID: "1", Result: result})
	o := await(t, done)
	if o.err != nil {
		t.Fatal(o.err)
	}
	if !bytes.Contains(o.response.Result.Data, []byte(want)) {
		t.Errorf("the result has %d bytes", len(o.response.Result.Data))
	}
}

// What anybody may publish on a node's channel does no harm.
func TestForeignPublications(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil), s.node(t, nil)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	for _, text := range []string{"", "{}", uuid.NewString(), strings.Repeat("x", 40), d.(*delivery).id.String(), d.(*delivery).id.String() + "\xff"} {
		s.do(t, "PUBLISH", a.keys.node(a.node), text)
		s.do(t, "PUBLISH", a.keys.cancelled(), text+"x")
	}
	respond(t, d)
	succeeds(t, done)
}

// One command collects for all who wait.
func TestClaimsTogether(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil), s.node(t, nil)
	q := queueOf(t, b)
	const n = 40
	var sent []<-chan outcome
	for range n {
		sent = append(sent, send(t.Context(), queueOf(t, a), queue.SendOptions{}))
	}
	queued(t, q, n)
	collected := make(chan error, n)
	for range n {
		go func() {
			d, err := q.Next(t.Context(), peer)
			if err == nil {
				d.Started()
				d.Respond(&wire.Response{ID: "1"})
			}
			collected <- err
		}()
	}
	for range n {
		if err := <-collected; err != nil {
			t.Fatal(err)
		}
	}
	for _, done := range sent {
		succeeds(t, done)
	}
}
