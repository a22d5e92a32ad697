package redisqueue

import (
	"context"
	"crypto/rand"
	"strconv"
	"testing"
	"time"

	"github.com/halibut-go/halibut/queue"
)

func attends(t *testing.T, p *Provider) map[string]queue.Attendance {
	t.Helper()
	all, err := p.Attendances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]queue.Attendance)
	for _, a := range all {
		found[a.Subscription+" "+a.Peer.Thumbprint] = a
	}
	return found
}

// Each node knows who collects on the others, how many and how busy they are;
// of itself it is not told.
func TestAttendances(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, hasty), s.node(t, nil, hasty)
	other := queue.Peer{Thumbprint: "BBBB", SHA256: "SHA256:b", Addr: "192.0.2.2:2"}
	leave := a.Attend("poll://a/", peer)
	again := a.Attend("poll://a/", peer)
	a.Attend("poll://a/", other)
	a.Attend("poll://b/", peer)
	eventually(t, "the other node knows them", func() bool { return len(attends(t, b)) == 3 })
	at := attends(t, b)["poll://a/ AAAA"]
	if at.Peer != (queue.Peer{Thumbprint: peer.Thumbprint, SHA256: peer.SHA256, Addr: peer.Addr}) || at.Connections != 2 || at.Busy != 0 || at.Node != a.node || time.Since(at.Since) > time.Minute {
		t.Errorf("%+v", at)
	}
	if len(attends(t, a)) != 0 {
		t.Error("a node is told of itself")
	}

	leave()
	leave() // does nothing
	eventually(t, "one connection has left", func() bool { return attends(t, b)["poll://a/ AAAA"].Connections == 1 })
	again()
	eventually(t, "both have left", func() bool { _, there := attends(t, b)["poll://a/ AAAA"]; return !there })

	done := send(t.Context(), queueOf(t, b), queue.SendOptions{})
	d, err := queueOf(t, a).Next(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if n := a.busy()[attendanceKey{"poll://a/", pinsOf(other)}]; n != 1 {
		t.Errorf("%d requests are held", n)
	}
	respond(t, d)
	succeeds(t, done)

	s.do(t, "FLUSHALL") // and the node says it again
	eventually(t, "the other node knows again", func() bool { return len(attends(t, b)) == 2 })
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if at := attends(t, b); len(at) != 0 {
		t.Errorf("a node that has gone is still there: %v", at)
	}
	if keys := s.do(t, "EXISTS", a.keys.attendances(a.node)); keys != `{"Value":0,"Type":"int64"}` {
		t.Errorf("its key is left: %s", keys)
	}
}

// What a dead node has left expires, and what cannot be read is passed over.
func TestAttendancesOfTheDead(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, hasty), s.node(t, nil, hasty)
	a.Attend("poll://a/", peer)
	eventually(t, "the other node knows", func() bool { return len(attends(t, b)) == 1 })
	if ttl := s.ttl(t, a.keys.attendances(a.node)); ttl < 1 || ttl > 60 {
		t.Errorf("it stays for %d seconds", ttl)
	}
	for field, value := range map[string]string{"x": "no JSON", "y": `{"connections":-1}`, "z": `{"subscription":"poll://z/","connections":1,"busy":-7}`} {
		s.do(t, "HSET", b.keys.attendances("another"), field, value)
	}
	s.do(t, "ZADD", b.keys.nodes(), "1", "another", "2", "long dead")
	if at := attends(t, b); len(at) != 2 || at["poll://z/ "].Busy != 0 {
		t.Errorf("%v", at)
	}
	if n := s.text(t, "ZCARD", b.keys.nodes()); n != "2" {
		t.Errorf("%s nodes are known, want the two that have somebody", n)
	}
	s.do(t, "SET", b.keys.attendances("taken"), "something else")
	s.do(t, "ZADD", b.keys.nodes(), "1", "taken")
	if _, err := b.Attendances(t.Context()); err == nil {
		t.Error("a key of another kind is no error")
	}
}

func TestAllStats(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil), s.node(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := send(ctx, queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	names := []string{"poll://none/"}
	for range 1200 { // more than fit into one command
		names = append(names, "poll://"+rand.Text()+"/")
	}
	names = append(names, "poll://a/")
	for _, p := range []*Provider{a, b} {
		all, err := p.AllStats(t.Context(), names)
		if err != nil || len(all) != len(names) {
			t.Fatal(len(all), err)
		}
		last := all[len(all)-1]
		if last.Length != 1 || time.Since(last.Oldest).Abs() > time.Minute || all[0] != (queue.Stats{}) {
			t.Errorf("%+v, %+v", last, all[0])
		}
	}
	cancel()
	await(t, done)
}

// A node with very many peers writes them in few commands.
func TestManyAttendances(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, hasty), s.node(t, nil, hasty)
	const peers = 3000
	for i := range peers {
		a.Attend("poll://"+strconv.Itoa(i)+"/", peer)
	}
	eventually(t, "the other node knows them", func() bool { return len(attends(t, b)) == peers })
}
