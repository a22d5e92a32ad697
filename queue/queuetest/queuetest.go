// Package queuetest is the suite that every implementation of queue.Queue must
// pass. It works with real time, so that it can be run against a queue whose
// nodes meet elsewhere; where a test is about time it uses short limits, and it
// waits for what must happen, not for time to pass.
package queuetest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

const (
	// patience is how long the suite waits for what must happen at once.
	patience = 20 * time.Second

	// shortPickUp is the pick-up limit where a test waits for its end.
	shortPickUp = 150 * time.Millisecond
)

// Run checks the queues of one Provider: callers and collectors share it. Open
// is called once for each test; the suite closes what it returns.
func Run(t *testing.T, open func(t *testing.T) queue.Provider) {
	RunNodes(t, func(t *testing.T) (senders, collectors queue.Provider) {
		p := open(t)
		return p, p
	})
}

// RunNodes checks queues whose callers and collectors are on different nodes.
// What no queue can promise then is left out: that the node of the caller knows
// the very moment at which the other one began to send.
func RunNodes(t *testing.T, open func(t *testing.T) (senders, collectors queue.Provider)) {
	for _, group := range [][]test{exchangeTests, collectTests, limitTests, cancelTests, returnTests, pinTests, closeTests, randomTests} {
		for _, test := range group {
			t.Run(test.name, func(t *testing.T) {
				f := &fixture{T: t, subscription: "poll://queuetest-" + rand.Text() + "/"}
				f.senders, f.collectors = open(t)
				t.Cleanup(func() {
					if err := errors.Join(f.senders.Close(), f.collectors.Close()); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				f.sender = f.queue(f.senders, f.subscription)
				f.collector = f.queue(f.collectors, f.subscription)
				test.run(f)
			})
		}
	}
}

type test struct {
	name string
	run  func(*fixture)
}

var (
	alice = queue.Peer{Thumbprint: "A11CE00000000000000000000000000000000000", SHA256: "SHA256:alice", Addr: "192.0.2.1:1000", Connection: 1}
	bob   = queue.Peer{Thumbprint: "B0B0000000000000000000000000000000000000", SHA256: "SHA256:bob", Addr: "192.0.2.2:2000", Connection: 2}
)

// fixture is one subscription's queue, as its callers and as its collectors see
// it.
type fixture struct {
	*testing.T
	subscription        string
	senders, collectors queue.Provider
	sender, collector   queue.Queue
}

// apart reports whether callers and collectors are on different nodes.
func (f *fixture) apart() bool { return f.senders != f.collectors }

func (f *fixture) queue(p queue.Provider, subscription string) queue.Queue {
	f.Helper()
	q, err := p.Queue(subscription)
	if err != nil {
		f.Fatalf("Queue(%q): %v", subscription, err)
	}
	return q
}

// eventually waits until a state is reached that nothing announces.
func (f *fixture) eventually(what string, reached func() bool) {
	f.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !reached(); <-ticker.C {
		if time.Now().After(deadline) {
			f.Fatalf("after %v not yet: %s", patience, what)
		}
	}
}

func request(id string) *wire.Request {
	return &wire.Request{ID: id, ActivityID: uuid.New(), Service: "IEchoService", Method: "SayHello"}
}

func response(id string) *wire.Response { return &wire.Response{ID: id} }

// sending is a Send that runs.
type sending struct {
	f        *fixture
	id       string
	cancel   context.CancelFunc
	done     chan struct{} // closed when what follows is set
	response *wire.Response
	err      error
}

func (f *fixture) start(ctx context.Context, req *wire.Request, opts queue.SendOptions) *sending {
	ctx, cancel := context.WithCancel(ctx)
	s := &sending{f: f, id: req.ID, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.response, s.err = f.sender.Send(ctx, req, opts)
	}()
	f.Cleanup(func() { cancel(); <-s.done })
	return s
}

// enqueue starts a Send and waits until it is in the queue.
func (f *fixture) enqueue(id string, opts queue.SendOptions) *sending {
	f.Helper()
	return f.enqueueRequest(request(id), opts)
}

func (f *fixture) enqueueRequest(req *wire.Request, opts queue.SendOptions) *sending {
	f.Helper()
	before := f.sender.Stats().Length
	s := f.start(f.Context(), req, opts)
	f.eventually("request "+req.ID+" is queued", func() bool { return f.sender.Stats().Length == before+1 })
	return s
}

// wait waits for the end of the Send.
func (s *sending) wait() {
	s.f.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		s.f.Fatalf("Send of %s has not ended after %v", s.id, patience)
	}
}

func (s *sending) waits() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// succeeds waits for a response and compares its id.
func (s *sending) succeeds(id string) {
	s.f.Helper()
	s.wait()
	if s.err != nil || s.response == nil || s.response.ID != id {
		s.f.Fatalf("Send of %s returned %+v, %v; want response %s", s.id, s.response, s.err, id)
	}
}

// fails waits for an *queue.Error at one of the stages that wraps target.
func (s *sending) fails(target error, stages ...queue.Stage) *queue.Error {
	s.f.Helper()
	s.wait()
	var e *queue.Error
	if s.response != nil || !errors.As(s.err, &e) {
		s.f.Fatalf("Send of %s returned %+v, %v; want no response and a *queue.Error", s.id, s.response, s.err)
	}
	if !errors.Is(s.err, target) {
		s.f.Errorf("Send of %s failed with %q, which does not wrap %q", s.id, s.err, target)
	}
	for _, stage := range stages {
		if e.Stage == stage {
			return e
		}
	}
	s.f.Errorf("Send of %s failed at stage %v, want %v", s.id, e.Stage, stages)
	return e
}

// collectedStage is what a caller may be told of a request that was collected
// but not started.
func (f *fixture) collectedStage() []queue.Stage {
	if f.apart() {
		return []queue.Stage{queue.Collected, queue.Started}
	}
	return []queue.Stage{queue.Collected}
}

// next collects a request, which must be this one.
func (f *fixture) next(peer queue.Peer, id string) queue.Delivery {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), patience)
	defer cancel()
	d, err := f.collector.Next(ctx, peer)
	if err != nil {
		f.Fatalf("Next: %v; want request %s", err, id)
	}
	if got := d.Request().ID; got != id {
		f.Fatalf("Next delivered request %s, want %s", got, id)
	}
	return d
}

// nothingFor checks that there is no request that the peer may have.
func (f *fixture) nothingFor(peer queue.Peer) {
	f.Helper()
	if d, ok := f.collector.TryNext(peer); ok {
		f.Fatalf("TryNext delivered request %s, want none", d.Request().ID)
	}
	ctx, cancel := context.WithTimeout(f.Context(), 5*time.Millisecond)
	defer cancel()
	if d, err := f.collector.Next(ctx, peer); err == nil {
		f.Fatalf("Next delivered request %s, want none", d.Request().ID)
	} else if !errors.Is(err, context.DeadlineExceeded) {
		f.Fatalf("Next: %v, want the context's error", err)
	}
}

// collecting is a Next that runs.
type collecting struct {
	f        *fixture
	cancel   context.CancelFunc
	done     chan struct{} // closed when what follows is set
	delivery queue.Delivery
	err      error
}

// collect starts a Next and waits until it waits.
func (f *fixture) collect(peer queue.Peer) *collecting {
	f.Helper()
	ctx, cancel := context.WithCancel(f.Context())
	c := &collecting{f: f, cancel: cancel, done: make(chan struct{})}
	before := f.collector.Stats().Waiting
	go func() {
		defer close(c.done)
		c.delivery, c.err = f.collector.Next(ctx, peer)
	}()
	f.Cleanup(func() { cancel(); <-c.done })
	f.eventually("the collector waits", func() bool { return f.collector.Stats().Waiting == before+1 })
	return c
}

func (c *collecting) wait() {
	c.f.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		c.f.Fatalf("Next has not returned after %v", patience)
	}
}

func (c *collecting) gets(id string) queue.Delivery {
	c.f.Helper()
	c.wait()
	if c.err != nil || c.delivery.Request().ID != id {
		c.f.Fatalf("Next returned %+v, %v; want request %s", c.delivery, c.err, id)
	}
	return c.delivery
}

func (c *collecting) waits() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// ended waits for the end of a delivery's context.
func (f *fixture) ended(d queue.Delivery) {
	f.Helper()
	select {
	case <-d.Context().Done():
	case <-time.After(patience):
		f.Fatalf("the context of the delivery of %s has not ended after %v", d.Request().ID, patience)
	}
}

// running checks that a delivery's context has not ended.
func (f *fixture) running(d queue.Delivery) {
	f.Helper()
	if err := d.Context().Err(); err != nil {
		f.Errorf("the context of the delivery of %s has ended: %v", d.Request().ID, err)
	}
}

func (f *fixture) begin(d queue.Delivery) {
	f.Helper()
	if !d.Started() {
		f.Fatalf("Started of %s reports that nobody waits", d.Request().ID)
	}
}

func (f *fixture) respond(d queue.Delivery, id string) {
	f.Helper()
	if !d.Respond(response(id)) {
		f.Fatalf("Respond to %s reports that nobody waits", d.Request().ID)
	}
}

// pass lets a time pass, by a request that nobody may have and that is not
// collected within it.
func (f *fixture) pass(d time.Duration) {
	f.Helper()
	f.start(f.Context(), request("passes-time"), queue.SendOptions{PickUp: d, Pins: []string{"nobody"}}).
		fails(queue.ErrNotCollected, queue.Queued)
}
