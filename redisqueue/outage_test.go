package redisqueue

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// realOutage is longer than one command is waited for at the limits that nodes
// really have, and shorter than all attempts at a step.
const realOutage = 10 * time.Second

// TestTenSecondsWithoutAnAnswer: Redis stands still for ten seconds, at the
// limits that nodes really have.
func TestTenSecondsWithoutAnAnswer(t *testing.T) {
	goneForTenSeconds(t, (*server).outage)
}

// TestTenSecondsWithoutConnections: Redis is ended, and is back after ten
// seconds with what it had.
func TestTenSecondsWithoutConnections(t *testing.T) {
	goneForTenSeconds(t, func(s *server, t *testing.T, during func()) {
		s.do(t, "SAVE")
		s.kill(t)
		during()
		s.start(t)
	})
}

// goneForTenSeconds has calls in all their stages live through one outage: all
// end as if there had been none, each once, and none runs twice.
func goneForTenSeconds(t *testing.T, outage func(s *server, t *testing.T, during func())) {
	if testing.Short() {
		t.Skip("it takes more than ten seconds")
	}
	t.Parallel()
	s := startServer(t)
	var during, after []func()
	for _, prepare := range []func(t *testing.T, a, b *Provider) (during, after func()){
		callWaits, collectorWaits, callIsWorkedOn, responseIsStored, requestIsReturned, callerLeaves, agentIsCalled,
	} {
		d, f := prepare(t, s.node(t, nil), s.node(t, nil))
		during, after = append(during, d), append(after, f)
	}
	outage(s, t, func() {
		gone := time.After(realOutage)
		for _, do := range during {
			do()
		}
		<-gone
	})
	for _, check := range after {
		check()
	}
}

// inQueue is a queue of a test's own on a node.
func inQueue(t *testing.T, p *Provider, name string) queue.Queue {
	t.Helper()
	q, err := p.Queue("poll://" + name + "/")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// isEmpty checks that a node has nothing more to collect and nothing in hand.
func isEmpty(t *testing.T, q queue.Queue) {
	t.Helper()
	if d, ok := q.TryNext(peer); ok {
		t.Errorf("request %s was delivered again", d.Request().ID)
	}
	eventually(t, "the node has nothing in hand", func() bool { s := q.Stats(); return s.Length == 0 && s.Collected == 0 })
}

func callWaits(t *testing.T, a, b *Provider) (during, after func()) {
	from, to := inQueue(t, a, "waits"), inQueue(t, b, "waits")
	done := send(t.Context(), from, queue.SendOptions{})
	queued(t, from, 1)
	return func() {}, func() {
		respond(t, next(t, to))
		succeeds(t, done)
		isEmpty(t, to)
	}
}

// The call is made while Redis is away, and waits to be queued.
func collectorWaits(t *testing.T, a, b *Provider) (during, after func()) {
	from, to := inQueue(t, a, "collector"), inQueue(t, b, "collector")
	collected := make(chan queue.Delivery, 1)
	go func() {
		d, err := to.Next(t.Context(), peer)
		if err != nil {
			t.Error(err)
		}
		collected <- d
	}()
	eventually(t, "the collector waits", func() bool { return to.Stats().Waiting == 1 })
	var done <-chan outcome
	return func() { done = send(t.Context(), from, queue.SendOptions{}) }, func() {
		respond(t, <-collected)
		succeeds(t, done)
		isEmpty(t, to)
	}
}

func callIsWorkedOn(t *testing.T, a, b *Provider) (during, after func()) {
	from, to := inQueue(t, a, "worked"), inQueue(t, b, "worked")
	done := send(t.Context(), from, queue.SendOptions{})
	d := next(t, to)
	if !d.Started() {
		t.Fatal("nobody waits")
	}
	return func() {}, func() {
		if err := d.Context().Err(); err != nil {
			t.Errorf("the outage ended the exchange: %v", err)
		}
		if !d.Respond(&wire.Response{ID: "1"}) {
			t.Error("nobody waits")
		}
		succeeds(t, done)
		isEmpty(t, to)
	}
}

func responseIsStored(t *testing.T, a, b *Provider) (during, after func()) {
	from, to := inQueue(t, a, "stored"), inQueue(t, b, "stored")
	done := send(t.Context(), from, queue.SendOptions{})
	d := next(t, to)
	return func() { respond(t, d) }, func() {
		succeeds(t, done)
		isEmpty(t, to)
	}
}

func requestIsReturned(t *testing.T, a, b *Provider) (during, after func()) {
	from, to := inQueue(t, a, "returned"), inQueue(t, b, "returned")
	done := send(t.Context(), from, queue.SendOptions{})
	d := next(t, to)
	return func() { d.Return(context.DeadlineExceeded) }, func() {
		respond(t, next(t, to))
		succeeds(t, done)
		isEmpty(t, to)
	}
}

// A caller does not wait for Redis to leave, and its request does not run.
func callerLeaves(t *testing.T, a, b *Provider) (during, after func()) {
	from, to := inQueue(t, a, "leaves"), inQueue(t, b, "leaves")
	ctx, cancel := context.WithCancel(t.Context())
	done := send(ctx, from, queue.SendOptions{})
	queued(t, from, 1)
	return func() {
			cancel()
			fails(t, done, context.Canceled, queue.Started)
		}, func() {
			queued(t, from, 0)
			isEmpty(t, to)
		}
}

// An agent's connection is the same before and after, and the calls that were
// made meanwhile succeed.
func agentIsCalled(t *testing.T, a, b *Provider) (during, after func()) {
	var lost atomic.Int32
	connectAgent(t, &halibut.Options{Queues: b, Trace: &halibut.Trace{Disconnected: func(halibut.Connection, error) { lost.Add(1) }}})
	c := newRuntime(t, "caller", &halibut.Options{Queues: a}).Client(endpoint(t, "poll://agent"))
	called := make(chan error, 3)
	call := func() { called <- c.Call(t.Context(), "IWork", "SayHello", nil, "x") }
	call()
	if err := <-called; err != nil {
		t.Fatal(err)
	}
	return func() {
			for range cap(called) {
				go call()
			}
		}, func() {
			for range cap(called) {
				if err := <-called; err != nil {
					t.Error(err)
				}
			}
			if n := lost.Load(); n != 0 {
				t.Errorf("%d connections were lost", n)
			}
		}
}
