package halibut

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// Caller makes calls. It is what generated clients need, and what *[Client] is.
type Caller interface {
	// Call calls a method and stores what it returns in result, a pointer, or
	// nothing if that is nil. Names are those of the contract, such as
	// "IEchoService" and "SayHello"; they are matched without case. Errors are
	// *Error.
	Call(ctx context.Context, service, method string, result any, args ...any) error
}

// Call calls a method that returns a T.
func Call[T any](ctx context.Context, c Caller, service, method string, args ...any) (T, error) {
	var result T
	err := c.Call(ctx, service, method, &result, args...)
	return result, err
}

// Client makes calls to one endpoint. It may be used from any goroutine, and
// any number of calls may be under way: to a listening service each has a
// connection of its own, for a polling service they wait in its queue.
type Client struct {
	rt      *Runtime
	to      Endpoint
	options clientOptions
	wire    *wire.Endpoint
	pins    []string
	calls   atomic.Uint64
}

type clientOptions struct {
	serverName string
	response   time.Duration
	tries      int
}

// ClientOption is an option of one client.
type ClientOption func(*clientOptions)

// ServerName is the name that the client asks for in the TLS handshake (SNI),
// in place of the endpoint's host: for a port that several hosts share.
func ServerName(name string) ClientOption { return func(o *clientOptions) { o.serverName = name } }

// ResponseWait is how long the client waits for the first byte of a response,
// in place of Limits.Response. Negative is no limit. A context's deadline
// stands in for either.
func ResponseWait(d time.Duration) ClientOption { return func(o *clientOptions) { o.response = d } }

// Retries is how many further connections a call tries while it is certain
// that nothing has reached the peer, in place of Limits.ConnectTries - 1.
func Retries(n int) ClientOption { return func(o *clientOptions) { o.tries = max(n, 0) + 1 } }

// Client returns a client for an endpoint. It opens nothing; whoever opens the
// connection, calls are made in the same way.
func (rt *Runtime) Client(to Endpoint, opts ...ClientOption) *Client {
	c := &Client{rt: rt, to: to}
	c.options.tries = rt.limits.ConnectTries
	for _, option := range opts {
		option(&c.options)
	}
	l := rt.limits
	c.wire = &wire.Endpoint{
		BaseURI:                     to.String(),
		PollingRequestQueueTimeout:  wire.TimeSpanOf(max(l.PickUp, 0)),
		RetryListeningSleepInterval: wire.TimeSpanOf(l.ConnectPause),
		RetryCountLimit:             int32(c.options.tries),
		ConnectionErrorRetryTimeout: wire.TimeSpanOf(l.ConnectWindow),
		TCPClientConnectTimeout:     wire.TimeSpanOf(l.Connect),
		IsWebSocketEndpoint:         to.Scheme() == "wss",
	}
	for _, pin := range to.Pins() {
		c.pins = append(c.pins, pin.String())
	}
	if len(c.pins) > 0 {
		c.wire.RemoteThumbprint = c.pins[0]
	}
	return c
}

// Endpoint is what the client calls.
func (c *Client) Endpoint() Endpoint { return c.to }

// Call implements [Caller]. A call to a listening service is tried again, on a
// new connection, only while nothing of it can have reached the service.
// When ctx ends, the connection under the call is closed, which ends the
// context of the service's method if the service is written in Go.
func (c *Client) Call(ctx context.Context, service, method string, result any, args ...any) error {
	call := &call{client: c, method: service + "." + method, result: result}
	if err := call.encode(service, method, args); err != nil {
		return err
	}
	err := c.rt.enter()
	if err != nil {
		return call.fail(&Error{Code: CodeClosed, Outcome: NotSent, cause: err})
	}
	defer c.rt.work.Done()
	switch c.to.Scheme() {
	case "https":
		err = call.toListening(ctx)
	case "poll":
		err = call.toPolling(ctx)
	default:
		err = &Error{Code: CodeConnect, Outcome: NotSent, Message: "calls to " + c.to.Scheme() + ":// endpoints need a transport"}
	}
	if err != nil {
		return call.fail(err)
	}
	return call.outcome()
}

// call is one call under way.
type call struct {
	client  *Client
	method  string
	request wire.Request
	result  any

	// What the response came to. It is written in the connection's reading
	// goroutine, which the call waits for.
	response  *wire.Response
	decodeErr error
}

func (c *call) encode(service, method string, args []any) error {
	activity := uuid.New()
	c.request = wire.Request{
		ID:         requestID(service, method, c.client.calls.Add(1), activity),
		ActivityID: activity,
		Endpoint:   c.client.wire,
		Service:    service,
		Method:     method,
	}
	params, err := c.client.rt.codec.EncodeParams(nil, &c.request.Streams, args)
	if err != nil {
		return c.fail(&Error{Code: valueCode(err), Outcome: NotSent, Message: "an argument cannot be sent: " + err.Error(), cause: err})
	}
	c.request.Params = params
	return nil
}

// requestID is the id in the reference's form: contract, method, a number and
// the activity.
func requestID(service, method string, n uint64, activity uuid.UUID) string {
	b := make([]byte, 0, len(service)+len(method)+64)
	b = append(b, service...)
	b = append(b, "::"...)
	b = append(b, method...)
	b = append(b, '[')
	b = strconv.AppendUint(b, n, 10)
	b = append(b, "] / "...)
	b = append(b, activity.String()...)
	return string(b)
}

// valueCode tells a stream's or a limit's failure from a value's.
func valueCode(err error) Code {
	var (
		limit  *wire.LimitError
		stream *wire.StreamError
	)
	switch {
	case errors.As(err, &limit):
		return CodeLimit
	case errors.As(err, &stream):
		return CodeStream
	default:
		return CodeTypeNotAllowed
	}
}

// receive takes the response in the connection's reading goroutine.
func (c *call) receive(response *wire.Response) {
	c.response = response
	if response.Error == nil && c.result != nil {
		c.decodeErr = c.client.rt.codec.Decode(response.Result, response.Streams, c.result)
	}
}

// outcome is what a call came to that got a response.
func (c *call) outcome() error {
	switch {
	case c.response.Error != nil:
		c.response.Streams.CloseAll()
		return c.fail(remoteError(c.response.Error))
	case c.decodeErr != nil:
		c.response.Streams.CloseAll()
		return c.fail(&Error{
			Code: valueCode(c.decodeErr), Outcome: Ran, Phase: PhaseReceiving,
			Message: "the method ran, and its result does not fit: " + c.decodeErr.Error(), cause: c.decodeErr,
		})
	case c.result == nil:
		c.response.Streams.CloseAll()
	}
	return nil
}

// fail completes an error with what was called.
func (c *call) fail(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: CodeTransfer, cause: err}
	}
	e.Endpoint, e.Method = c.client.to.String(), c.method
	return e
}

// toListening makes the call on a pooled or a new connection.
func (c *call) toListening(ctx context.Context) error {
	rt := c.client.rt
	limits := rt.limits
	start := time.Now()
	var first error
	for try := 1; ; try++ {
		err := c.tryListening(ctx)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
		if lasting(err) || try >= c.client.options.tries ||
			(limits.ConnectWindow > 0 && time.Since(start) >= limits.ConnectWindow) {
			return tried(err, first, try, time.Since(start))
		}
		rt.log.Debug("trying again", "endpoint", c.client.to, "try", try, "error", err)
		if sleep(ctx, limits.ConnectPause) != nil {
			return tried(rt.connectError(ctx, c.client.to, nil, ctx.Err()), first, try, time.Since(start))
		}
	}
}

// tried says in the last error how often and how long it was tried, and what
// came first, if that was something else.
func tried(err, first error, tries int, elapsed time.Duration) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	e.Attempts, e.Elapsed = tries, elapsed
	if first != err && first.Error() != err.Error() {
		e.first = first
	}
	return e
}

// tryListening tries pooled connections until one is alive, and then a new
// one. A pooled connection that turns out to be dead costs no try.
func (c *call) tryListening(ctx context.Context) error {
	rt := c.client.rt
	for {
		conn, reused, err := rt.pool.Get(ctx, c.client.to, c.open)
		if err != nil {
			return c.poolError(ctx, err)
		}
		err = conn.Do(ctx, &exchange.Call{Request: &c.request, Receive: c.receive, Response: c.responseWait(ctx)})
		if err == nil {
			rt.pool.Put(c.client.to, conn)
			return nil
		}
		rt.pool.Remove(c.client.to, conn)
		failed := exchangeError(ctx, err)
		if reused && ctx.Err() == nil && !lasting(failed) {
			continue
		}
		return failed
	}
}

// responseWait: a deadline of the context stands in for the limit on the
// response.
func (c *call) responseWait(ctx context.Context) time.Duration {
	if _, ok := ctx.Deadline(); ok {
		return -1
	}
	return c.client.options.response
}

func (c *call) poolError(ctx context.Context, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return c.client.rt.connectError(ctx, c.client.to, nil, err)
}

// open dials a connection for the pool and starts its reading goroutine.
func (c *call) open(ctx context.Context) (*exchange.Client, error) {
	rt, to := c.client.rt, c.client.to
	self := wire.Identity{Role: wire.RoleClient, Words: capabilityWords}
	ctx, unbind := rt.bind(ctx)
	defer unbind()
	session, _, err := rt.connect(ctx, to, c.client.options.serverName, self, &rt.calling.Reader)
	if err != nil {
		return nil, err
	}
	var conn *exchange.Client
	conn = session.Client(&rt.calling, func(error) { rt.pool.Remove(to, conn) })
	rt.work.Go(conn.Run)
	return conn, nil
}

// toPolling puts the call into the queue of a polling service.
func (c *call) toPolling(ctx context.Context) error {
	q, err := c.client.rt.queues.Queue(c.client.to.Subscription())
	if err != nil {
		return queueError(ctx, err)
	}
	response, err := q.Send(ctx, &c.request, queue.SendOptions{
		PickUp: c.client.rt.limits.PickUp,
		Pins:   c.client.pins,
	})
	if err != nil {
		return queueError(ctx, err)
	}
	c.receive(response)
	if missing := response.Streams.Pending(); c.decodeErr == nil && missing > 0 {
		c.decodeErr = fmt.Errorf("%d data streams of the result did not come", missing)
	}
	return nil
}

// exchangeError puts the failure of a call on a connection into an *Error.
func exchangeError(ctx context.Context, err error) *Error {
	e := &Error{Code: CodeTransfer, Outcome: Unknown, Phase: PhaseSent, cause: err}
	var failed *exchange.CallError
	if errors.As(err, &failed) {
		err = failed.Err
		if failed.Stage == exchange.Preparing {
			e.Outcome, e.Phase = NotSent, PhaseConnecting
		}
	}
	e.cause = err
	var (
		protocol *wire.ProtocolError
		limit    *wire.LimitError
		stream   *wire.StreamError
		timeout  net.Error
	)
	switch {
	case ctx.Err() != nil:
		e.Code, e.cause = contextCode(ctx), contextCause(ctx)
		e.Message = "gave up: " + e.cause.Error()
	case errors.Is(err, exchange.ErrClosed):
		e.Code, e.cause = CodeClosed, ErrClosed
	case errors.As(err, &protocol):
		e.Code = CodeProtocol
	case errors.As(err, &limit):
		e.Code = CodeLimit
	case errors.As(err, &stream):
		e.Code = CodeStream
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Message = err.Error()
	}
	if e.Message == "" {
		e.Message = err.Error()
	}
	if e.Outcome == Unknown {
		e.Message += " (the method may have run)"
	}
	return e
}

// queueError puts the failure of a queued call into an *Error.
func queueError(ctx context.Context, err error) error {
	e := &Error{Code: CodeTransfer, Outcome: NotSent, Phase: PhaseQueued, cause: err}
	var failed *queue.Error
	if errors.As(err, &failed) {
		e.Addr = failed.Peer.Addr
		var onConnection *exchange.CallError
		if errors.As(failed.Err, &onConnection) {
			inner := exchangeError(ctx, onConnection)
			e.Code, e.Message = inner.Code, inner.Message
		}
		switch failed.Stage {
		case queue.Collected:
			e.Phase = PhaseCollected
		case queue.Started:
			e.Outcome, e.Phase = Unknown, PhaseSent
		}
	}
	switch {
	case errors.Is(err, queue.ErrNotCollected):
		e.Code = CodeQueueTimeout
		e.Hint = "No polling service that may have the request was connected, or all of them were busy"
	case errors.Is(err, queue.ErrFull):
		e.Code = CodeLimit
	case ctx.Err() != nil:
		e.Code, e.cause = contextCode(ctx), contextCause(ctx)
	case errors.Is(err, queue.ErrClosed):
		e.Code, e.cause = CodeClosed, ErrClosed
	}
	if e.Message == "" {
		e.Message = err.Error()
	}
	return e
}
