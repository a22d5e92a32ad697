package redisqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// call is one Send of this node. Its goroutine is Send's own; what else happens
// to it is told by orders, or under its lock.
type call struct {
	queue    *redisQueue
	ctx      context.Context
	id       uuid.UUID
	request  *wire.Request
	pins     []string
	pickUp   time.Duration
	sent     time.Time
	deadline time.Time     // of the pick-up; zero: none
	ended    chan struct{} // closed when over is set
	wake     chan struct{} // one signal, after an order was given
	orders   atomic.Uint32
	// moving is held by whoever moves the request in Redis.
	moving chan struct{}

	subscription *subscription // to the response
	queued       bool          // Redis has said so; the goroutine's own
	announced    atomic.Bool   // a Go node has said that there is a response
	again        atomic.Bool   // it was confirmed
	published    atomic.Pointer[answer]

	uploads uploads // the goroutine's own
	sending atomic.Pointer[func() map[string]int64]

	mu       sync.Mutex
	stage    queue.Stage
	peer     queue.Peer // who holds the request, or held it last
	holder   *delivery  // of this node
	returned error      // why the last collector of this node gave it back
	leaving  bool       // the call is about to end: no collector may have it any more
	metadata []byte     // of the request's data streams
	untaken  bool       // nobody has or will have the request
	dropped  bool       // one would have had it meanwhile
	over     bool
	response *wire.Response
	err      error

	watched watchedCall
}

// What the goroutine of a call is told to do.
const (
	orderLook     = 1 << iota // for the response
	orderCheck                // whether the request was collected
	orderOffline              // the node that collected it is silent
	orderLost                 // Redis has lost its data
	orderProgress             // more of the data streams has gone to the service
)

// hasSent tells how many bytes of the data streams have gone to the service.
// The caller's functions are called by the call's own goroutine: they may wait.
func (c *call) hasSent(progress func() map[string]int64) {
	if c.uploads == nil {
		return
	}
	c.sending.Store(&progress)
	c.order(orderProgress)
}

func (c *call) order(what uint32) {
	c.orders.Or(what)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// begin registers a call.
func (p *Provider) begin(ctx context.Context, q *redisQueue, req *wire.Request, opts queue.SendOptions) (*call, error) {
	c := &call{
		queue: q, ctx: ctx, id: req.ActivityID, request: req, pins: opts.Pins, pickUp: opts.PickUp,
		sent: time.Now(), ended: make(chan struct{}), wake: make(chan struct{}, 1),
		moving: make(chan struct{}, 1), stage: queue.Queued, uploads: newUploads(req.Streams),
	}
	if c.pickUp == 0 {
		c.pickUp = queue.DefaultPickUp
	}
	if c.pickUp > 0 {
		c.deadline = c.sent.Add(c.pickUp)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, queue.ErrClosed
	}
	// The id names the response. A second try of a call has the first one's
	// activity, whose response may still come.
	for c.id == (uuid.UUID{}) || p.calls[c.id] != nil || p.unclean.has(c.id) {
		c.id = uuid.New()
	}
	p.calls[c.id] = c
	p.sends.Add(1)
	return c, nil
}

// forget ends what begin began.
func (p *Provider) forget(c *call) {
	c.subscription.cancel()
	c.watched.unsubscribe()
	if c.untaken {
		p.discardStreams(c.queue.message(c.id, KindRequest), c.request.Streams, c.metadata)
	}
	if c.err != nil {
		p.unclean.add(c.id, responseLife+requestGrace)
	}
	p.mu.Lock()
	delete(p.calls, c.id)
	p.mu.Unlock()
	p.sends.Done()
}

// life is how long the request stays in Redis.
func (c *call) life() time.Duration {
	if c.pickUp < 0 {
		return endlessPickUp + requestGrace
	}
	return c.pickUp + requestGrace
}

// enqueue puts the request into Redis. With an error the call is over.
func (c *call) enqueue() error {
	p, q, id := c.queue.provider, c.queue, c.id.String()
	ctx, cancel := p.bind(c.ctx)
	defer cancel()
	m := q.message(c.id, KindRequest)
	m.Pins = strings.Join(c.pins, " ")
	stored, err := p.encodeRequest(ctx, m, c.request)
	if err != nil {
		return c.ends(c.notEncoded(err))
	}
	c.metadata = stored.metadata
	if q.goAnswers.Load() < onlyGo {
		c.subscribe()
	}
	r := newRequest{id: id, payload: stored, pins: m.Pins, life: c.life(), limit: p.length}
	claimer, err := p.storage.enqueue(ctx, q.keys, r)
	if err == nil {
		c.queued = true
		if claimer != "" {
			told, _ := newHandover(q.keys, p.node, r)
			c.watched.handed.Store(&handedCall{node: claimer, told: text(told.head())})
		}
		if !p.storage.cluster {
			p.tidy(q.keys.guardKey(id))
		}
		return nil
	}
	var failed *Error
	if errors.Is(err, errListFull) {
		c.untaken = true
		p.tidy(q.keys.requestKey(id))
		return c.ends(c.failure(queue.Queued, fmt.Errorf("%w: %d requests wait for %s, which is the limit (Options.Length)", queue.ErrFull, p.length, q.subscription)))
	}
	if errors.As(err, &failed) && !failed.Unsure {
		c.untaken = true
		p.tidy(q.keys.requestKey(id))
		return c.ends(c.notQueued(queue.Queued, err))
	}
	return c.leave(func(stage queue.Stage) error { return c.notQueued(stage, err) })
}

// subscribe listens for the response, as a .NET node tells of it.
func (c *call) subscribe() {
	available := func(string) {
		c.queue.answeredBy(false)
		c.order(orderLook)
	}
	c.subscription = c.queue.provider.channels.subscribe(c.queue.keys.responseAvailable(c.id.String()), available, c.confirmed)
}

// confirmed is called when the subscription to the response has been made, or
// made again: what came before is found by looking. The first time it was asked
// for before the request was queued, and only when confirming it took long can a
// .NET node have answered already.
func (c *call) confirmed() {
	if c.again.Swap(true) || time.Since(c.sent) > c.queue.provider.timing.slow {
		c.order(orderLook)
	}
}

// timeout is how long the call waits until it subscribes, if it has not, or for
// its request to be collected.
func (c *call) timeout() time.Duration {
	rest := endlessPickUp
	if !c.deadline.IsZero() {
		rest = time.Until(c.deadline)
	}
	if c.subscription == nil {
		rest = min(rest, c.queue.provider.timing.subscribe)
	}
	return rest
}

// wait waits for the end of the call.
func (c *call) wait() (*wire.Response, error) {
	p := c.queue.provider
	timer := time.NewTimer(c.timeout())
	defer timer.Stop()
	for {
		select {
		case <-c.ended:
			return c.response, c.err
		case <-c.ctx.Done():
			err := c.leave(func(stage queue.Stage) error {
				return queue.Cancelled(c.ctx, stage, c.queue.subscription, c.peer)
			})
			return c.response, err
		case <-p.closing:
			err := c.leave(func(stage queue.Stage) error { return c.failure(stage, queue.ErrClosed) })
			return c.response, err
		case <-timer.C:
			if c.subscription == nil {
				c.subscribe()
				timer.Reset(c.timeout())
			} else if !c.deadline.IsZero() {
				c.pickUpOver()
			}
		case <-c.wake:
			c.obey(c.orders.Swap(0))
		}
	}
}

// ends ends the call with an error, unless it has ended; it returns the error
// that it ended with.
func (c *call) ends(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.end(nil, err)
	}
	return c.err
}

// end stores the outcome. c.mu is held, and the call is not over.
func (c *call) end(response *wire.Response, err error) {
	c.over, c.response, c.err = true, response, err
	close(c.ended)
}

// leave ends the call because its caller, or this node, leaves it. outcome
// makes the error for the stage that the request has reached, which may take a
// second to find out.
func (c *call) leave(outcome func(queue.Stage) error) error {
	c.mu.Lock()
	if c.over {
		defer c.mu.Unlock()
		return c.err
	}
	if d := c.holder; d != nil {
		c.end(nil, outcome(c.stage))
		c.mu.Unlock()
		c.letGo(d)
		return c.err
	}
	c.leaving = true
	c.mu.Unlock()
	stage := c.withdraw()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.end(nil, outcome(stage))
	}
	return c.err
}

// letGo ends the exchange of a collector of this node.
func (c *call) letGo(d *delivery) {
	cause := context.Cause(c.ctx)
	if cause == nil {
		cause = queue.ErrClosed
	}
	d.cancel(cause)
	d.drop()
	d.finish()
}

// withdraw takes the request back, and tells how far it had come. What cannot
// be done at once is done in the background.
func (c *call) withdraw() queue.Stage {
	p, q, id := c.queue.provider, c.queue, c.id.String()
	select {
	case c.moving <- struct{}{}:
		defer c.moved()
	case <-time.After(p.timing.leave):
		return queue.Started
	}
	claimer, err := p.storage.withdraw(p.storing, q.keys, id, !c.queued, p.timing.leave)
	switch {
	case err != nil:
		p.goAlong(func() { c.withdrawLater() })
		return queue.Started
	case claimer == withdrawn:
		c.untaken = true
		p.goAlong(func() { _ = p.storage.unlist(p.storing, q.keys, id) }) // a claim removes it too
		return queue.Queued
	case claimer == p.node:
		c.untaken = true
		return queue.Queued // it is on its way to a collector, who will not get it
	}
	p.goAlong(c.cancelRemote)
	return queue.Started
}

func (c *call) withdrawLater() {
	p, q, id := c.queue.provider, c.queue, c.id.String()
	claimer, err := p.storage.withdraw(p.storing, q.keys, id, !c.queued, 4*p.timing.budget)
	if err == nil && (claimer == withdrawn || claimer == p.node) {
		_ = p.storage.unlist(p.storing, q.keys, id)
		return
	}
	c.cancelRemote()
}

// cancelRemote tells the node that has collected the request that nobody waits
// for it. If that node has put the request back meanwhile, it is taken back.
func (c *call) cancelRemote() {
	p, q, id := c.queue.provider, c.queue, c.id.String()
	if err := p.storage.cancel(p.storing, q.keys, id); err != nil {
		p.log.Warn("the node that works on a request could not be told that its caller has left", "error", err)
		return
	}
	if claimer, err := p.storage.withdraw(p.storing, q.keys, id, false, p.timing.leave); err == nil && claimer == withdrawn {
		_ = p.storage.unlist(p.storing, q.keys, id)
	}
}

// pickUpOver ends the call if nobody has collected the request.
func (c *call) pickUpOver() {
	c.mu.Lock()
	if c.over || c.holder != nil {
		c.mu.Unlock()
		return
	}
	c.leaving = true
	c.mu.Unlock()
	p, q, id := c.queue.provider, c.queue, c.id.String()
	ctx, cancel := p.bind(c.ctx)
	defer cancel()
	claimer, err := "", ctx.Err()
	select {
	case c.moving <- struct{}{}:
		claimer, err = p.storage.withdraw(ctx, q.keys, id, false, 0)
		c.moved()
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
	case err == nil && claimer == withdrawn:
		c.untaken = true
		p.goAlong(func() { _ = p.storage.unlist(p.storing, q.keys, id) })
		c.end(nil, c.notCollected(c.returnedStage()))
	case err == nil && claimer == p.node, c.dropped:
		c.end(nil, c.notCollected(c.returnedStage()))
	case err == nil:
		c.leaving = false
		c.watched.collected.Store(true)
	default:
		c.leaving = false // not known: the watch asks again
	}
}

func (c *call) returnedStage() queue.Stage {
	if c.returned != nil {
		return queue.Collected
	}
	return queue.Queued
}

// obey does what the call's goroutine was told to do.
func (c *call) obey(orders uint32) {
	if orders&orderProgress != 0 {
		c.uploads.reached((*c.sending.Load())())
	}
	if orders&orderCheck != 0 {
		c.check()
	}
	if orders&(orderLook|orderOffline) != 0 {
		found := c.look()
		if orders&orderOffline != 0 && !found {
			c.offline()
		}
	}
	if orders&orderLost != 0 {
		if !c.look() {
			c.lost()
		}
	}
}

// look ends the call with the response if there is one.
func (c *call) look() bool {
	p, q, id := c.queue.provider, c.queue, c.id.String()
	ctx, cancel := p.bind(c.ctx)
	defer cancel()
	found, err := c.published.Swap(nil), error(nil)
	if found == nil {
		found, err = p.storage.response(ctx, q.keys, id)
	}
	if err != nil {
		if ctx.Err() == nil {
			p.log.Warn("the response to a request could not be fetched; it is tried again", "error", err)
		}
		return false
	}
	if found == nil {
		return false
	}
	p.tidy(q.keys.responseKey(id))
	q.answeredBy(c.announced.Load())
	response, err := c.read(found)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		if response != nil {
			closeStreams(response.Streams)
		}
		return true
	}
	c.end(response, err)
	return true
}

// read makes the call's outcome of what another node has stored.
func (c *call) read(found *answer) (*wire.Response, error) {
	p, q := c.queue.provider, c.queue
	unread := func(err error) error {
		return c.failure(queue.Started, fmt.Errorf("%s: the response at %s: %w", unreadText, q.keys.responseKey(c.id.String()), err))
	}
	if len(found.failure) > 0 {
		plain, err := p.wrappers.unwrap(q.message(c.id, KindFailure), found.failure, p.limits.MaxDocument())
		if err != nil {
			return nil, unread(err)
		}
		f, err := parseFailure(plain)
		if err != nil {
			return nil, unread(err)
		}
		return nil, f.err(c)
	}
	response, err := p.decodeResponse(c.ctx, q.message(c.id, KindResponse), found.payload)
	if err != nil {
		return nil, unread(err)
	}
	return response, nil
}

// check finds out whether the request was collected, and when its pick-up time
// is over takes it back otherwise.
func (c *call) check() {
	p, q := c.queue.provider, c.queue
	if !c.deadline.IsZero() && time.Now().After(c.deadline) {
		c.pickUpOver()
		return
	}
	ctx, cancel := p.bind(c.ctx)
	defer cancel()
	there, err := p.storage.waits(ctx, q.keys, c.id.String())
	if err == nil {
		c.watched.collected.Store(!there)
	}
}

// offline ends the call because nothing was heard of the node that works on it.
func (c *call) offline() {
	c.mu.Lock()
	ends := !c.over && c.holder == nil
	if ends {
		c.end(nil, c.failure(queue.Started, ErrOffline))
	}
	c.mu.Unlock()
	if ends {
		c.queue.provider.goAlong(c.cancelRemote)
	}
}

// lost ends the call because Redis has lost the request, or who has it.
func (c *call) lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over && c.holder == nil {
		c.end(nil, c.failure(queue.Started, &dataLossError{c.id.String()}))
	}
}

// move begins to move the request in Redis; it reports false when the call is
// ending.
func (c *call) move() bool {
	c.moving <- struct{}{}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.leaving {
		c.dropped = true
		c.moved()
		return false
	}
	return true
}

func (c *call) moved() { <-c.moving }

// collectedBy makes d the holder of the request.
func (c *call) collectedBy(d *delivery) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.leaving {
		c.dropped = true
		return false
	}
	c.holder, c.stage, c.peer = d, queue.Collected, d.peer
	return true
}

// holds reports whether the request is still with this collector. c.mu is held.
func (c *call) holds(d *delivery) bool { return !c.over && c.holder == d }

func (c *call) startedBy(d *delivery) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.holds(d) {
		return false
	}
	c.stage = queue.Started
	return true
}

// endBy ends the call with what its collector came to.
func (c *call) endBy(d *delivery, response *wire.Response, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.holds(d) {
		return false
	}
	if err != nil {
		err = c.failure(c.stage, err)
	}
	c.end(response, err)
	return true
}

func (c *call) failure(stage queue.Stage, err error) *queue.Error {
	return &queue.Error{Stage: stage, Subscription: c.queue.subscription, Peer: c.peer, Err: err}
}

func (c *call) notCollected(stage queue.Stage) *queue.Error {
	return c.failure(stage, &queue.NotCollectedError{PickUp: c.pickUp, Returned: c.returned})
}

// notEncoded is the error of a request that could not be made ready for Redis.
func (c *call) notEncoded(err error) error {
	if c.ctx.Err() != nil {
		return queue.Cancelled(c.ctx, queue.Queued, c.queue.subscription, c.peer)
	}
	return c.failure(queue.Queued, fmt.Errorf("Request %s failed since an error occured when preparing request for queue: %w", c.id, err))
}

// notQueued is the error of a request that could not be put into Redis.
func (c *call) notQueued(stage queue.Stage, err error) error {
	switch {
	case c.ctx.Err() != nil:
		return queue.Cancelled(c.ctx, stage, c.queue.subscription, c.peer)
	case c.queue.provider.isClosing():
		return c.failure(stage, queue.ErrClosed)
	}
	return c.failure(stage, fmt.Errorf("Request %s failed since an error occured inserting the data into the queue: %w", c.id, err))
}
