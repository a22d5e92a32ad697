package halibut

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/wire"
)

// Side tells the two ends of a call apart.
type Side uint8

const (
	// ClientSide makes the call.
	ClientSide Side = iota + 1
	// ServiceSide answers it.
	ServiceSide
)

// CallInfo is what interceptors know of a call.
type CallInfo struct {
	Side     Side
	Endpoint Endpoint // what is called; the client's side only
	Peer     Peer     // who calls; the service's side only
	Service  string
	Method   string
	// ID is the same over all tries of a call, on both sides.
	ID string
	// Try counts how often next was called, from 1; the client's side only.
	Try int
	// Idempotent: the call may be repeated although it may have run
	// ([WithIdempotent]); the client's side only.
	Idempotent bool
	// Metadata travels from client to service, if both are written in Go. A
	// client's interceptors may change it before they call next.
	Metadata map[string]string
	// Traceparent is the W3C trace context, which travels as Metadata does.
	Traceparent string
	// Deadline is when the caller stops waiting; zero where it did not say.
	Deadline time.Time
}

// Interceptor is called around each call, on the side whose Options name it.
// It calls next once for the call to be made, more than once for it to be
// repeated, and not at all to refuse it. What it returns is what the call comes
// to: at a service an error is sent to the caller as the method's own.
// Interceptors are called from any goroutine, the first one outermost.
type Interceptor func(ctx context.Context, call *CallInfo, next func(context.Context) error) error

// intercept calls the interceptors, and call within them.
func intercept(ctx context.Context, interceptors []Interceptor, info *CallInfo, call func(context.Context) error) error {
	if len(interceptors) == 0 {
		return call(ctx)
	}
	return interceptors[0](ctx, info, func(ctx context.Context) error {
		return intercept(ctx, interceptors[1:], info, call)
	})
}

type metadataKey struct{}

// WithMetadata returns a context whose calls carry metadata to services that
// are written in Go; others do not see it. It stands beside what the client's
// [Metadata] option says, and wins over it.
func WithMetadata(ctx context.Context, metadata map[string]string) context.Context {
	return context.WithValue(ctx, metadataKey{}, metadata)
}

// MetadataFromContext returns, in a service's method, what the caller sent as
// metadata. It must not be changed.
func MetadataFromContext(ctx context.Context) map[string]string {
	if s, ok := ctx.Value(servedKey{}).(*servedContext); ok && s.call != nil {
		return s.call.Metadata
	}
	return nil
}

// CallIDFromContext returns, in a service's method, the id of the call: the
// same over all tries of it, for services that must not do a thing twice.
func CallIDFromContext(ctx context.Context) (string, bool) {
	if s, ok := ctx.Value(servedKey{}).(*servedContext); ok {
		return s.callID(), true
	}
	return "", false
}

// servedContext is the context of a service's method. It may be kept for longer
// than the request.
type servedContext struct {
	context.Context
	id       string // of the request
	activity uuid.UUID
	call     *wire.CallMetadata
}

type servedKey struct{}

func (c *servedContext) Value(key any) any {
	if key == (servedKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// callID is the call's activity, or the request's id where the caller sent
// none.
func (c *servedContext) callID() string {
	if c.activity == uuid.Nil {
		return c.id
	}
	return c.activity.String()
}
