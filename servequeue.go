package halibut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// ServeQueueOption is an option of one ServeQueue.
type ServeQueueOption func(*serveQueueOptions)

type serveQueueOptions struct {
	calls    int
	insecure bool
}

// QueueCalls lets ServeQueue answer up to n calls at once. The default is 16.
// With 1 they run one after another in the order they were queued, as far as
// nobody else serves the queue.
func QueueCalls(n int) ServeQueueOption {
	return func(o *serveQueueOptions) { o.calls = max(n, 1) }
}

// InsecureServeQueue lets ServeQueue work off a queue whose Provider does not
// authenticate requests: whoever can write to it can call every service of this
// runtime, as if it were trusted. .NET nodes know no other way.
func InsecureServeQueue() ServeQueueOption {
	return func(o *serveQueueOptions) { o.insecure = true }
}

// ServeQueue answers the calls that are made to the endpoint queue://name, which
// Options.Queues brings: of nodes that share a Redis, or of this runtime alone
// where requests wait in memory. There is no connection between caller and
// service, so a method finds no peer in its context. The context ends when the
// caller gives up or its node is gone, and has its deadline.
//
// Since no certificate is shown, the Provider has to authenticate requests
// (queue.Authenticator), which package redisqueue does when its messages are
// sealed. Otherwise ServeQueue fails at once, unless it is told
// [InsecureServeQueue].
//
// Any number of nodes may serve one name, and each call goes to one of them.
// ServeQueue blocks, and returns when the methods that it runs have: ErrClosed
// after Shutdown, which lets them end, or Close, the error of ctx when that
// ended, and what the Provider says when it was closed. A method that is still
// running when ctx ends sees its context end, and its caller hears that the call
// may have run unless the method succeeds nevertheless.
func (rt *Runtime) ServeQueue(ctx context.Context, name string, opts ...ServeQueueOption) error {
	to, err := queueEndpoint(name)
	if err != nil {
		return err
	}
	options := serveQueueOptions{calls: 16}
	for _, option := range opts {
		option(&options)
	}
	if authenticator, ok := rt.queues.(queue.Authenticator); !options.insecure && (!ok || !authenticator.Authenticates()) {
		return fmt.Errorf("halibut: serving %s: the queue (%T) does not authenticate requests, so that whoever can write to it could call the services: seal its messages, or say InsecureServeQueue", to, rt.queues)
	}
	ctx, done, err := rt.begin(withoutPeer(ctx), &rt.serving)
	if err != nil {
		return err
	}
	defer done()
	q, err := rt.queues.Queue(to.String())
	if err != nil {
		return fmt.Errorf("halibut: serving %s: %w", to, err)
	}
	waiting, stopWaiting := context.WithCancelCause(ctx)
	defer stopWaiting(nil)
	forget := rt.watchDrain(&drainFunc{func() { stopWaiting(ErrClosed) }})
	defer forget()
	rt.log.Info("queue served", "endpoint", to, "calls", options.calls)
	host, _ := os.Hostname() // for logs and errors only
	var workers sync.WaitGroup
	for range options.calls {
		w := &queueWorker{rt: rt, queue: q, peer: queue.Peer{Addr: host, Connection: rt.connections.Add(1)}}
		workers.Go(func() {
			if err := w.run(ctx, waiting); err != nil {
				stopWaiting(err)
			}
		})
	}
	workers.Wait()
	err = context.Cause(waiting)
	if errors.Is(err, queue.ErrClosed) && rt.isDraining() {
		err = ErrClosed // our own queue was closed for that
	}
	rt.log.Info("queue served no longer", "endpoint", to, "reason", err)
	return err
}

// queueEndpoint makes an endpoint of a queue's name, with or without queue://.
func queueEndpoint(name string) (Endpoint, error) {
	if !strings.Contains(name, "://") {
		name = schemeQueue + "://" + name
	}
	to, err := ParseEndpoint(name)
	if err == nil && to.Scheme() != schemeQueue {
		err = fmt.Errorf("endpoint %s: expected queue://name", to)
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("halibut: %w", err)
	}
	return to, nil
}

// queueWorker answers the calls of a queue, one after another.
type queueWorker struct {
	rt    *Runtime
	queue queue.Queue
	peer  queue.Peer
}

// run works until waiting ends. A method that ends its goroutine does not end
// the worker.
func (w *queueWorker) run(ctx, waiting context.Context) error {
	for {
		ended := make(chan error, 1)
		go func() {
			err := exchange.ErrMethodGone
			defer func() { ended <- err }()
			err = w.work(ctx, waiting)
		}()
		if err := <-ended; !errors.Is(err, exchange.ErrMethodGone) {
			return err
		}
	}
}

func (w *queueWorker) work(ctx, waiting context.Context) error {
	for {
		delivery, err := w.next(ctx, waiting)
		if err != nil {
			return err
		}
		w.answer(ctx, delivery)
	}
}

// next takes the next request. What waits in a queue in memory when the runtime
// drains is answered first: other nodes would not.
func (w *queueWorker) next(ctx, waiting context.Context) (queue.Delivery, error) {
	if waiting.Err() != nil && ctx.Err() == nil && !w.rt.sharedQueues {
		if delivery, ok := w.queue.TryNext(w.peer); ok {
			return delivery, nil
		}
	}
	delivery, err := w.queue.Next(waiting, w.peer)
	if err != nil && waiting.Err() != nil {
		err = context.Cause(waiting)
	}
	return delivery, err
}

// answer runs the method that a request names, and hands its response over.
func (w *queueWorker) answer(ctx context.Context, delivery queue.Delivery) {
	if ctx.Err() != nil {
		delivery.Return(context.Cause(ctx))
		return
	}
	running, stop := bindDelivery(ctx, delivery)
	defer stop()
	if !delivery.Started() {
		return
	}
	err := exchange.ErrMethodGone // unless the method returns
	defer func() {
		if cause := recover(); cause != nil { // in a source of a data stream, which is somebody else's code
			err = fmt.Errorf("a data stream panicked: %v", cause)
		}
		if err != nil {
			delivery.Fail(err)
		}
	}()
	request, err := w.receive(running, delivery.Request())
	var unkept *wire.SpoolError
	if err != nil && !errors.As(err, &unkept) {
		err = &exchange.CallError{Stage: exchange.Refused, Err: err} // the method was not run
		return
	}
	defer func() { _ = request.Streams.CloseAll() }()
	refused := err
	err = exchange.ErrMethodGone
	response := w.invoke(running, request, refused)
	if response.Error != nil && ctx.Err() != nil {
		err = fmt.Errorf("the service was stopped while the method ran: %w", context.Cause(ctx))
		return
	}
	if response, err = w.received(running, response, delivery.Options().StreamTo); err == nil && !delivery.Respond(response) {
		_ = response.Streams.CloseAll()
	}
}

// receive is the request as it would come from a connection: without streams
// where there is an error.
func (w *queueWorker) receive(ctx context.Context, request *wire.Request) (*wire.Request, error) {
	received := *request // which is the caller's
	var err error
	received.Streams, err = request.Streams.Received(ctx, &w.rt.answering.Reader)
	return &received, err
}

// received is the response in the same way: what the method's streams read may
// end with the request. The caller of this process may want its one stream
// elsewhere.
func (w *queueWorker) received(ctx context.Context, response *wire.Response, to io.Writer) (*wire.Response, error) {
	var streams *wire.Streams
	var err error
	if to != nil && response.Streams.Len() == 1 {
		streams, err = response.Streams.Delivered(ctx, to)
	} else {
		streams, err = response.Streams.Received(ctx, &w.rt.answering.Reader)
	}
	if err != nil {
		return nil, &exchange.CallError{Stage: exchange.Receiving, Err: err}
	}
	response.Streams = streams
	return response, nil
}

// invoke runs the method, or answers why it was refused.
func (w *queueWorker) invoke(ctx context.Context, request *wire.Request, refused error) *wire.Response {
	if request.Streams == nil {
		request.Streams = wire.NewStreams(w.rt.answering.Reader.Limits)
	}
	invocation := (*handler)(w.rt).Prepare(ctx, request)
	if missing := request.Streams.Pending(); refused == nil && missing > 0 {
		refused = fmt.Errorf("%d of its data streams did not come", missing)
	}
	if refused != nil {
		invocation.Refuse(refused)
	}
	return invocation.Run(ctx)
}

// bindDelivery makes ctx end with the delivery's context too, and by its
// deadline.
func bindDelivery(ctx context.Context, delivery queue.Delivery) (context.Context, func()) {
	caller := delivery.Context()
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(caller, func() { cancel(context.Cause(caller)) })
	release := func() { stop(); cancel(nil) }
	deadline, ok := caller.Deadline()
	if !ok {
		return ctx, release
	}
	ctx, end := context.WithDeadline(ctx, deadline)
	return ctx, func() { end(); release() }
}
