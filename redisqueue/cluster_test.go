package redisqueue

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/queue/queuetest"
	"github.com/halibut-go/halibut/wire"
)

// startCluster starts three servers that share the slots.
func startCluster(t *testing.T) []*server {
	t.Helper()
	needServer(t)
	servers := make([]*server, 3)
	for i := range servers {
		servers[i] = startTCPServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", freePort(t))
	}
	const slots = 16384
	for i, s := range servers {
		first, last := i*slots/3, (i+1)*slots/3-1
		s.do(t, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
	}
	for _, s := range servers[1:] {
		bus := s.args[len(s.args)-1]
		servers[0].do(t, "CLUSTER", "MEET", "127.0.0.1", s.port, bus)
	}
	eventually(t, "the cluster is one", func() bool {
		for _, s := range servers {
			info := s.text(t, "CLUSTER", "INFO")
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3") {
				return false
			}
		}
		return true
	})
	return servers
}

func TestCluster(t *testing.T) {
	servers := startCluster(t)
	s := servers[0]
	t.Run("Commands", func(t *testing.T) {
		if n := commandsOfACall(t, servers...); n > 14 {
			t.Errorf("a call takes %.1f commands, want at most 14", n)
		}
	})
	t.Run("OneNode", func(t *testing.T) {
		queuetest.Run(t, func(t *testing.T) queue.Provider { return s.node(t, &Options{Prefix: rand.Text()}) })
	})
	t.Run("TwoNodes", func(t *testing.T) {
		queuetest.RunNodes(t, func(t *testing.T) (senders, collectors queue.Provider) {
			opts := &Options{Prefix: rand.Text()}
			return s.node(t, opts), s.node(t, opts)
		})
	})
	t.Run("PrefixWithBraces", func(t *testing.T) {
		p := s.node(t, &Options{Prefix: "{all in one slot}"})
		done := send(t.Context(), queueOf(t, p), queue.SendOptions{})
		next(t, queueOf(t, p)).Return(errors.New("the connection died"))
		respond(t, next(t, queueOf(t, p)))
		succeeds(t, done)
	})
	t.Run("LongCalls", func(t *testing.T) {
		a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := send(ctx, queueOf(t, a), queue.SendOptions{})
		d := next(t, queueOf(t, b))
		d.Started()
		eventually(t, "the node listens for the other's heartbeats", func() bool { return d.(*delivery).watched.beats.Load() != nil })
		cancel()
		fails(t, done, context.Canceled, queue.Started)
		endsSoon(t, d)
	})
}

// startSentinelSet starts a primary, a replica that follows it, and a Sentinel
// that knows both.
func startSentinelSet(t *testing.T) (primary, replica *server, url string) {
	t.Helper()
	primary, replica = startTCPServer(t, "--repl-diskless-sync-delay", "0"), startTCPServer(t)
	host, port := primary.address()
	replica.do(t, "REPLICAOF", host, port)
	eventually(t, "the replica follows", func() bool {
		return strings.Contains(replica.text(t, "INFO", "replication"), "master_link_status:up")
	})
	watcher := startSentinel(t, primary)
	eventually(t, "the Sentinel knows the replica", func() bool {
		return strings.Contains(watcher.text(t, "INFO", "sentinel"), "slaves=1")
	})
	return primary, replica, watcher.url() + "?master_set=tested"
}

// TestFailoverToAnEmptyReplica: what waited fails soon, with the reference's
// text, and what comes after goes to the new primary.
func TestFailoverToAnEmptyReplica(t *testing.T) {
	primary, replica, url := startSentinelSet(t)
	opts := &Options{AllowReplicas: true}
	a, b := nodeAt(t, url, opts, patiently), nodeAt(t, url, opts, patiently)
	waits := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	d.Started()
	uncollected := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	if n := primary.text(t, "WAIT", "1", "10000"); n != "1" {
		t.Fatalf("%s replicas have the request", n)
	}
	// The replica loses what it has before anybody can ask it.
	replica.do(t, "CONFIG", "SET", "replica-read-only", "no")
	primary.kill(t)
	replica.do(t, "FLUSHALL")
	for _, done := range []<-chan outcome{waits, uncollected} {
		e := fails(t, done, ErrDataLoss, queue.Started)
		if !strings.HasSuffix(e.Error(), " was cancelled because we detected that redis lost all of its data.") {
			t.Errorf("the text is not the reference's: %v", e)
		}
	}
	d.Respond(&wire.Response{ID: "1"}) // nobody reads it
	after := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	respond(t, next(t, queueOf(t, b)))
	succeeds(t, after)
}

// TestSentinel kills the primary that a Sentinel watches: what waited is there
// still, and goes on with the replica that takes over.
func TestSentinel(t *testing.T) {
	primary, _, url := startSentinelSet(t)
	if p, err := Open(t.Context(), url, nil); err == nil || !strings.Contains(err.Error(), "AllowReplicas") {
		if err == nil {
			_ = p.Close()
		}
		t.Errorf("replicas are taken without being asked for: %v", err)
	}
	opts := &Options{AllowReplicas: true}
	a, b := nodeAt(t, url, opts, patiently), nodeAt(t, url, opts, patiently)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	respond(t, next(t, queueOf(t, b)))
	succeeds(t, done)

	done = send(t.Context(), queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	if n := primary.text(t, "WAIT", "1", "10000"); n != "1" {
		t.Fatalf("%s replicas have the request", n)
	}
	primary.kill(t)
	respond(t, next(t, queueOf(t, b))) // once the replica has taken over
	succeeds(t, done)
}
