package redisqueue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// collect has a collector wait until the test ends, or departs.
func collect(t *testing.T, p *Provider) (collected <-chan queue.Delivery, depart func()) {
	t.Helper()
	q := queueOf(t, p)
	waiting := q.Stats().Waiting
	got, gone := make(chan queue.Delivery, 1), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(gone)
		if d, err := q.Next(ctx, peer); err == nil {
			got <- d
		}
	}()
	eventually(t, "the collector waits", func() bool { return q.Stats().Waiting > waiting })
	depart = func() { cancel(); <-gone }
	t.Cleanup(depart)
	return got, depart
}

func collected(t *testing.T, from <-chan queue.Delivery) queue.Delivery {
	t.Helper()
	select {
	case d := <-from:
		return d
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was collected")
		return nil
	}
}

// beReady makes a call from one node to another, and has a collector wait there
// after it: what is sent next is handed over.
func beReady(t *testing.T, s *server, from, to *Provider) (next <-chan queue.Delivery, depart func()) {
	t.Helper()
	first, _ := collect(t, to)
	done := send(t.Context(), queueOf(t, from), queue.SendOptions{})
	respond(t, collected(t, first))
	succeeds(t, done)
	next, depart = collect(t, to)
	eventually(t, "the others know that it waits", func() bool { return slices.Contains(s.ready(t, to), readyEntry(to.node, peer)) })
	return next, depart
}

// ready is the list of those who are ready for the queue of queueOf.
func (s *server) ready(t *testing.T, p *Provider) []string {
	t.Helper()
	client, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	entries, err := client.Do(t.Context(), client.B().Lrange().Key(p.keys.endpoint("poll://a/", "").ready).Start(0).Stop(-1).Build()).AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// wasHanded reports whether a request was handed to a node, or claimed by it.
func wasHanded(p *Provider, d queue.Delivery) bool { return p.told.has(d.(*delivery).id) }

// TestHandover: a request goes to a collector that waits in one step, its
// message with it while it is short.
func TestHandover(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	for name, argument := range map[string]int{"short": 10, "long": 2 * handedAtMost} {
		t.Run(name, func(t *testing.T) {
			got, _ := beReady(t, s, a, b)
			pulses := s.messages(t, b.keys.endpoint("poll://a/", "").pulse)
			req := &wire.Request{ID: "1", ActivityID: uuid.New(), Service: strings.Repeat("s", argument), Method: "SayHello"}
			done := make(chan outcome, 1)
			go func() {
				r, err := queueOf(t, a).Send(t.Context(), req, queue.SendOptions{})
				done <- outcome{r, err}
			}()
			d := collected(t, got)
			if !wasHanded(b, d) || d.Request().Service != req.Service || d.Request().ActivityID != req.ActivityID {
				t.Errorf("%v, request %s", wasHanded(b, d), d.Request().ActivityID)
			}
			keys := b.keys.endpoint("poll://a/", "")
			if claimer := s.hash(t, keys.claimKey(req.ActivityID.String()))[fieldClaimer]; claimer != b.node {
				t.Errorf("it was claimed by %q", claimer)
			}
			for _, key := range s.keys(t) {
				if s.text(t, "PTTL", key) == "-1" {
					t.Errorf("%s has no expiry", key)
				}
			}
			respond(t, d)
			succeeds(t, done)
			if len(pulses) > 0 {
				t.Error("everybody was told")
			}
		})
	}
}

// TestHandoverOnOneNode: caller and collector may be the same node.
func TestHandoverOnOneNode(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	got, _ := beReady(t, s, a, b)
	done := send(t.Context(), queueOf(t, b), queue.SendOptions{})
	d := collected(t, got)
	if !wasHanded(b, d) {
		t.Error("it was not handed over")
	}
	respond(t, d)
	succeeds(t, done)
}

// TestHandoverToNobody: a node whose collectors have left, or that is closed, or
// gone, keeps nothing from the others.
func TestHandoverToNobody(t *testing.T) {
	for name, leave := range map[string]func(p *Provider, depart func()){
		"the collector has left": func(_ *Provider, depart func()) { depart() },
		"the node was closed":    func(p *Provider, _ func()) { _ = p.Close() },
		"the node has crashed":   func(p *Provider, _ func()) { crash(p) },
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t)
			a, b, c := s.node(t, nil, patiently), s.node(t, nil, patiently), s.node(t, nil, patiently)
			_, depart := beReady(t, s, a, b)
			leave(b, depart)
			eventually(t, "nobody listens for the node", func() bool {
				return name == "the collector has left" || s.text(t, "PUBSUB", "NUMSUB", b.keys.handed(b.node)) == "0"
			})
			got, _ := collect(t, c)
			done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
			respond(t, collected(t, got))
			succeeds(t, done)
			if entries := s.ready(t, a); slices.Contains(entries, readyEntry(b.node, peer)) {
				t.Errorf("the list still has %q", entries)
			}
		})
	}
}

// TestHandoverIsLost: the sender tells the node again, which takes the request
// once, however often it is told.
func TestHandoverIsLost(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	got, _ := beReady(t, s, a, b)
	var told atomic.Int32
	b.channels.mu.Lock()
	b.handovers.message = func(published string) {
		if told.Add(1) > 1 {
			b.handed(published)
			b.handed(published)
		}
	}
	b.channels.mu.Unlock()
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := collected(t, got)
	again, _ := collect(t, b)
	respond(t, d)
	succeeds(t, done)
	a.handed("no message at all")
	unknown := handover{id: uuid.NewString(), endpoint: "poll://unknown/", sender: b.node}
	a.handed(text(unknown.head()))
	// What comes next is another request.
	done = send(t.Context(), queueOf(t, a), queue.SendOptions{})
	next := collected(t, again)
	if next.(*delivery).id == d.(*delivery).id {
		t.Error("the request was delivered twice")
	}
	respond(t, next)
	succeeds(t, done)
}

// TestHandoverRepeated: when the reply to queuing a request was lost, it is sent
// again, and does not go to anybody else.
func TestHandoverRepeated(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	got, _ := beReady(t, s, a, b)
	id := uuid.New()
	message, err := wire.AppendQueueRequest(nil, &wire.Request{ID: "1", ActivityID: id})
	if err != nil {
		t.Fatal(err)
	}
	r := newRequest{id: id.String(), payload: payload{message: message}, life: time.Minute}
	for range 2 {
		claimer, err := a.storage.enqueue(t.Context(), a.keys.endpoint("poll://a/", a.node), r)
		if err != nil || claimer != b.node {
			t.Errorf("%q, %v", claimer, err)
		}
		if n := queueOf(t, a).Stats().Length; n != 0 {
			t.Errorf("%d wait in the queue", n)
		}
	}
	if d := collected(t, got); d.(*delivery).id != id {
		t.Errorf("request %s was collected", d.(*delivery).id)
	}
}

// TestHandoverKeepsPins: a request that is bound to others is not for whoever is
// ready, and what waits comes first.
func TestHandoverKeepsPins(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	got, _ := beReady(t, s, a, b)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	bound := send(ctx, queueOf(t, a), queue.SendOptions{Pins: []string{"BBBB"}})
	queued(t, queueOf(t, a), 1)
	if entries := s.ready(t, a); len(entries) != 1 {
		t.Errorf("the list has %q", entries)
	}
	second := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := collected(t, got)
	if wasHanded(b, d) {
		t.Error("a request has overtaken another")
	}
	respond(t, d)
	succeeds(t, second)
	cancel()
	fails(t, bound, context.Canceled, queue.Queued)

	got, _ = beReady(t, s, a, b)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{Pins: []string{"BBBB", peer.SHA256}})
	if d = collected(t, got); !wasHanded(b, d) {
		t.Error("it was not handed over")
	}
	respond(t, d)
	succeeds(t, done)
}

// A request that was handed over can be given back, cancelled, and lost with its
// node, as any other.
func TestHandedRequestEnds(t *testing.T) {
	s := startServer(t)
	a, b, c := s.node(t, nil, patiently), s.node(t, nil, patiently), s.node(t, nil, patiently)
	got, _ := beReady(t, s, a, b)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	collected(t, got).Return(errors.New("the connection died"))
	respond(t, next(t, queueOf(t, c)))
	succeeds(t, done)

	got, _ = beReady(t, s, a, b)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done = send(ctx, queueOf(t, a), queue.SendOptions{})
	d := collected(t, got)
	cancel()
	fails(t, done, context.Canceled, queue.Started)
	endsSoon(t, d)

	hurried := s.node(t, nil, hasty)
	got, _ = beReady(t, s, hurried, b)
	done = send(t.Context(), queueOf(t, hurried), queue.SendOptions{})
	if d := collected(t, got); !wasHanded(b, d) {
		t.Error("it was not handed over")
	}
	crash(b)
	fails(t, done, ErrOffline, queue.Started)
}

func FuzzHandover(f *testing.F) {
	h := handover{id: uuid.NewString(), endpoint: "poll://a/", pins: "A B", sender: "node", life: time.Minute, payload: payload{message: []byte("message"), metadata: []byte("{}")}}
	f.Add(text(h.head()))
	f.Add(text(h.head()) + "message")
	f.Add(text(h.head()) + "messag")
	f.Fuzz(func(t *testing.T, published string) {
		h, ok := parseHandover(published)
		if !ok {
			return
		}
		if h.life < 0 || h.whole && !strings.HasSuffix(published, string(h.payload.message)) {
			t.Errorf("%+v", h)
		}
	})
}

// A long request is only announced, also when the streams make it long.
func TestHandoverOfLongRequests(t *testing.T) {
	keys := newKeyspace("p", "").endpoint("poll://a/", "node")
	long, short := make([]byte, handedAtMost), []byte("{}")
	for _, p := range []payload{{message: long, metadata: short}, {message: short, metadata: long}} {
		h, follows := newHandover(keys, "node", newRequest{id: uuid.NewString(), payload: p})
		if n := len(h.head()); follows || n > 1000 {
			t.Errorf("%d bytes, and the message follows: %v", n, follows)
		}
	}
}

func TestParseHandover(t *testing.T) {
	h := handover{id: uuid.NewString(), endpoint: "poll://a/", pins: "A B", sender: "node", life: time.Minute, payload: payload{message: []byte("message"), metadata: []byte("{}")}}
	announced := text(h.head())
	whole := announced + "message"
	for n := range len(whole) {
		if _, ok := parseHandover(whole[:n]); ok != (n == len(announced)) {
			t.Errorf("%d bytes of %d are read as a message: %v", n, len(whole), ok)
		}
	}
	got, ok := parseHandover(whole)
	if !ok || !got.whole || got.id != h.id || got.endpoint != h.endpoint || got.pins != h.pins || got.sender != h.sender || got.life != h.life ||
		string(got.payload.message) != "message" || string(got.payload.metadata) != "{}" {
		t.Errorf("%+v", got)
	}
	if got, ok := parseHandover(announced); !ok || got.whole {
		t.Errorf("%+v, %v", got, ok)
	}
}
