package redisqueue

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// redisQueue is the queue of one subscription on this node. What waits in it is
// in Redis; here are those who wait for it.
type redisQueue struct {
	provider     *Provider
	subscription string
	keys         *endpointKeys

	attempt claim // the one whose outcome is not known yet; claimForCollectors' own

	// goAnswers counts the responses from Go nodes since a .NET node's.
	goAnswers atomic.Int32

	mu         sync.Mutex
	collectors collectors
	collected  int           // requests that collectors of this node hold
	pulse      *subscription // from the first collector on
	pulses     uint64        // how often there may have been something new
	empty      uint64        // the pulse at which there was nothing left
	seen       map[peerPins]uint64
	storing    int       // responses on their way to Redis
	answered   time.Time // when the last one was given
	claiming   bool      // claim runs
	claimed    time.Time // when it last did
	closed     bool
}

// peerPins is what of a peer decides which requests it may have.
type peerPins struct{ sha1, sha256 string }

func pinsOf(p queue.Peer) peerPins { return peerPins{p.Thumbprint, p.SHA256} }

var _ queue.Queue = (*redisQueue)(nil)

// Send implements queue.Queue.
func (q *redisQueue) Send(ctx context.Context, req *wire.Request, opts queue.SendOptions) (*wire.Response, error) {
	if ctx.Err() != nil {
		return nil, queue.Cancelled(ctx, queue.Queued, q.subscription, queue.Peer{})
	}
	c, err := q.provider.begin(ctx, q, req, opts)
	if err != nil {
		return nil, &queue.Error{Stage: queue.Queued, Subscription: q.subscription, Err: err}
	}
	defer q.provider.forget(c)
	if err := c.enqueue(); err != nil {
		return nil, err
	}
	response, err := c.wait()
	if err == nil {
		c.uploads.finish()
	}
	return response, err
}

// Next implements queue.Queue.
func (q *redisQueue) Next(ctx context.Context, peer queue.Peer) (queue.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w, err := q.join(peer, true)
	if err != nil {
		return nil, err
	}
	select {
	case <-w.ready:
	case <-ctx.Done():
		if !q.depart(w) && w.delivery != nil {
			w.delivery.giveBack(nil)
		}
		return nil, ctx.Err()
	}
	if w.delivery == nil {
		return nil, queue.ErrClosed
	}
	return w.delivery, nil
}

// TryNext implements queue.Queue. It asks Redis, unless Redis has said that
// there is nothing for this peer and nobody has queued anything since. When
// Redis does not answer within a second it says false.
func (q *redisQueue) TryNext(peer queue.Peer) (queue.Delivery, bool) {
	w, err := q.join(peer, false)
	if w == nil || err != nil {
		return nil, false
	}
	limit := time.NewTimer(q.provider.timing.leave)
	defer limit.Stop()
	select {
	case <-w.ready:
	case <-limit.C:
		q.depart(w)
	}
	return w.delivery, w.delivery != nil
}

// join adds a collector. One that does not wait is nil when it is known that
// there is nothing for it.
func (q *redisQueue) join(peer queue.Peer, waits bool) (*collector, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, queue.ErrClosed
	}
	q.listen()
	if !waits && !q.mayFind(peer) {
		return nil, nil
	}
	w := &collector{peer: peer, waits: waits, ready: make(chan struct{}, 1)}
	q.collectors = append(q.collectors, w)
	q.kick()
	if waits && q.announces() {
		q.provider.goAlong(q.isReady)
	}
	return w, nil
}

// depart takes a collector out. When it reports false the collector was served
// at that moment, with a delivery or none.
func (q *redisQueue) depart(w *collector) bool {
	q.mu.Lock()
	left := q.collectors.remove(w)
	q.mu.Unlock()
	if !left {
		<-w.ready
	}
	return left
}

// Stats implements queue.Queue. Length and Oldest are those of the cluster, as
// Redis tells them; Collected and Waiting are those of this node. When Redis
// does not answer within a second, Length and Oldest are zero.
func (q *redisQueue) Stats() queue.Stats {
	if q.isClosed() {
		return queue.Stats{}
	}
	s := q.own()
	ctx, cancel := context.WithTimeout(q.provider.life, q.provider.timing.leave)
	defer cancel()
	if l, err := q.provider.storage.lengths(ctx, []*endpointKeys{q.keys}); err == nil {
		s.Length, s.Oldest = l[0].entries, l[0].oldest
	}
	return s
}

// own is the part of Stats that this node knows by itself.
func (q *redisQueue) own() queue.Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return queue.Stats{Collected: q.collected, Waiting: q.collectors.waiting()}
}

func (q *redisQueue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// listen subscribes to the queue's pulse. q.mu is held.
func (q *redisQueue) listen() {
	if q.pulse == nil {
		q.pulse = q.provider.channels.subscribe(q.keys.pulse, func(string) { q.pulsed() }, q.pulsed)
		q.pulses++
	}
}

// pulsed says that there may be something new in the queue.
func (q *redisQueue) pulsed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pulses++
	q.kick()
}

// mayFind reports whether there may be something for a peer. q.mu is held.
func (q *redisQueue) mayFind(peer queue.Peer) bool {
	return q.empty != q.pulses && q.seen[pinsOf(peer)] != q.pulses
}

// close ends every wait for requests.
func (q *redisQueue) close() {
	q.mu.Lock()
	q.closed = true
	left := q.collectors
	q.collectors = nil
	q.mu.Unlock()
	for _, w := range left {
		w.ready <- struct{}{}
	}
}

// onlyGo is how many responses in a row come from Go nodes before there is no
// hurry any more to listen for a .NET node's.
const onlyGo = 10

// answeredBy notes what kind of node a response came from.
func (q *redisQueue) answeredBy(goNode bool) {
	if !goNode {
		q.goAnswers.Store(0)
	} else if n := q.goAnswers.Load(); n < onlyGo {
		q.goAnswers.CompareAndSwap(n, n+1)
	}
}
