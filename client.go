package halibut

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

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
	codec   *wire.Codec
	pins    []string
	calls   atomic.Uint64
}

type clientOptions struct {
	serverName string
	limits     CallLimits
	metadata   map[string]string
	together   bool
	eagerNext  bool
}

// ClientOption is an option of one client.
type ClientOption func(*clientOptions)

// ServerName is the name that the client asks for in the TLS handshake (SNI),
// in place of the endpoint's host: for a port that several hosts share.
func ServerName(name string) ClientOption { return func(o *clientOptions) { o.serverName = name } }

// ResponseWait is how long the client waits for the first byte of a response,
// in place of Limits.Response. Negative is no limit. A context's deadline
// stands in for either. A call to a polling service waits so from when its
// request was written; where the queue is shared by several nodes it is the
// node with the connection that waits, by its own Limits.Response.
func ResponseWait(d time.Duration) ClientOption {
	return func(o *clientOptions) { o.limits.Response = d }
}

// PickUpWait is how long a call waits to be collected by a polling service, in
// place of Limits.PickUp. Negative is no limit.
func PickUpWait(d time.Duration) ClientOption {
	return func(o *clientOptions) { o.limits.PickUp = d }
}

// Retries is how many further connections a call tries while it is certain
// that nothing has reached the peer, in place of Limits.ConnectTries - 1.
func Retries(n int) ClientOption {
	return func(o *clientOptions) { o.limits.Tries = max(n, 0) + 1 }
}

// Metadata is sent with each call to services that are written in Go, which find
// it by [MetadataFromContext]; others do not see it.
func Metadata(metadata map[string]string) ClientOption {
	return func(o *clientOptions) { o.metadata = maps.Clone(metadata) }
}

// PeerAtLeast says that the service is of a .NET release, such as "5.0", or a
// later one. From 5.0 on NEXT goes with the next request, which saves a round
// trip a call; older releases would lose the request. A call whose first byte
// was written so is not safe to retry, and a service that ends a pooled
// connection at that moment is told apart no longer. Services written in Go
// need no such option. A release that cannot be read panics.
func PeerAtLeast(release string) ClientOption {
	major, _, _ := strings.Cut(release, ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		panic(fmt.Errorf("halibut: PeerAtLeast needs a release such as \"5.0\", and got %q", release))
	}
	return func(o *clientOptions) { o.together = n >= 5 }
}

// EagerNext has the client say NEXT as soon as it has a response, and collect
// PROCEED while nobody waits: the next call to a .NET service of any release
// then is one round trip. Such a connection is kept longer
// (Limits.PoolIdleProceeded). The first call on it is not safe to retry once its
// first byte was written, although the service may have ended meanwhile.
func EagerNext() ClientOption { return func(o *clientOptions) { o.eagerNext = true } }

// Client returns a client for an endpoint. It opens nothing; whoever opens the
// connection, calls are made in the same way.
func (rt *Runtime) Client(to Endpoint, opts ...ClientOption) *Client {
	c := &Client{rt: rt, to: to, codec: rt.codecFor(to)}
	l := rt.limits
	c.options.limits = CallLimits{PickUp: l.PickUp, Tries: l.ConnectTries}
	for _, option := range opts {
		option(&c.options)
	}
	c.wire = &wire.Endpoint{
		BaseURI:                     to.String(),
		PollingRequestQueueTimeout:  wire.TimeSpanOf(max(c.options.limits.PickUp, 0)),
		RetryListeningSleepInterval: wire.TimeSpanOf(l.ConnectPause),
		RetryCountLimit:             int32(c.options.limits.Tries),
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
	call := calls.Get().(*call)
	call.client, call.service, call.method, call.result, call.args = c, service, method, result, args
	if to := streamToOf(ctx); to != nil {
		return call.runTo(ctx, to)
	}
	err := call.run(ctx)
	if err == nil {
		call.recycle()
	}
	return err
}

// metadata is what the client's option and the context say, in a map of the
// call's own.
func (c *Client) metadata(ctx context.Context) map[string]string {
	own, _ := ctx.Value(metadataKey{}).(map[string]string)
	if len(own)+len(c.options.metadata) == 0 {
		return nil
	}
	merged := maps.Clone(c.options.metadata)
	if merged == nil {
		merged = make(map[string]string, len(own))
	}
	maps.Copy(merged, own)
	return merged
}
