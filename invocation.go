package halibut

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime/debug"
	"sync"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/wire"
)

// handler answers the requests of all connections of a runtime.
type handler Runtime

// invocation is one request that is being answered.
type invocation struct {
	rt      *Runtime
	codec   *wire.Codec // of the result
	request *wire.Request
	method  *method
	args    []reflect.Value // the context is the first
	live    *wire.DataStream
	reads   bool // live comes from the connection itself
	places  *callPlaces
	refused *wire.ServerError // the method is not run: this is the answer

	response wire.Response

	// What most calls need is allocated with them.
	running    context.Context // that the method is given
	roomArgs   [4]reflect.Value
	roomResult [resultRoom]byte
}

var invocations = sync.Pool{New: func() any { return new(invocation) }}

// Recycle implements [exchange.Invocation]. An interceptor may have kept what
// runs the method.
func (inv *invocation) Recycle() {
	if len(inv.rt.options.Intercept) == 0 {
		wire.RecycleEncoded(inv.response.Result)
		*inv = invocation{}
		invocations.Put(inv)
	}
}

// Prepare implements [exchange.Handler].
func (h *handler) Prepare(ctx context.Context, request *wire.Request) exchange.Invocation {
	rt := (*Runtime)(h)
	inv := invocations.Get().(*invocation)
	inv.rt, inv.codec, inv.request, inv.places = rt, rt.codec, request, placesOf(ctx)
	panicked := inv.guard(func() error {
		inv.refused = inv.resolve()
		return nil
	})
	if panicked != nil { // in the decoding of a type of the service's own
		inv.refused = &wire.ServerError{Message: panicked.Error(), Details: notReceivedMarker + panicked.Error()}
	}
	if inv.refused != nil {
		inv.live = nil
	}
	return inv
}

// resolve finds the method and decodes its arguments.
func (inv *invocation) resolve() *wire.ServerError {
	found := inv.rt.services.find(inv.request.Service)
	if found == nil {
		return serviceNotFound(inv.request.Service)
	}
	overloads := found.find(inv.request.Method)
	if len(overloads) == 0 {
		return methodNotFound(found, inv.request.Method)
	}
	var room [4]wire.Raw
	raw := inv.request.Args(room[:0])
	m, refused := inv.rt.choose(overloads, raw)
	if refused != nil {
		return refused
	}
	inv.method = m
	inv.args = append(inv.roomArgs[:0], make([]reflect.Value, len(raw)+1)...)
	for i, param := range m.params {
		if err := inv.decode(i, param, raw[i]); err != nil {
			return inv.misfit(overloads, raw, i, err)
		}
	}
	return nil
}

func (inv *invocation) decode(i int, param reflect.Type, raw wire.Raw) error {
	if param == readerType {
		return inv.decodeLive(i, raw)
	}
	arg := reflect.New(param).Elem()
	inv.args[i+1] = arg
	return inv.rt.codec.DecodeOwned(raw, &inv.request.Document, inv.request.Streams, arg)
}

// decodeLive binds the stream that the method reads from the connection.
func (inv *invocation) decodeLive(i int, raw wire.Raw) error {
	var stream *wire.DataStream
	if err := inv.rt.codec.Decode(raw, inv.request.Streams, &stream); err != nil {
		return err
	}
	if stream == nil {
		return errors.New("a data stream is needed here, not null")
	}
	inv.live = stream
	return nil
}

// misfit is the answer to an argument that its parameter cannot take.
func (inv *invocation) misfit(overloads []*method, raw []wire.Raw, i int, err error) *wire.ServerError {
	var unknown *wire.TypeError
	if errors.As(err, &unknown) {
		return &wire.ServerError{
			Message: fmt.Sprintf("argument %d of %s.%s: %v", i+1, inv.request.Service, inv.request.Method, err),
			Details: typeNotAllowedMarker + err.Error(),
		}
	}
	refused := inv.rt.undecided(overloads, raw)
	refused.Message += fmt.Sprintf("argument %d does not fit: %v\n", i+1, err)
	return refused
}

// choose picks the overload: the exact match in .NET's sense, else the only one
// that fits when numbers and texts may be converted.
func (rt *Runtime) choose(overloads []*method, raw []wire.Raw) (*method, *wire.ServerError) {
	var counted []*method
	for _, m := range overloads {
		if len(m.params) == len(raw) {
			counted = append(counted, m)
		}
	}
	switch len(counted) {
	case 0:
		return nil, rt.undecided(overloads, raw)
	case 1:
		return counted[0], nil // what its arguments lack is told by decoding them
	}
	var exact, liberal []*method
	for _, m := range counted {
		switch rt.fit(m, raw) {
		case wire.Exact:
			exact = append(exact, m)
		case wire.Liberal:
			liberal = append(liberal, m)
		}
	}
	switch {
	case len(exact) == 1:
		return exact[0], nil
	case len(exact) > 1:
		return nil, rt.ambiguous(exact, raw)
	case len(liberal) == 1:
		return liberal[0], nil
	case len(liberal) > 1:
		return nil, rt.ambiguous(liberal, raw)
	default:
		return nil, rt.undecided(counted, raw)
	}
}

// fit is how well the worst of the arguments fits.
func (rt *Runtime) fit(m *method, raw []wire.Raw) wire.Fit {
	worst := wire.Exact
	for i, param := range m.params {
		if param == readerType {
			param = reflect.TypeFor[*wire.DataStream]()
		}
		worst = min(worst, rt.codec.Fit(raw[i], param))
	}
	return worst
}

// Live implements [exchange.Invocation]. Where the call has to wait for others
// of its peer its stream is kept like any other: nobody would read it.
func (inv *invocation) Live() *wire.DataStream {
	if inv.live == nil || inv.places.full() {
		return nil
	}
	inv.reads = true
	return inv.live
}

// Refuse implements [exchange.Invocation].
func (inv *invocation) Refuse(err error) {
	inv.refused = &wire.ServerError{
		Message: "the request could not be received: " + err.Error(),
		Details: notReceivedMarker + err.Error(),
	}
}

// resultRoom is as much as most results take.
const resultRoom = 64

// Run implements [exchange.Invocation].
func (inv *invocation) Run(ctx context.Context) *wire.Response {
	panicked := inv.guard(func() error {
		inv.answer(ctx)
		return nil
	})
	if panicked != nil { // outside of the method: in its error's text, or in the encoding of its result
		inv.response = wire.Response{ID: inv.request.ID, Error: invocationFailed("System.Exception", panicked.Error())}
	}
	return &inv.response
}

func (inv *invocation) answer(ctx context.Context) {
	response := &inv.response
	response.ID, response.Error = inv.request.ID, inv.refused
	if inv.refused != nil {
		return
	}
	places := inv.places
	if inv.reads {
		places = places.tryTake() // it had one when the stream began
	} else if err := places.take(ctx, inv.rt.callWaits); err != nil {
		inv.Refuse(err)
		response.Error = inv.refused
		return
	}
	defer places.free()
	result, failure := inv.serve(ctx)
	if failure == nil {
		var err error
		response.Result, err = inv.codec.EncodeResultValue(inv.roomResult[:0], &response.Streams, result)
		if err != nil {
			inv.rt.log.Error("a result cannot be sent", "service", inv.method.service, "method", inv.method.name, "error", err)
			failure = invocationFailed("System.InvalidOperationException", "the result of the method cannot be sent: "+err.Error())
			response.Streams, response.Result = nil, wire.Raw{}
		}
	}
	response.Error = failure
}

// serve runs the method with its context, within the interceptors.
func (inv *invocation) serve(ctx context.Context) (result reflect.Value, failure *wire.ServerError) {
	if call := inv.request.Call; call != nil && call.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, call.Timeout)
		defer cancel()
	}
	served := &servedContext{ctx, inv.request.ID, inv.request.ActivityID, inv.request.Call}
	interceptors := inv.rt.options.Intercept
	if len(interceptors) == 0 {
		return inv.call(served)
	}
	return inv.intercepted(served, interceptors)
}

// intercepted runs the method within the interceptors.
func (inv *invocation) intercepted(ctx *servedContext, interceptors []Interceptor) (result reflect.Value, failure *wire.ServerError) {
	err := inv.guard(func() error {
		return intercept(ctx, interceptors, inv.info(ctx), func(ctx context.Context) error {
			if result, failure = inv.call(ctx); failure != nil {
				return &methodError{failure}
			}
			return nil
		})
	})
	var own *methodError
	switch {
	case err == nil:
		return result, nil
	case errors.As(err, &own):
		return result, own.failure
	default:
		return result, userError(err)
	}
}

// methodError is a method's failure on its way through the interceptors.
type methodError struct{ failure *wire.ServerError }

func (e *methodError) Error() string { return e.failure.Message }

func (inv *invocation) info(ctx *servedContext) *CallInfo {
	info := &CallInfo{
		Side: ServiceSide, Service: inv.method.service, Method: inv.method.name,
		ID: ctx.callID(), Metadata: MetadataFromContext(ctx),
	}
	info.Peer, _ = PeerFromContext(ctx)
	info.Deadline, _ = ctx.Deadline()
	if call := inv.request.Call; call != nil {
		info.Traceparent = call.Traceparent
	}
	return info
}

// guard runs f as recovered says.
func (inv *invocation) guard(f func() error) (err error) {
	defer inv.recovered(&err)
	return f()
}

// recovered ends a panic: it ends the call and nothing else. The caller gets a
// fixed text and an id, under which the log has the rest.
func (inv *invocation) recovered(err *error) {
	if cause := recover(); cause != nil {
		id := rand.Text()
		service, method := inv.named()
		inv.rt.log.Error("a service panicked", "service", service, "method", method,
			"id", id, "panic", cause, "stack", string(debug.Stack()))
		*err = errors.New("the service failed unexpectedly; its log has the reason under the id " + id)
	}
}

// named is what was called, by the method's own names once it is known: what an
// interceptor has left behind may run when the request is gone.
func (inv *invocation) named() (service, method string) {
	if inv.method != nil {
		return inv.method.service, inv.method.name
	}
	return inv.request.Service, inv.request.Method
}

// call runs the method.
func (inv *invocation) call(ctx context.Context) (reflect.Value, *wire.ServerError) {
	result, err := inv.run(ctx)
	if err != nil {
		return result, userError(err)
	}
	return result, nil
}

func (inv *invocation) run(ctx context.Context) (result reflect.Value, err error) {
	defer inv.recovered(&err)
	fn, release, err := inv.method.function(ctx)
	defer release()
	if err != nil {
		return result, err
	}
	inv.running = ctx
	inv.args[0] = reflect.ValueOf(&inv.running).Elem() // a value of the interface's type: none has to be made for the call
	if inv.live != nil {
		source, err := inv.live.Open()
		if err != nil {
			return result, err
		}
		defer source.Close()
		inv.args[len(inv.args)-1] = reflect.ValueOf(&liveReader{source})
	}
	out := fn.Call(inv.args)
	if len(out) == 2 {
		result = out[0]
	}
	err, _ = out[len(out)-1].Interface().(error)
	return result, err
}

// liveReader is what a method gets to read from the connection: not its Close.
type liveReader struct{ source io.Reader }

// Read implements [io.Reader].
func (r *liveReader) Read(p []byte) (int, error) { return r.source.Read(p) }

// WriteTo implements [io.WriterTo], for io.Copy.
func (r *liveReader) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, r.source) }
