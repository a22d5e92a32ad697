package redisqueue

import (
	"context"
	"strings"
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
	sender  string   // node, "" if it is a .NET one
	call    *call    // if it is one of this node
	learned string   // what pins of a .NET request came to
	reading *reading // of its data streams
	request *wire.Request
	life    time.Duration
	timeout time.Duration // how long the caller still waits; 0: it did not say
}

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
// some for those who wait. There is one for a queue at a time, since a claim
// whose reply was lost must be known before the next.
func (q *redisQueue) claimForCollectors() {
	p := q.provider
	for failing := false; ; {
		q.mu.Lock()
		w := q.hopeful()
		if w == nil || q.closed || p.life.Err() != nil {
			q.claiming = false
			q.mu.Unlock()
			q.isReady()
			return
		}
		peer, most := w.peer, min(q.collectors.like(w.peer), claimsAtOnce)
		q.mu.Unlock()

		requests, err := q.claim(peer, most)
		switch {
		case err != nil && p.life.Err() == nil:
			if !failing {
				p.log.Warn("requests cannot be collected from Redis", "key", q.keys.list, "error", err)
			}
			failing = true
			p.sleep(p.timing.pause)
		case failing && err == nil:
			p.log.Info("requests are collected from Redis again", "key", q.keys.list)
			failing = false
		}
		for _, r := range requests {
			q.offer(r)
		}
	}
}

// claimsAtOnce is how many requests one command collects.
const claimsAtOnce = 32

// claim takes the first requests out of Redis that peer may have.
func (q *redisQueue) claim(peer queue.Peer, most int) ([]*claimedRequest, error) {
	p := q.provider
	ctx, cancel := context.WithTimeout(p.life, p.timing.attempt)
	defer cancel()
	q.mu.Lock()
	pulse := q.pulses
	q.claimed = time.Now()
	q.mu.Unlock()
	if q.attempt.token == "" {
		q.attempt.token = uuid.NewString()
	}
	token := q.attempt.token
	batch, err := p.storage.claim(ctx, q.keys, &q.attempt, peer, most)
	if err != nil {
		return nil, err
	}
	q.attempt = claim{}
	var requests []*claimedRequest
	for _, c := range batch.claims {
		if id, ok := q.mayRun(c.id); ok {
			if r := q.accept(id, c, token); r != nil {
				requests = append(requests, r)
			}
		}
	}
	if bad := batch.bad; bad != nil {
		p.log.Error("the key of a request holds something else: the request is dropped", "key", q.keys.requestKey(bad.id), "error", bad.reason)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case batch.left == 0:
		q.empty = pulse
	case len(batch.claims) == 0 && batch.bad == nil:
		if len(q.seen) > 64 || q.seen == nil {
			q.seen = make(map[peerPins]uint64)
		}
		q.seen[pinsOf(peer)] = pulse
	}
	// What was claimed may be for a TryNext: nobody is sent away before it was
	// offered.
	if len(requests) == 0 {
		q.dismiss()
	}
	return requests, nil
}

// dismiss ends every TryNext for which there is nothing. q.mu is held.
func (q *redisQueue) dismiss() {
	kept := q.collectors[:0]
	for _, w := range q.collectors {
		if w.waits || q.mayFind(w.peer) {
			kept = append(kept, w)
		} else {
			w.ready <- struct{}{}
		}
	}
	clear(q.collectors[len(kept):])
	q.collectors = kept
}

// mayRun tells whether a claimed request can have an id, and is not one that
// ran here before.
func (q *redisQueue) mayRun(entry string) (id uuid.UUID, ok bool) {
	p := q.provider
	if id, ok = parseID(entry); !ok {
		p.log.Error("an entry of the queue is no id of a request: it is dropped", "key", q.keys.list, "entry", entry)
		p.tidy(q.keys.claimKey(entry))
		return id, false
	}
	if p.ran.has(id) {
		p.log.Error("Redis has handed out a request twice: it is not run again. Has a replica taken over that lags behind?", "request", id)
		p.tidy(q.keys.claimKey(entry))
		return id, false
	}
	return id, true
}

// accept makes a request of what was claimed. It is nil when it cannot be read,
// which the sender is told.
func (q *redisQueue) accept(id uuid.UUID, found *claimed, token string) *claimedRequest {
	p := q.provider
	r := &claimedRequest{reading: new(reading), id: id, token: token, pins: strings.Fields(found.pins), sender: found.sender, life: found.life}
	if r.call = p.call(id); r.call != nil {
		r.request, r.pins = r.call.request, r.call.pins
		if r.request.Streams == nil || r.request.Streams.Len() == 0 {
			return r // as the caller has made it
		}
		r.reading.told = func() { r.call.hasSent(r.reading.progress) }
	}
	if r.call == nil && r.sender == p.node {
		p.tidy(q.keys.claimKey(found.id)) // the caller has left
		return nil
	}
	m := q.message(id, KindRequest)
	m.Pins = found.pins
	var err error
	if r.request, err = p.decodeRequest(p.life, m, found.payload, r.reading); err != nil {
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
	if d := q.deliver(r, w.peer); d != nil {
		q.collectors.remove(w)
		w.delivery = d
		w.ready <- struct{}{}
	}
	q.dismiss()
	q.mu.Unlock()
}
