package redisqueue

import (
	"errors"
	"time"

	"github.com/halibut-go/halibut/queue"
)

const stageCollected = queue.Collected

// Return implements queue.Delivery. It waits for Redis, a second at most.
func (d *delivery) Return(err error) {
	if err == nil {
		err = errors.New("the collector gave no reason for returning it")
	}
	d.giveBack(err)
}

// giveBack is Return; err is nil when the collector never saw the request.
func (d *delivery) giveBack(err error) {
	if d.call != nil {
		d.call.giveBack(d, err)
		return
	}
	if _, ok := d.settle(); !ok {
		return
	}
	p := d.queue.provider
	d.reading.setKeep(true)
	p.ran.remove(d.id)
	outcome, failed := d.release(p.timing.leave)
	if failed == nil {
		d.released(outcome, err)
		d.finish()
		return
	}
	p.goAlong(func() {
		outcome, failed := d.release(p.timing.budget)
		if failed != nil {
			p.log.Error("a request could not be put back", "error", failed)
		}
		d.released(outcome, err)
		d.finish()
	})
}

func (d *delivery) release(budget time.Duration) (int64, error) {
	p := d.queue.provider
	return p.storage.release(p.storing, d.queue.keys, d.id.String(), d.token, "", budget)
}

// released tells the sender on another node when the request was returned too
// late. err is nil when no collector saw the request.
func (d *delivery) released(outcome int64, err error) {
	switch outcome {
	case releaseLate:
		d.queue.storeFailure(d.id.String(), d.request.ID, d.sender, returnedLate(d.peer, err))
		d.drop()
	case releaseLeft:
		d.drop()
	}
}

func returnedLate(peer queue.Peer, err error) *failure {
	if err == nil {
		return &failure{Stage: queue.Queued, NotCollected: true}
	}
	f := newFailure(queue.Collected, peer, err)
	f.NotCollected = true
	return f
}

// putBack puts a claimed request back that nobody is there for any more.
func (q *redisQueue) putBack(r *claimedRequest) {
	p, id := q.provider, r.id.String()
	if r.call != nil && !r.call.move() {
		p.tidy(q.keys.claimKey(id))
		return
	}
	r.reading.setKeep(true)
	outcome, err := p.storage.release(p.storing, q.keys, id, r.token, r.learned, p.timing.budget)
	if err != nil {
		p.log.Error("a request that nobody was there for could not be put back", "error", err)
		p.told.remove(r.id) // its sender may tell us again
	}
	switch {
	case r.call != nil:
		r.call.putBack(q.keys.claimKey(id), outcome)
	case outcome == releaseLate:
		q.storeFailure(id, r.request.ID, r.sender, returnedLate(queue.Peer{}, nil))
		p.tidy(q.keys.claimKey(id))
	case outcome == releaseLeft:
		p.tidy(q.keys.claimKey(id))
	}
}

// giveBack puts a call of this node back into the queue.
func (c *call) giveBack(d *delivery, err error) {
	c.moving <- struct{}{}
	c.mu.Lock()
	if !c.holds(d) {
		c.mu.Unlock()
		c.moved()
		return
	}
	p := c.queue.provider
	if err != nil {
		c.returned, c.peer = err, d.peer
	}
	late := !c.deadline.IsZero() && !time.Now().Before(c.deadline)
	c.holder = nil
	if late {
		c.end(nil, c.notCollected(queue.Collected))
	} else {
		c.stage = queue.Queued
	}
	c.mu.Unlock()
	d.reading.setKeep(!late)
	d.finish()
	p.ran.remove(c.id)
	if late {
		c.moved()
		d.drop()
		return
	}
	outcome, failed := d.release(p.timing.leave)
	if failed == nil {
		c.putBack(d.queue.keys.claimKey(c.id.String()), outcome)
		return
	}
	p.goAlong(func() {
		outcome, failed := d.release(p.timing.budget)
		if failed != nil {
			p.log.Error("a request could not be put back", "error", failed)
		}
		c.putBack(d.queue.keys.claimKey(c.id.String()), outcome)
	})
}

// putBack ends the move of a call's request back into the queue.
func (c *call) putBack(claimKey string, outcome int64) {
	if outcome != released {
		c.mu.Lock()
		if !c.over && !c.leaving {
			c.end(nil, c.notCollected(c.returnedStage()))
		}
		c.mu.Unlock()
		c.queue.provider.tidy(claimKey)
	}
	c.moved()
}
