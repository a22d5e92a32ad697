package redisqueue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

func endsSoon(t *testing.T, d queue.Delivery) {
	t.Helper()
	select {
	case <-d.Context().Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the exchange goes on")
	}
}

// .NET nodes tell of a cancellation by a message and a marker; either is enough.
func TestDotNetSenderCancels(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	for name, cancel := range map[string]func(keys *endpointKeys, id string){
		"message": func(keys *endpointKeys, id string) {
			eventually(t, "the node listens", func() bool {
				return s.text(t, "PUBSUB", "NUMSUB", keys.requestCancelled(id)) != "0"
			})
			s.do(t, "PUBLISH", keys.requestCancelled(id), "{}")
		},
		"marker": func(keys *endpointKeys, id string) { s.do(t, "SET", keys.markerKey(id), "{}", "EX", "900") },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			done := send(ctx, queueOf(t, a), queue.SendOptions{})
			d := next(t, queueOf(t, b))
			cancel(b.keys.endpoint("poll://a/", b.node), d.(*delivery).id.String())
			endsSoon(t, d)
			if d.Started() {
				t.Error("the request may still be sent")
			}
			stop()
			await(t, done)
		})
	}
}

// A request that was cancelled before anybody collected it, by a node that did
// not remove it, is not collected.
func TestMarkedRequestIsNotCollected(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := send(ctx, queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	keys := a.keys.endpoint("poll://a/", a.node)
	s.do(t, "SET", keys.markerKey(s.text(t, "LINDEX", keys.list, "0")), "{}", "EX", "900")
	nothing(t, b)
	stop()
	await(t, done)
}

// Both sides beat as long as a call lasts, and say nothing when it is short.
func TestHeartbeats(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	d.Started()
	keys, id := a.keys.endpoint("poll://a/", a.node), d.(*delivery).id.String()
	senders, processors := s.messages(t, keys.senderBeats(id)), s.messages(t, keys.processorBeats(id))
	for range 3 {
		for _, beats := range []<-chan string{senders, processors} {
			if text := receive(t, beats); text != nothingSent {
				t.Errorf("the heartbeat is %q", text)
			}
		}
	}
	respond(t, d)
	succeeds(t, done)
}

// A request of a .NET node names a thumbprint, which .NET does not compare: a
// service with another certificate does not get it, and the right one does.
func TestDotNetRequestIsForOneService(t *testing.T) {
	s := startServer(t)
	p := s.node(t, nil, patiently)
	q, keys := queueOf(t, p), p.keys.endpoint("poll://a/", p.node)
	id := uuid.New()
	document, err := wire.AppendQueueRequest(nil, &wire.Request{
		ID: "for one", ActivityID: id, Service: "IEchoService", Method: "SayHello",
		Endpoint: &wire.Endpoint{BaseURI: "poll://a/", RemoteThumbprint: "bbbb"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.do(t, "HMSET", keys.requestKey(id.String()), fieldMessage, string(document), fieldMetadata, "")
	s.do(t, "EXPIRE", keys.requestKey(id.String()), "240")
	s.do(t, "RPUSH", keys.list, id.String())
	s.do(t, "PUBLISH", keys.pulse, "{}")
	for range 2 {
		if d, ok := q.TryNext(peer); ok {
			t.Fatalf("request %s went to another service", d.Request().ID)
		}
	}
	queued(t, q, 1)
	d, ok := q.TryNext(queue.Peer{Thumbprint: "BBBB"})
	if !ok || d.Request().ID != "for one" {
		t.Fatal("the right service does not get it")
	}
	d.Started()
	d.Fail(errors.New("the service has broken down"))
	eventually(t, "the sender is told", func() bool {
		stored := s.hash(t, keys.responseKey(id.String()))
		response, err := wire.ParseQueueResponse([]byte(stored[fieldMessage]), 0)
		return err == nil && response.ID == "for one" && response.Error != nil && response.Error.Details != "" && stored[fieldFailure] == ""
	})
}

// TestCancelsAsDotNetDoes: a .NET node that has collected a request of ours is
// told that nobody waits, by the message and by the marker, whichever it looks at.
func TestCancelsAsDotNetDoes(t *testing.T) {
	s := startServer(t)
	p := s.node(t, nil, patiently)
	q, keys := queueOf(t, p), p.keys.endpoint("poll://a/", p.node)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := send(ctx, q, queue.SendOptions{})
	queued(t, q, 1)
	id := s.text(t, "LPOP", keys.list)
	if n := s.text(t, "DEL", keys.requestKey(id)); n != "1" {
		t.Fatalf("removing the request returns %s", n)
	}
	cancellations := s.messages(t, keys.requestCancelled(id))
	cancel()
	fails(t, done, context.Canceled, queue.Started)
	if text := receive(t, cancellations); text != "{}" {
		t.Errorf("published was %q", text)
	}
	if text := s.text(t, "GET", keys.markerKey(id)); text != "{}" {
		t.Errorf("the marker is %q", text)
	}
	if ttl := s.ttl(t, keys.markerKey(id)); ttl < 895 {
		t.Errorf("the marker lives %d seconds, .NET's 900", ttl)
	}
}
