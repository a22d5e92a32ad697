package halibut

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/halibut-go/halibut/internal/dial"
	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/internal/mutualtls"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// Options are what a runtime may be told. A nil *Options and zero fields are
// valid. They must not be changed after New.
type Options struct {
	// Services are what peers may call, through Serve and Poll. Nil: none.
	Services *Services
	// Authorizer decides about every peer that connects to Serve. Nil admits
	// nobody. Peers that this side dials are told by the endpoint's pins.
	Authorizer Authorizer
	// Queues are where calls to polling services wait. Nil: in memory. The
	// runtime does not close a provider that it was given.
	Queues queue.Provider
	// Limits are waits and sizes.
	Limits Limits
	// Types are the Go types that .NET type names stand for where a value's
	// type is not given by the place it stands in. No other name ever makes a
	// value.
	Types map[string]reflect.Type
	// Logger gets what happens to connections. Nil is silent.
	Logger *slog.Logger
	// Trace is told what happens to connections. Nil is nobody.
	Trace *Trace
	// Page is what a browser gets that opens the port of Serve.
	Page Page
	// Intercept are called around each call that this runtime makes and each
	// that it answers, the first one outermost.
	Intercept []Interceptor
	// Compression says which arguments and results are compressed. Zero decides
	// by how near the peer is.
	Compression Compression
	// TempDir is where received data streams that do not fit into memory are
	// kept. "": os.TempDir().
	TempDir string
	// GetCertificate, if not nil, gives the certificate for each connection
	// that is accepted, and GetClientCertificate for each that is dialled, in
	// place of the one that New got: a certificate can be replaced so without
	// a restart.
	GetCertificate       func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	GetClientCertificate func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	// MinTLS is the lowest TLS version, tls.VersionTLS12 where it is zero.
	MinTLS uint16
	// Transports reach the endpoints of schemes that the runtime does not reach by
	// itself: "wss" by a *websocket.Transport, "rpc" by a *jsonrpc.Transport.
	Transports map[string]Transport
	// Protocols are what the listeners of Serve speak beside Halibut, on the same
	// port.
	Protocols []Protocol
	// DialContext opens connections in place of a net.Dialer, also to proxies.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy names the proxy for an endpoint that is dialled and names none by
	// itself ([Endpoint.WithProxy]); nil is none. [ProxyFromEnvironment] is one.
	// A proxy is http, https or socks5, resolves the peer's name, and sees
	// nothing of what is said: TLS with the peer runs through it.
	Proxy func(to Endpoint) (*url.URL, error)
	// ProxyTLS verifies proxies that are reached over TLS (https). Nil trusts the
	// system's roots.
	ProxyTLS *tls.Config
}

// Runtime is one side of Halibut: it makes calls, offers services, or both, on
// any number of connections. All methods may be called from any goroutine.
type Runtime struct {
	options    Options
	limits     Limits
	own        Pin // the certificate that New got
	log        *slog.Logger
	page       []byte   // that a browser gets
	words      []string // that it says at the end of its identities
	codec      *wire.Codec
	trustWatch trustWatch
	handedOver handedOver
	typedCodec wire.Codec // for protocols that name the type of every value
	services   *Services

	queues       queue.Provider
	ownQueues    bool // the runtime has made them, and closes them
	sharedQueues bool // other nodes may collect what is queued here
	pool         dial.Pool[Endpoint, *exchange.Client]

	identity   mutualtls.Config
	serverTLS  *tls.Config
	clientTLS  sync.Map // of tlsKey to *tls.Config: one for each endpoint
	clientTLSs atomic.Int32
	handshakes chan struct{}

	dialHandshake, acceptHandshake handshake

	connections atomic.Uint64 // numbers those of polling services
	live        liveConnections
	peerCalls   peerCalls

	calling   exchange.Config // calls to listening services
	answering exchange.Config // a listening service
	passing   exchange.Config // requests to polling services
	polling   exchange.Config // a polling service

	life    context.Context // ends with Close, or with Shutdown at its latest
	endLife context.CancelCauseFunc
	serving sync.WaitGroup // Serve, and what it has started
	work    sync.WaitGroup // everything else: Poll, calls, and what they have started

	mu       sync.Mutex
	draining chan struct{} // closed when Shutdown or Close begins
	drained  map[drainer]struct{}
}

// New makes a runtime with the certificate that it presents to its peers, in
// both directions. It starts nothing.
func New(cert tls.Certificate, opts *Options) (*Runtime, error) {
	if len(cert.Certificate) == 0 || cert.PrivateKey == nil {
		return nil, fmt.Errorf("halibut: the certificate has no %s; GenerateCertificate and LoadCertificate make complete ones",
			map[bool]string{true: "private key", false: "content"}[len(cert.Certificate) > 0])
	}
	rt := &Runtime{
		own:      PinSHA1(cert.Certificate[0]),
		words:    capabilityWords(),
		draining: make(chan struct{}),
		drained:  make(map[drainer]struct{}),
	}
	if opts != nil {
		rt.options = *opts
	}
	var err error
	if rt.page, err = rt.options.Page.response(); err != nil {
		return nil, err
	}
	if err := errors.Join(checkTransports(rt.options.Transports), checkProtocols(rt.options.Protocols, rt.options.MinTLS)); err != nil {
		return nil, err
	}
	rt.limits = rt.options.Limits.withDefaults()
	rt.log = rt.options.Logger
	if rt.log == nil {
		rt.log = slog.New(slog.DiscardHandler)
	}
	rt.codec = &wire.Codec{Types: rt.options.Types}
	rt.typedCodec.Types, rt.typedCodec.TypeAll = rt.options.Types, true
	rt.services = rt.options.Services
	rt.pool.MaxOpen, rt.pool.MaxIdle = rt.limits.PoolConnections, rt.limits.PoolIdleConnections
	if rt.limits.Handshakes > 0 {
		rt.handshakes = make(chan struct{}, rt.limits.Handshakes)
	}
	rt.peerCalls.limit = rt.limits.PeerCalls
	rt.queues = rt.options.Queues
	if rt.queues == nil {
		rt.queues = queue.NewMemory(&queue.Options{Length: rt.limits.QueueLength})
		rt.ownQueues = true
	}
	_, memory := rt.queues.(*queue.Memory)
	rt.sharedQueues = !memory
	rt.life, rt.endLife = context.WithCancelCause(context.Background())
	rt.configureTLS(cert)
	rt.configureExchange()
	return rt, nil
}

func (rt *Runtime) configureTLS(cert tls.Certificate) {
	rt.identity = mutualtls.Config{
		Certificate:          cert,
		GetCertificate:       rt.options.GetCertificate,
		GetClientCertificate: rt.options.GetClientCertificate,
		MinVersion:           rt.options.MinTLS,
	}
	rt.serverTLS = rt.identity.Server()
	rt.dialHandshake, rt.acceptHandshake = dialHandshake, acceptHandshake
}

type tlsKey struct {
	endpoint   Endpoint
	serverName string
}

// dialTLS is the TLS configuration for an endpoint, made once.
func (rt *Runtime) dialTLS(to Endpoint, serverName string) *tls.Config {
	key := tlsKey{to, serverName}
	if config, ok := rt.clientTLS.Load(key); ok {
		return config.(*tls.Config)
	}
	identity := rt.identity
	identity.Verify = to.verify()
	made := identity.Client(serverName)
	if transport := rt.options.Transports[to.Scheme()]; transport != nil {
		transport.ConfigureTLS(made)
	}
	if rt.clientTLSs.Add(1) > tlsKept { // endpoints that come and go leave nothing behind
		rt.clientTLSs.Store(1)
		rt.clientTLS.Clear()
	}
	config, _ := rt.clientTLS.LoadOrStore(key, made)
	return config.(*tls.Config)
}

// tlsKept is how many TLS configurations are kept at most. Those in use are
// few; one that was dropped is made again.
const tlsKept = 4096

func (rt *Runtime) configureExchange() {
	l := rt.limits
	shared := exchange.Config{
		Timeouts: exchange.Timeouts{Read: l.Read, Write: l.Write, Control: l.Read, Response: l.Response},
		Reader: wire.ReaderOptions{
			Limits: wire.Limits{
				Line: l.Line, Document: l.Document, Depth: l.Depth,
				Streams: l.Streams, StreamMemory: l.StreamMemory,
				DocumentsMemory: l.DocumentsMemory, StreamsMemory: l.StreamsMemory, TemporaryFiles: l.TemporaryFiles,
			},
			TempDir:   rt.options.TempDir,
			Receiving: rt.options.Trace.receiving(),
		},
		Compression: rt.options.Compression.exchange(),
	}
	shared.Reader.Budget = wire.NewBudget(shared.Reader.Limits)
	rt.calling, rt.answering, rt.passing, rt.polling = shared, shared, shared, shared
	rt.calling.Timeouts.Idle, rt.calling.Timeouts.IdleProceeded = l.PoolIdle, l.PoolIdleProceeded
	rt.answering.Timeouts.Request, rt.answering.Timeouts.Next = l.NextRequest, l.NextRequest
	rt.passing.Timeouts.Null = l.NullAnswer
	rt.polling.Timeouts.Request = l.PollRequest
}

// drainer is a connection that can be asked to come to its end.
type drainer interface{ Drain() }

// enter counts a piece of the runtime's work, which work.Done ends. It fails
// once the runtime is closing.
func (rt *Runtime) enter(work *sync.WaitGroup) error {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.isDraining() {
		return ErrClosed
	}
	work.Add(1)
	return nil
}

// begin enters, and binds ctx to the life of the runtime.
func (rt *Runtime) begin(ctx context.Context, work *sync.WaitGroup) (context.Context, func(), error) {
	if err := rt.enter(work); err != nil {
		return nil, nil, err
	}
	ctx, unbind := rt.bind(ctx)
	return ctx, func() { unbind(); work.Done() }, nil
}

// bind makes ctx end with the runtime's life too.
func (rt *Runtime) bind(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(rt.life, func() { cancel(ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

func (rt *Runtime) isDraining() bool {
	select {
	case <-rt.draining:
		return true
	default:
		return false
	}
}

// drainFunc is a drainer of one function. It is used by pointer.
type drainFunc struct{ drain func() }

func (d *drainFunc) Drain() { d.drain() }

// watchDrain has d drained when the runtime is, until the returned function is
// called. Draining may begin just before that and end after it.
func (rt *Runtime) watchDrain(d drainer) (forget func()) {
	rt.mu.Lock()
	if rt.isDraining() {
		rt.mu.Unlock()
		d.Drain()
		return func() {}
	}
	rt.drained[d] = struct{}{}
	rt.mu.Unlock()
	return func() {
		rt.mu.Lock()
		delete(rt.drained, d)
		rt.mu.Unlock()
	}
}

// Shutdown ends the runtime without losing what is under way: it accepts
// nothing new, lets calls and their streams end, says END where the protocol
// has a place for it, and returns when everything that the runtime started
// has ended. A request that waits in a queue in memory goes to a polling service
// that is connected, or is answered by ServeQueue; where there is neither, one in
// the runtime's own queue fails with [ErrClosed], not sent. When ctx ends first,
// the rest is cut off and ctx's error returned. A polling service that waits at a
// client can leave without a request being lost only when the client's next null
// request has come, which takes up to half a minute with .NET clients.
func (rt *Runtime) Shutdown(ctx context.Context) error {
	rt.startDraining()
	ended := make(chan struct{})
	go func() {
		rt.pool.Drain()
		rt.serving.Wait()
		rt.closeQueues() // no polling service is left to collect, and none can come
		rt.work.Wait()
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	rt.cutOff()
	<-ended
	return err
}

// Close ends the runtime at once. Calls under way fail, and it returns when
// everything that the runtime started has ended: methods of services see their
// context end and are waited for.
func (rt *Runtime) Close() error {
	rt.startDraining()
	rt.cutOff()
	rt.serving.Wait()
	rt.work.Wait()
	return nil
}

func (rt *Runtime) startDraining() {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.isDraining() {
		return
	}
	close(rt.draining)
	for d := range rt.drained {
		rt.work.Go(d.Drain) // one may wait for a peer that takes nothing
	}
	clear(rt.drained)
}

func (rt *Runtime) cutOff() {
	rt.endLife(ErrClosed)
	rt.closeQueues()
	rt.pool.Close()
}

func (rt *Runtime) closeQueues() {
	if rt.ownQueues {
		_ = rt.queues.Close() // of a queue in memory, it has no error
	}
}
