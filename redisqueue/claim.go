package redisqueue

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// claimedRequest is a request that this node has taken out of Redis and that no
// collector has yet.
type claimedRequest struct {
	id      uuid.UUID
	token   string
	pins    []string
	sender  string       // node, "" if it is a .NET one
	call    *call        // if it is one of this node
	learned string       // what pins of a .NET request came to
	keep    *atomic.Bool // its data streams, in the store
	request *wire.Request
	life    time.Duration
	timeout time.Duration // how long the caller still waits; 0: it did not say
}

func (r *claimedRequest) mayCollect(peer queue.Peer) bool { return peer.MayCollect(r.pins) }

// kick makes sure that somebody claims if somebody waits. q.mu is held.
func (q *redisQueue) kick() {
	if q.claiming || q.closed || q.hopeful() == nil {
		return
	}
	q.claiming = q.provider.goAlong(q.claimForCollectors)
}

// hopeful is the collector for which there may be something, the last first.
// q.mu is held.
func (q *redisQueue) hopeful() *collector {
	for i := len(q.collectors) - 1; i >= 0; i-- {
		if w := q.collectors[i]; q.mayFind(w.peer) {
			return w
		}
	}
	return nil
}

// claimForCollectors takes requests out of Redis for as long as there may be
// some for those who wait.
func (q *redisQueue) claimForCollectors() {
	ctx := q.provider.life
	failing := false
	for {
		q.mu.Lock()
		w := q.hopeful()
		if w == nil || q.closed || ctx.Err() != nil {
			q.claiming = false
			q.mu.Unlock()
			return
		}
		peer := w.peer
		q.mu.Unlock()

		attempt, cancel := context.WithTimeout(ctx, q.provider.timing.attempt)
		request, _, err := q.claim(attempt, peer)
		cancel()
		if err != nil && ctx.Err() == nil {
			if !failing {
				q.provider.log.Warn("requests cannot be collected from Redis", "key", q.keys.list, "error", err)
			}
			failing = true
			q.provider.sleep(q.provider.timing.pause)
			continue
		}
		if failing && err == nil {
			q.provider.log.Info("requests are collected from Redis again", "key", q.keys.list)
			failing = false
		}
		if request != nil {
			q.offer(request)
		}
	}
}

// claim takes the first request out of Redis that peer may have. more says that
// it is worth asking again.
func (q *redisQueue) claim(ctx context.Context, peer queue.Peer) (r *claimedRequest, more bool, err error) {
	select {
	case q.slot <- struct{}{}:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	defer func() { <-q.slot }()
	q.mu.Lock()
	pulse := q.pulses
	q.claimed = time.Now()
	q.mu.Unlock()
	if q.attempt.token == "" {
		q.attempt.token = uuid.NewString()
	}
	token := q.attempt.token
	found, bad, left, err := q.provider.storage.claim(ctx, q.keys, &q.attempt, peer.Thumbprint, peer.SHA256)
	if err != nil {
		return nil, false, err
	}
	q.attempt = claim{}
	q.mu.Lock()
	switch {
	case left == 0:
		q.empty = pulse
	case found == nil && bad == nil:
		if len(q.seen) > 64 || q.seen == nil {
			q.seen = make(map[peerPins]uint64)
		}
		q.seen[pinsOf(peer)] = pulse
	default:
		more = true
	}
	q.mu.Unlock()
	switch {
	case bad != nil:
		q.provider.log.Error("the key of a request holds something else: the request is dropped",
			"key", q.keys.requestKey(bad.id), "error", bad.reason)
	case found != nil:
		r = q.accept(found, token)
	}
	return r, more, nil
}

// accept makes a request of what was claimed. It is nil when it may not run,
// which the sender is told.
func (q *redisQueue) accept(found *claimed, token string) *claimedRequest {
	p := q.provider
	id, ok := parseID(found.id)
	if !ok {
		p.log.Error("an entry of the queue is no id of a request: it is dropped", "key", q.keys.list, "entry", found.id)
		p.tidy(q.keys.claimKey(found.id))
		return nil
	}
	if p.ran.has(id) {
		p.log.Error("Redis has handed out a request twice: it is not run again. Has a replica taken over that lags behind?", "request", id)
		p.tidy(q.keys.claimKey(found.id))
		return nil
	}
	r := &claimedRequest{keep: new(atomic.Bool), id: id, token: token, pins: strings.Fields(found.pins), sender: found.sender, life: found.life}
	if r.call = p.call(id); r.call != nil {
		r.request, r.pins = r.call.request, r.call.pins
		if r.request.Streams == nil || r.request.Streams.Len() == 0 {
			return r // as the caller has made it
		}
	}
	m := q.message(id, KindRequest)
	m.Pins = found.pins
	var err error
	if r.request, err = p.decodeRequest(p.life, m, found.payload, r.keep); err != nil {
		p.log.Error("a request cannot be read: its sender is told", "key", q.keys.claimKey(found.id), "error", err)
		q.refuse(r, found, err)
		return nil
	}
	if r.learned = boundTo(r.request); len(r.pins) == 0 && r.learned != "" {
		r.pins = []string{r.learned}
	} else {
		r.learned = ""
	}
	if r.request.Call != nil && r.request.Call.Timeout > 0 {
		r.timeout = r.request.Call.Timeout - max(found.age, 0)
	}
	return r
}

// offer hands a claimed request to the collector that began to wait last among
// those who may have it. When there is none any more it is put back.
func (q *redisQueue) offer(r *claimedRequest) {
	q.mu.Lock()
	w := q.collectors.last(r.pins)
	if w == nil {
		q.mu.Unlock()
		q.putBack(r)
		return
	}
	d := q.deliver(r, w.peer)
	if d != nil {
		q.collectors.remove(w)
		w.served, w.delivery = true, d
		w.ready <- struct{}{}
	}
	q.mu.Unlock()
}

// handOver is offer to somebody who does not wait in the list.
func (q *redisQueue) handOver(r *claimedRequest, peer queue.Peer) *delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.deliver(r, peer)
}
