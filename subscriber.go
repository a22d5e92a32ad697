package halibut

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// passRequests hands the requests of a subscription's queue to the polling
// service that has connected for them, one after another, until the connection
// or ctx ends.
func (a *accepted) passRequests(ctx context.Context, session *exchange.Session) {
	rt, peer := a.rt, a.peer
	log := a.log.With("subscription", peer.Subscription)
	q, err := rt.queues.Queue(peer.Subscription)
	if err != nil {
		log.Warn("polling service refused", "error", err)
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	waiting, stopWaiting := context.WithCancel(ctx)
	defer stopWaiting()
	s := &subscriber{
		rt: rt, queue: q, log: log,
		peer: queue.Peer{
			Thumbprint: peer.Thumbprint.String(), SHA256: peer.SHA256.String(),
			Addr: peer.Addr.String(), Connection: rt.connections.Add(1),
		},
		connection:  session.Client(&rt.passing, cancel),
		waiting:     waiting,
		stopWaiting: stopWaiting,
	}
	s.passDirect = func(delivery queue.Delivery) bool {
		s.passed = errGaveUpPassing // unless pass returns
		s.passed = s.pass(ctx, delivery)
		return s.passed == nil && s.connection.ReadyNow()
	}
	rt.live.serves(a.live, s)
	defer rt.attend(peer.Subscription, s.peer)()
	stop := context.AfterFunc(ctx, func() { s.connection.Abort(context.Cause(ctx)) })
	defer stop()
	running := make(chan struct{})
	go func() {
		defer close(running)
		s.connection.Run()
	}()
	forget := rt.watchDrain(s)
	err = s.run(ctx)
	forget()
	s.connection.Abort(err)
	<-running
	cancel(nil)
	a.reason = s.connection.Err()
	logEnd(log, "polling service left", a.reason)
}

// subscriber is one connection of a polling service, at its client.
type subscriber struct {
	rt         *Runtime
	queue      queue.Queue
	peer       queue.Peer
	connection *exchange.Client
	log        *slog.Logger
	busy       atomic.Bool // a call is under way

	waiting     context.Context // ends with the connection, and when the runtime drains
	stopWaiting context.CancelFunc

	passDirect func(queue.Delivery) bool // passes on in the goroutine of the caller
	passed     error                     // what the last of those came to
}

// Drain ends the connection when no request is under way on it and none waits.
func (s *subscriber) Drain() { s.stopWaiting() }

// run passes requests on until the connection ends.
func (s *subscriber) run(ctx context.Context) error {
	for {
		delivery, err := s.next()
		switch {
		case err == nil && delivery == nil:
			err = s.passed
		case err == nil:
			err = s.pass(ctx, delivery)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case s.waiting.Err() != nil:
			return ErrClosed
		case errors.Is(err, context.DeadlineExceeded):
			err = s.connection.SendNull(ctx)
		}
		if err != nil {
			return err
		}
		if err := s.connection.Ready(ctx); err != nil {
			return err
		}
	}
}

// errGaveUpPassing ends a connection under a request whose caller's goroutine
// came to its end, in a panic of the source of a data stream for example.
var errGaveUpPassing = errors.New("the caller's goroutine ended while it sent a request")

// next takes the next request. It ends with a deadline error when it is time
// for a null request, and with neither when a caller has passed one on by itself
// and the connection has to be looked after.
func (s *subscriber) next() (queue.Delivery, error) {
	// What is queued is passed on first, also while the runtime drains, unless
	// other nodes can do that.
	if s.rt.ownQueues || s.waiting.Err() == nil {
		if delivery, ok := s.queue.TryNext(s.peer); ok {
			return delivery, nil
		}
	}
	ctx := s.waiting
	if limit := s.rt.limits.NullRequest; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if direct, ok := s.queue.(queue.Direct); ok {
		return direct.NextDirect(ctx, s.peer, s.passDirect)
	}
	return s.queue.Next(ctx, s.peer)
}

// pass makes one call on the connection for whoever queued it.
func (s *subscriber) pass(ctx context.Context, delivery queue.Delivery) error {
	s.busy.Store(true)
	defer s.busy.Store(false)
	waiting := delivery.Context()
	call := &exchange.Call{
		Request:  delivery.Request(),
		Receiver: passing{delivery},
		Untyped:  true, // the types are known where the response goes to
		Response: delivery.Options().Response,
	}
	if _, ok := waiting.Deadline(); ok {
		call.Response = -1
	}
	err := s.connection.Do(waiting, call)
	if err == nil {
		return nil
	}
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
	s.log.Info("the connection was lost under a request", "id", delivery.Request().ID, "error", err)
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
type passing struct{ queue.Delivery }

// Receive implements [exchange.Receiver].
func (p passing) Receive(*wire.Response) {}

// Complete implements [exchange.Receiver].
func (p passing) Complete(response *wire.Response) {
	if !p.Respond(response) {
		_ = response.Streams.CloseAll()
	}
}
