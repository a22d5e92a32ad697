package redisqueue

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// watchedCall is what the watch knows of a call. It belongs to the watch but
// for collected and heard.
type watchedCall struct {
	collected atomic.Bool // by another node, or Redis has forgotten the request
	heard     atomic.Int64
	beats     atomic.Pointer[subscription]
	over      atomic.Bool
	handed    atomic.Pointer[handedCall] // nil: it is in the queue, or was collected

	beat, check, poll time.Time // when next
	gap               time.Duration
}

// handedCall is a call whose request was handed to a node.
type handedCall struct {
	node, told string
	heard      atomic.Bool // of the node
	again      time.Time   // the watch's own: when to tell it again
	gap        time.Duration
}

// tellAgain tells the node of its request, in case that the message was lost.
func (c *call) tellAgain(now time.Time, r *roundCommands) {
	h, p := c.watched.handed.Load(), c.queue.provider
	if h == nil || h.heard.Load() {
		return
	}
	if h.gap == 0 {
		h.gap = p.timing.tellAgain
		h.again = c.sent.Add(h.gap)
	}
	if !now.Before(h.again) {
		h.gap *= 2
		h.again = now.Add(h.gap)
		r.beats = append(r.beats, beat{p.keys.handed(h.node), h.told, func() { h.again = now }})
	}
}

func (w *watchedCall) unsubscribe() {
	w.over.Store(true)
	w.beats.Load().cancel()
}

// watchedDelivery is the same of a delivery to this node.
type watchedDelivery struct {
	since  time.Time
	heard  atomic.Int64
	cancel atomic.Pointer[subscription]
	beats  atomic.Pointer[subscription]
	over   atomic.Bool

	beat, poll time.Time // when next
}

func (w *watchedDelivery) unsubscribe() {
	w.over.Store(true)
	w.cancel.Load().cancel()
	w.beats.Load().cancel()
}

// watch looks after everything that takes long, once a second: it sends the
// heartbeats of all requests together, and listens for those of the other side.
func (p *Provider) watch() {
	ticker := time.NewTicker(p.timing.tick)
	defer ticker.Stop()
	for {
		select {
		case <-p.life.Done():
			return
		case <-ticker.C:
		case <-p.roused:
			if !p.sentinel.due.Load() {
				continue
			}
		}
		p.round(time.Now())
	}
}

// round is one look at everything.
func (p *Provider) round(now time.Time) {
	p.mu.Lock()
	calls := make([]*call, 0, len(p.calls))
	for _, c := range p.calls {
		calls = append(calls, c)
	}
	deliveries := make([]*delivery, 0, len(p.deliveries))
	for _, d := range p.deliveries {
		deliveries = append(deliveries, d)
	}
	queues := make([]*redisQueue, 0, len(p.queues))
	for _, q := range p.queues {
		queues = append(queues, q)
	}
	p.mu.Unlock()

	p.watchSentinel(now, calls)
	p.watchOrphans(now)
	p.watchAttendances(now)
	var r roundCommands
	for _, c := range calls {
		c.watch(now, &r)
	}
	for _, d := range deliveries {
		d.watch(now, &r)
	}
	for _, q := range queues {
		q.watch(now)
	}
	p.send(&r)
}

// watchSentinel ends the calls that wait when Redis has lost its data.
func (p *Provider) watchSentinel(now time.Time, calls []*call) {
	s := p.sentinel
	every := time.Minute
	if len(calls) > 0 || !s.written {
		every = p.timing.sentinel
	}
	if !s.due.Swap(false) && now.Sub(s.checked) < every {
		return
	}
	if !s.check(p.life) {
		return
	}
	p.attendances.renewed = time.Time{} // it was lost, too
	for _, c := range calls {
		c.order(orderLost)
	}
}

// roundCommands are the commands of one round, sent together.
type roundCommands struct {
	beats   []beat
	markers []*delivery
}

// beat is one heartbeat; failed is called when it could not be sent.
type beat struct {
	channel, text string
	failed        func()
}

func (p *Provider) send(r *roundCommands) {
	if len(r.beats)+len(r.markers) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(p.life, p.timing.attempt)
	defer cancel()
	p.sendBeats(ctx, r.beats)
	p.lookForMarkers(ctx, r.markers)
}

func (p *Provider) sendBeats(ctx context.Context, beats []beat) {
	cmds := make(rueidis.Commands, len(beats))
	for i, b := range beats {
		cmds[i] = p.client.B().Publish().Channel(b.channel).Message(b.text).Build()
	}
	for i, reply := range p.client.DoMulti(ctx, cmds...) {
		if reply.Error() != nil {
			beats[i].failed()
		}
	}
}

// lookForMarkers ends the exchanges whose callers have left.
func (p *Provider) lookForMarkers(ctx context.Context, deliveries []*delivery) {
	cmds := make(rueidis.Commands, len(deliveries))
	for i, d := range deliveries {
		cmds[i] = p.client.B().Exists().Key(d.queue.keys.markerKey(d.id.String())).Build()
	}
	for i, reply := range p.client.DoMulti(ctx, cmds...) {
		if n, err := reply.AsInt64(); err == nil && n > 0 {
			deliveries[i].abandon(context.Canceled, false)
		}
	}
}

// watch looks after a call that another node may be working on.
func (c *call) watch(now time.Time, r *roundCommands) {
	c.mu.Lock()
	here := c.holder != nil
	over := c.over
	c.mu.Unlock()
	if over {
		return
	}
	w, t, keys, id := &c.watched, &c.queue.provider.timing, c.queue.keys, c.id.String()
	if w.beat.IsZero() {
		w.beat, w.check, w.poll, w.gap = c.sent.Add(t.firstBeat), c.sent.Add(t.collectedCheck), c.sent.Add(t.responsePoll), t.responsePoll
	}
	if here {
		return
	}
	if !now.Before(w.beat) {
		w.beat = now.Add(t.beat)
		r.beats = append(r.beats, beat{keys.senderBeats(id), nothingSent, func() { w.beat = now.Add(t.retryBeat) }})
	}
	if !now.Before(w.poll) {
		w.gap = min(w.gap+t.responsePoll, t.responsePolls)
		w.poll = now.Add(w.gap)
		c.order(orderLook)
	}
	late := !c.deadline.IsZero() && now.After(c.deadline)
	if !now.Before(w.check) && (!w.collected.Load() || late) {
		w.check = now.Add(t.collectedCheck)
		c.order(orderCheck)
	}
	c.tellAgain(now, r)
	if w.collected.Load() {
		c.listen(now)
	}
}

// listen listens for the node that works on the call.
func (c *call) listen(now time.Time) {
	w, p := &c.watched, c.queue.provider
	if w.beats.Load() == nil {
		w.heard.Store(int64(now.Sub(c.sent)))
		hear := func(text string) {
			w.heard.Store(int64(time.Since(c.sent)))
			if h := w.handed.Load(); h != nil {
				h.heard.Store(true)
			}
			c.hasSent(func() map[string]int64 { return parseHeartbeat(text) })
		}
		w.beats.Store(p.channels.subscribe(c.queue.keys.processorBeats(c.id.String()), hear, nil))
		if w.over.Load() {
			w.beats.Load().cancel()
		}
		return
	}
	if now.Sub(c.sent)-time.Duration(w.heard.Load()) > p.timing.processSilent {
		c.order(orderOffline)
	}
}

// watch looks after a request of another node that is with a collector of this
// one.
func (d *delivery) watch(now time.Time, r *roundCommands) {
	w, p, keys, id := &d.watched, d.queue.provider, d.queue.keys, d.id.String()
	t := &p.timing
	if w.since.IsZero() {
		w.since = now
		w.beat, w.poll = now.Add(t.firstBeat), now.Add(t.watch)
		return
	}
	if !now.Before(w.beat) {
		w.beat = now.Add(t.beat)
		r.beats = append(r.beats, beat{keys.processorBeats(id), d.reading.beat(), func() { w.beat = now.Add(t.retryBeat) }})
	}
	if now.Before(w.since.Add(t.watch)) {
		return
	}
	if w.beats.Load() == nil {
		w.heard.Store(int64(now.Sub(w.since)))
		hear := func(string) { w.heard.Store(int64(time.Since(w.since))) }
		gone := func(string) { d.abandon(context.Canceled, false) }
		// Whoever cancelled before the subscription was there has left a marker.
		look := func() { p.goAlong(func() { p.send(&roundCommands{markers: []*delivery{d}}) }) }
		w.beats.Store(p.channels.subscribe(keys.senderBeats(id), hear, nil))
		w.cancel.Store(p.channels.subscribe(keys.requestCancelled(id), gone, look))
		w.poll = now.Add(t.markerPoll)
		if w.over.Load() {
			w.unsubscribe()
		}
		return
	}
	if !now.Before(w.poll) {
		w.poll = now.Add(t.markerPoll)
		r.markers = append(r.markers, d)
	}
	if now.Sub(w.since)-time.Duration(w.heard.Load()) > t.senderSilent {
		p.log.Warn("the node that sent a request was not heard of: the request is abandoned", "request", id)
		d.abandon(ErrAbandoned, true)
	}
}

// watch looks for requests whose pulse was lost.
func (q *redisQueue) watch(now time.Time) {
	p := q.provider
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.collectors) > 0 && now.Sub(q.claimed) >= p.timing.queuePoll {
		q.claimed = now
		q.pulses++
		q.kick()
	}
}
