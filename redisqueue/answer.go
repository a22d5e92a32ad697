package redisqueue

import (
	"fmt"

	"github.com/halibut-go/halibut/wire"
)

// store puts a response into Redis for the node that waits for it.
func (d *delivery) store(response *wire.Response) {
	p, id := d.queue.provider, d.id.String()
	stored, err := p.encodeResponse(p.storing, d.queue.message(d.id, KindResponse), response)
	closeStreams(response.Streams)
	if err != nil {
		d.storeFailure(newFailure(0, d.peer, fmt.Errorf("the response cannot be stored: %w", err)))
		return
	}
	var r readiness
	if d.sender != "" {
		d.queue.mu.Lock()
		r = d.queue.announce(d.peer)
		d.queue.mu.Unlock()
	}
	p.storeAnswer(d.queue, id, d.sender, &answer{payload: stored}, r)
	p.told.remove(d.id) // that it ran is remembered
	d.drop()
}

// storeFailure puts the end of a call without a response into Redis.
func (d *delivery) storeFailure(f *failure) {
	d.queue.storeFailure(d.id.String(), d.request.ID, d.sender, f)
	d.drop()
}

// refuse tells the sender at once that its request cannot be read here.
func (q *redisQueue) refuse(r *claimedRequest, found *claimed, err error) {
	f := &failure{Stage: stageCollected, Text: fmt.Sprintf("the request was collected by a node that cannot read it: %v", err)}
	q.provider.goAlong(func() {
		q.storeFailure(found.id, "", r.sender, f)
		q.provider.tidy(q.keys.claimKey(found.id))
	})
}

// storeFailure stores the failure as a response, since that is what a .NET node
// reads, and beside it what a Go node can do more with.
func (q *redisQueue) storeFailure(id, requestID, sender string, f *failure) {
	p := q.provider
	parsed, ok := parseID(id)
	if !ok {
		return
	}
	stored, err := p.encodeResponse(p.storing, q.message(parsed, KindResponse), f.response(requestID))
	if err != nil {
		p.log.Error("the failure of a call cannot be stored", "request", id, "error", err)
		return
	}
	var detail []byte
	if sender != "" {
		if detail, err = f.encode(); err == nil {
			detail, err = p.wrappers.wrap(q.message(parsed, KindFailure), detail)
		}
		if err != nil {
			p.log.Error("the failure of a call cannot be told in full", "request", id, "error", err)
			detail = nil
		}
	}
	p.storeAnswer(q, id, sender, &answer{stored, detail}, readiness{})
}

// storeAnswer keeps trying for as long as the reference does.
func (p *Provider) storeAnswer(q *redisQueue, id, sender string, a *answer, r readiness) {
	if err := p.storage.respond(p.storing, q.keys, id, sender, a, r); err != nil {
		p.log.Error("a response could not be stored: its caller will hear that this node is offline", "error", err)
	}
}
