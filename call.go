package halibut

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// call is one call under way.
type call struct {
	client          *Client
	service, method string
	args            []any
	result          any
	activity        uuid.UUID // the same over all tries
	info            *CallInfo // nil without interceptors
	limits          CallLimits
	request         *sentRequest // of the try that was made last
	exchange        exchange.Call
	abandoned       bool      // a connection that failed may know the call still
	streamTo        *streamTo // nil without WithStreamTo

	// What the response came to. It is written in the connection's reading
	// goroutine, which the call waits for.
	response  wire.Response
	decodeErr error
}

// sentRequest is a request with room for the params of most calls.
type sentRequest struct {
	wire.Request
	room [paramsRoom]byte
	sent bool // somebody may still read it
}

var calls = sync.Pool{New: func() any { return new(call) }}

// recycle gives up a call that has succeeded. Its request goes with it unless it
// was left to somebody else. An interceptor may have kept what makes the call.
func (c *call) recycle() {
	if c.abandoned || c.info != nil {
		return
	}
	request := c.request
	if request.sent {
		request = nil
	} else {
		wire.RecycleEncoded(request.Params)
		request.Request = wire.Request{}
	}
	*c = call{request: request}
	calls.Put(c)
}

// newActivity makes the random id of the call. It has to differ from others,
// and need not be hard to guess.
func (c *call) newActivity() {
	binary.NativeEndian.PutUint64(c.activity[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(c.activity[8:], rand.Uint64())
	c.activity[6] = c.activity[6]&0x0f | 0x40
	c.activity[8] = c.activity[8]&0x3f | 0x80
}

// run makes the call within the interceptors.
func (c *call) run(ctx context.Context) error {
	c.newActivity()
	client := c.client
	interceptors := client.rt.options.Intercept
	if len(interceptors) == 0 {
		return c.make(ctx)
	}
	c.info = &CallInfo{
		Side: ClientSide, Endpoint: client.to, Service: c.service, Method: c.method,
		ID: c.activity.String(), Idempotent: IsIdempotent(ctx), Metadata: client.metadata(ctx),
	}
	c.info.Deadline, _ = ctx.Deadline()
	return intercept(ctx, interceptors, c.info, func(ctx context.Context) error {
		c.info.Try++
		return c.make(ctx)
	})
}

// make makes the call once: one request, on as many connections as it takes to
// send it.
func (c *call) make(ctx context.Context) error {
	if c.streamTo != nil {
		return c.makeTo(ctx)
	}
	return c.makeOnce(ctx)
}

func (c *call) makeOnce(ctx context.Context) error {
	rt := c.client.rt
	err := rt.enter(&rt.work)
	if err != nil {
		return c.fail(&Error{Code: CodeClosed, Outcome: NotSent, cause: err})
	}
	defer rt.work.Done()
	if err := ctx.Err(); err != nil {
		return c.fail(&Error{Code: contextCode(ctx), Outcome: NotSent, Message: "gave up before anything was sent: " + err.Error(), cause: err})
	}
	if err := c.encode(ctx); err != nil {
		return c.fail(err)
	}
	c.limits = c.client.limits(ctx)
	scheme := c.client.to.Scheme()
	switch stream, calls := rt.reaches(scheme); {
	case stream:
		err = c.toListening(ctx, (*call).tryListening)
	case calls != nil:
		err = c.toListening(ctx, (*call).tryRoundTrip)
	case scheme == schemePoll, scheme == schemeQueue:
		err = c.toQueue(ctx)
	default:
		err = noTransport(c.client.to)
	}
	if err != nil {
		return c.fail(err)
	}
	return c.outcome(ctx)
}

// paramsRoom is as much as the arguments of most calls take.
const paramsRoom = 64

func (c *call) encode(ctx context.Context) error {
	c.response, c.decodeErr = wire.Response{}, nil
	if c.request == nil || c.request.sent || c.abandoned { // who had the last try may still read that one's request
		c.request = new(sentRequest)
	}
	c.request.Request = wire.Request{
		ID:         requestID(c.service, c.method, c.client.calls.Add(1), c.activity),
		ActivityID: c.activity,
		Endpoint:   c.client.wire,
		Service:    c.service,
		Method:     c.method,
		Call:       c.metadata(ctx),
	}
	params, err := c.client.codec.EncodeParams(c.request.room[:0], &c.request.Streams, c.args)
	if err != nil {
		return &Error{Code: valueCode(err), Outcome: NotSent, Message: "an argument cannot be sent: " + err.Error(), cause: err}
	}
	c.request.Params = params
	return nil
}

// metadata is what a service that is written in Go is told about the call.
func (c *call) metadata(ctx context.Context) *wire.CallMetadata {
	var m wire.CallMetadata
	if c.info != nil {
		m.Metadata, m.Traceparent = c.info.Metadata, c.info.Traceparent
	} else {
		m.Metadata = c.client.metadata(ctx)
	}
	if deadline, ok := ctx.Deadline(); ok {
		m.Timeout = max(time.Until(deadline), time.Millisecond)
	}
	if m.Timeout == 0 && m.Traceparent == "" && len(m.Metadata) == 0 {
		return nil
	}
	sent := m
	return &sent
}

// requestID is the id in the reference's form: contract, method, a number and
// the activity.
func requestID(service, method string, n uint64, activity uuid.UUID) string {
	var room [128]byte
	b := append(room[:0], service...)
	b = append(b, "::"...)
	b = append(b, method...)
	b = append(b, '[')
	b = strconv.AppendUint(b, n, 10)
	b = append(b, "] / "...)
	text := [36]byte{8: '-', 13: '-', 18: '-', 23: '-'}
	hex.Encode(text[:8], activity[:4])
	hex.Encode(text[9:13], activity[4:6])
	hex.Encode(text[14:18], activity[6:8])
	hex.Encode(text[19:23], activity[8:10])
	hex.Encode(text[24:], activity[10:])
	b = append(b, text[:]...)
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
	case errors.As(err, &stream), errors.Is(err, wire.ErrStreamUsed):
		return CodeStream
	default:
		return CodeTypeNotAllowed
	}
}

// Started implements [exchange.Receiver].
func (c *call) Started() bool { return true }

// Complete implements [exchange.Receiver].
func (c *call) Complete(*wire.Response) {}

// Receive takes the response in the connection's reading goroutine.
func (c *call) Receive(response *wire.Response) { c.receive(response, &response.Document) }

// receive takes the response, and, if it is given, its document.
func (c *call) receive(response *wire.Response, document *[]byte) {
	c.response = *response
	c.response.Result, c.response.Document = wire.Raw{}, nil // which are gone soon
	if response.Error != nil || c.result == nil {
		return
	}
	codec := c.client.rt.codec
	if result := reflect.ValueOf(c.result); result.Kind() == reflect.Pointer && !result.IsNil() {
		c.decodeErr = codec.DecodeOwned(response.Result, document, response.Streams, result.Elem())
	} else {
		c.decodeErr = codec.Decode(response.Result, response.Streams, c.result) // says what is wrong
	}
}

// StreamTo implements [exchange.Receiver].
func (c *call) StreamTo() io.Writer {
	if c.streamTo == nil || c.response.Error != nil || c.decodeErr != nil {
		return nil
	}
	return c.streamTo.try
}

// outcome is what a call came to that got a response.
func (c *call) outcome(ctx context.Context) error {
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
	case c.streamTo != nil:
		if err := c.writeStream(ctx); err != nil {
			return c.fail(err)
		}
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
	e.Endpoint, e.Method = c.client.to.String(), c.service+"."+c.method
	if e.Code == CodeTransfer && c.client.rt.life.Err() != nil {
		e.Code, e.cause = CodeClosed, ErrClosed // that is what ended the connection
	}
	return e
}

// toListening tries the call, on a pooled or a new connection, until it was
// made or may not be tried again.
func (c *call) toListening(ctx context.Context, attempt func(*call, context.Context) error) error {
	rt := c.client.rt
	limits := rt.limits
	start := time.Now()
	var first error
	for try := 1; ; try++ {
		err := attempt(c, ctx)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
		if lasting(err) || try >= c.limits.Tries ||
			(limits.ConnectWindow > 0 && time.Since(start) >= limits.ConnectWindow) {
			return tried(err, first, try, time.Since(start))
		}
		rt.log.Debug("trying again", "endpoint", c.client.to, "try", try, "error", err)
		if sleep(ctx, limits.ConnectPause, rt.life.Done()) != nil {
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
	if first != err && first.Error() != err.Error() {
		e.first = first
	}
	e.Attempts, e.Elapsed = tries, elapsed
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
		made := &c.exchange
		if c.abandoned {
			made = new(exchange.Call)
		}
		*made = exchange.Call{
			Request: &c.request.Request, Receiver: c, Response: c.responseWait(ctx),
			Together: c.client.options.together, EagerNext: c.client.options.eagerNext,
		}
		err = conn.Do(ctx, made)
		if err == nil {
			rt.pool.Put(c.client.to, conn)
			return nil
		}
		c.abandoned = true
		if conn.Err() == nil {
			rt.pool.Put(c.client.to, conn) // the call failed and the connection did not
		} else {
			rt.pool.Remove(c.client.to, conn)
		}
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
	return c.limits.Response
}

func (c *call) poolError(ctx context.Context, err error) error {
	rt := c.client.rt
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	e = rt.connectError(ctx, c.client.to, nil, err)
	if ctx.Err() != nil {
		e.Message = fmt.Sprintf("gave up while all %d connections were in use (Limits.PoolConnections): %v", rt.limits.PoolConnections, ctx.Err())
	}
	return e
}

// open dials a connection for the pool and starts its reading goroutine.
func (c *call) open(ctx context.Context) (*exchange.Client, error) {
	rt, to := c.client.rt, c.client.to
	self := wire.Identity{Role: wire.RoleClient, Words: rt.words}
	ctx, unbind := rt.bind(ctx)
	defer unbind()
	session, peer, err := rt.connect(ctx, to, c.client.options.serverName, self, &rt.calling.Reader)
	if err != nil {
		return nil, err
	}
	peer.Role = RoleService
	made := Connection{Peer: peer, Dialled: true, Since: time.Now()}
	var conn *exchange.Client
	conn = session.Client(&rt.calling, func(err error) {
		rt.pool.Remove(to, conn)
		rt.options.Trace.disconnected(made, err)
	})
	rt.options.Trace.connected(made)
	rt.work.Go(conn.Run)
	return conn, nil
}

// toQueue puts the call into the queue of a polling service, or of those who
// serve a shared queue.
func (c *call) toQueue(ctx context.Context) error {
	q, err := c.client.rt.queues.Queue(c.client.to.String())
	if err != nil {
		return queueError(ctx, err, false)
	}
	waiting := ctx
	if !c.client.rt.ownQueues { // our own are closed when the runtime ends
		var unbind func()
		waiting, unbind = c.client.rt.bind(ctx)
		defer unbind()
	}
	c.request.sent = true
	options := queue.SendOptions{
		PickUp:   c.limits.PickUp,
		Response: c.responseWait(ctx),
		Pins:     c.client.pins,
	}
	if c.streamTo != nil {
		options.StreamTo = c.streamTo.try
	}
	response, err := q.Send(waiting, &c.request.Request, options)
	if err != nil {
		return queueError(waiting, err, true)
	}
	if c.client.rt.sharedQueues { // the response may be somebody else's too
		c.receive(response, nil)
	} else { // in memory nobody reads the request when Send has returned without an error
		c.request.sent = false
		c.receive(response, &response.Document)
		wire.RecycleResponse(response)
	}
	if missing := c.response.Streams.Pending(); c.decodeErr == nil && missing > 0 {
		c.decodeErr = fmt.Errorf("%d data streams of the result did not come", missing)
	}
	return nil
}
