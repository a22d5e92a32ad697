package halibut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// passRequests hands the requests of a subscription's queue to the polling
// service that has connected for them, one after another, until the connection
// or ctx ends. Its own goroutine reads the connection, for months maybe, on a
// small stack: what needs more is done in calls that return before.
func (a *accepted) passRequests(ctx context.Context, session *exchange.Session) {
	s := a.subscribe(ctx, session)
	if s == nil {
		return
	}
	forget := a.rt.watchDrain(s)
	s.begin()
	s.connection.Run()
	forget()
	a.reason = s.end()
}

// subscribe makes the subscriber of the connection, nil if its queue cannot be
// had.
func (a *accepted) subscribe(ctx context.Context, session *exchange.Session) *subscriber {
	rt, peer := a.rt, &a.peer
	log := a.log.With("subscription", peer.Subscription)
	q, err := rt.queues.Queue(peer.Subscription)
	if err != nil {
		log.Warn("polling service refused", "error", err)
		return nil
	}
	s := &subscriber{rt: rt, log: log, ctx: ctx, connection: session.Client(&rt.passing, nil)}
	as := queue.Peer{
		Thumbprint: peer.Thumbprint.String(), SHA256: peer.SHA256.String(),
		Addr: peer.Addr.String(), Connection: rt.connections.Add(1),
	}
	s.collector = queue.NewCollector(q, as, s.take, s.passDirectly)
	rt.live.serves(a.live, s)
	s.absent = rt.attend(peer.Subscription, as)
	return s
}

// subscriber is one connection of a polling service, at its client. Who makes a
// call passes it on by itself when the connection is free. What is queued
// meanwhile, and what comes from other nodes, is passed on by a worker, which is
// a goroutine, and so is the null request. While there is nothing to do there
// is no worker: a place in the queue and a timer wait.
type subscriber struct {
	rt         *Runtime
	ctx        context.Context // ends the connection
	unwatch    func() bool     // ctx
	absent     func()          // tells the other nodes that the connection has ended
	collector  queue.Collector
	connection *exchange.Client
	log        *slog.Logger
	busy       atomic.Bool // a call is under way

	workers sync.WaitGroup // and callers that pass on

	mu       sync.Mutex
	parked   bool        // the collector and the timer wait
	due      time.Time   // of the null request
	timer    *time.Timer // runs nullDue
	armed    bool        // the timer runs
	draining bool
	ended    bool
}

// collected is what came of the wait for a request.
type collected struct {
	delivery queue.Delivery
	err      error
}

// begin starts the first worker.
func (s *subscriber) begin() {
	s.unwatch = context.AfterFunc(s.ctx, func() { s.connection.Abort(context.Cause(s.ctx)) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start(collected{}, false)
}

// start starts a worker. The lock is held.
func (s *subscriber) start(first collected, null bool) {
	s.parked = false
	s.workers.Go(func() { s.work(first, null) })
}

// take starts a worker for what came of the wait for a request.
func (s *subscriber) take(delivery queue.Delivery, err error) {
	s.mu.Lock()
	if !s.ended {
		s.start(collected{delivery, err}, false)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if delivery != nil {
		delivery.Return(exchange.ErrEnded)
	}
}

// passDirectly passes a request on in the goroutine of its caller.
func (s *subscriber) passDirectly(delivery queue.Delivery) bool {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return false
	}
	s.parked = false
	s.workers.Add(1)
	s.mu.Unlock()
	err := errGaveUpPassing // unless pass returns
	defer func() {
		if err != nil {
			s.connection.Abort(err)
		}
		s.workers.Done()
	}()
	if waiting := delivery.Context(); waiting.Err() != nil {
		err = nil // Send knows what to say, and the connection is for others
	} else {
		err = s.pass(waiting, delivery)
	}
	if err == nil {
		s.handOver()
	}
	return true
}

// errGaveUpPassing ends a connection under a request whose goroutine came to its
// end, in a panic of the source of a data stream for example.
var errGaveUpPassing = errors.New("the goroutine that sent a request came to its end")

// handOver leaves what comes after a request to a worker, if there is something.
// What the service says between two calls is read by the next one, or by the
// goroutine that watches the connection.
func (s *subscriber) handOver() {
	_ = s.connection.ReadyNow()
	request, more := s.next()
	if !more {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start(request, false) // also after end, which waits for this goroutine too
}

// Drain ends the connection when no request is under way on it and none waits.
func (s *subscriber) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	if !s.ended && s.parked && s.collector.Withdraw() {
		s.start(collected{err: ErrClosed}, false)
	}
}

// nullDue sends the null request, unless a request has come meanwhile.
func (s *subscriber) nullDue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = false
	switch {
	case s.ended || !s.parked:
	case time.Now().Before(s.due):
		s.arm()
	case s.collector.Withdraw():
		s.start(collected{}, true)
	}
}

// end waits for the workers of a connection that has ended, and tells why it
// has.
func (s *subscriber) end() (reason error) {
	s.mu.Lock()
	s.ended = true
	s.collector.Withdraw()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	s.workers.Wait()
	s.unwatch()
	s.absent()
	if reason = s.connection.Err(); s.ctx.Err() != nil {
		reason = context.Cause(s.ctx)
	}
	logEnd(s.log, "polling service left", reason)
	return reason
}

// work is a worker.
func (s *subscriber) work(first collected, null bool) {
	err := errGaveUpPassing // unless run returns
	defer func() {
		if err != nil {
			s.connection.Abort(err)
		}
	}()
	err = s.run(first, null)
}

// run passes requests on until none is left or the connection ends.
func (s *subscriber) run(request collected, null bool) error {
	for {
		err := request.err
		switch {
		case err != nil:
		case request.delivery != nil:
			err = s.passForOther(request.delivery)
		case null:
			err = s.connection.SendNull(s.ctx)
		}
		if err == nil {
			err = s.connection.Ready(s.ctx)
		}
		if err != nil {
			return err
		}
		var more bool
		if request, more = s.next(); !more {
			return nil
		}
		null = false
	}
}

// next looks for the next request. With more false there is none, and the wait
// for it goes on without a goroutine.
func (s *subscriber) next() (request collected, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining && s.rt.sharedQueues { // other nodes pass on what is queued
		return collected{err: ErrClosed}, true
	}
	request.delivery, request.err = s.collector.Collect()
	switch {
	case request != collected{}:
		return request, true
	case (s.draining || s.ended) && s.collector.Withdraw():
		return collected{err: ErrClosed}, true
	}
	s.parked = true
	s.due = time.Now().Add(s.rt.limits.NullRequest)
	if !s.armed {
		s.arm()
	}
	return collected{}, false
}

// arm has the timer run until the null request is due. It is not set back for
// each request: when it fires it looks again. The lock is held.
func (s *subscriber) arm() {
	if s.rt.limits.NullRequest <= 0 || s.ended {
		return
	}
	s.armed = true
	if left := time.Until(s.due); s.timer == nil {
		s.timer = time.AfterFunc(left, s.nullDue)
	} else {
		s.timer.Reset(left)
	}
}

// pass makes one call on the connection for whoever queued it; waiting is the
// context of the delivery.
func (s *subscriber) pass(waiting context.Context, delivery queue.Delivery) error {
	s.busy.Store(true)
	defer s.busy.Store(false)
	p := passings.Get().(*passing)
	p.Delivery = delivery
	p.call = exchange.Call{
		Request:  p.request(),
		Receiver: p,
		Untyped:  true, // the types are known where the response goes to
		Response: delivery.Options().Response,
	}
	if _, ok := waiting.Deadline(); ok {
		p.call.Response = -1
	}
	err := s.connection.Do(waiting, &p.call)
	if err == nil { // otherwise the connection may know it still
		*p = passing{}
		passings.Put(p)
		return nil
	}
	id := delivery.Request().ID // which is the caller's again from here on
	var failed *exchange.CallError
	switch {
	case errors.Is(err, exchange.ErrGivenUp):
		return nil
	case errors.As(err, &failed) && s.mayGoElsewhere(failed):
		delivery.Return(err)
	default:
		delivery.Fail(err)
	}
	if s.connection.Err() == nil {
		s.log.Debug("a request could not be sent", "error", err)
		return nil // it could not be encoded: the connection is as it was
	}
	s.log.Info("the connection was lost under a request", "id", id, "error", err)
	return err
}

// passForOther is pass for a caller that waits in another goroutine: a panic of
// a data stream's source, or the end of the goroutine in it, is its error. The
// connection has ended by then, under whatever did not return.
func (s *subscriber) passForOther(delivery queue.Delivery) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		err = errGaveUpPassing
		if cause := recover(); cause != nil {
			err = fmt.Errorf("a data stream of the request panicked: %v", cause)
		}
		delivery.Fail(err)
	}()
	err = s.pass(delivery.Context(), delivery)
	returned = true
	return err
}

// mayGoElsewhere reports whether the service certainly has not run the request,
// the connection is of no more use, and the request itself is not why.
func (s *subscriber) mayGoElsewhere(failed *exchange.CallError) bool {
	var source *wire.StreamError
	if errors.As(failed, &source) {
		return false
	}
	return s.connection.Err() != nil && (failed.Stage == exchange.Preparing || failed.Stage == exchange.Refused)
}

// passing hands a response on to whoever queued the request.
type passing struct {
	queue.Delivery
	call exchange.Call

	// Of a request that waited, what the service is told of that.
	crowded  wire.Request
	metadata wire.CallMetadata
}

// crowdedAfter is how long a request waits in the queue of a service that should
// open another connection if it may: longer than it takes to bring one from the
// end of a call to where the next may begin.
const crowdedAfter = 100 * time.Microsecond

// request is what to send: a request that has waited says so.
func (p *passing) request() *wire.Request {
	request := p.Delivery.Request()
	if d, ok := p.Delivery.(queue.Waited); !ok || d.Waited() < crowdedAfter {
		return request
	}
	if request.Call != nil {
		p.metadata = *request.Call
	}
	p.metadata.Crowded = true
	p.crowded = *request
	p.crowded.Call = &p.metadata
	return &p.crowded
}

var passings = sync.Pool{New: func() any { return new(passing) }}

// Receive implements [exchange.Receiver].
func (p *passing) Receive(*wire.Response) {}

// StreamTo implements [exchange.Receiver].
func (p *passing) StreamTo() io.Writer { return p.Options().StreamTo }

// Complete implements [exchange.Receiver].
func (p *passing) Complete(response *wire.Response) {
	if !p.Respond(response) {
		_ = response.Streams.CloseAll()
	}
}
