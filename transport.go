package halibut

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// Transport is how the endpoints of one scheme are reached, for a scheme that
// the runtime does not reach by itself: wss and rpc ([Options].Transports).
// A Transport is a [StreamTransport] or a [CallTransport].
//
// The runtime dials, through proxies too, makes the TLS handshake and compares
// the peer's certificate with the endpoint's pins. What is spoken on the
// connection then is the transport's. Its methods are called from any goroutine.
type Transport interface {
	// ConfigureTLS may change what is offered in the handshake: names for ALPN,
	// versions, renegotiation. It is called once for each endpoint, and must
	// leave alone who is trusted and which certificate is shown.
	ConfigureTLS(config *tls.Config)
}

// StreamTransport carries Halibut's own conversation in something else.
type StreamTransport interface {
	Transport
	// Open makes a secured connection to the endpoint one that carries the
	// conversation from the identity on, the preamble having its counterpart in
	// the transport. It ends with ctx, and with conn's deadline. What it
	// returns is closed by the runtime, and closes conn.
	Open(ctx context.Context, conn net.Conn, to Endpoint) (net.Conn, error)
}

// CallTransport makes each call on a connection of its own, in another
// protocol.
type CallTransport interface {
	Transport
	// RoundTrip sends a request and waits for its response. Each document, array
	// and list in the request's Params carries its $type (wire.Codec.TypeAll).
	// ctx has ended when conn is closed under it. An error before the first byte
	// is written to conn means that the call may be tried again.
	RoundTrip(ctx context.Context, conn net.Conn, request *wire.Request, bounds Bounds) (*wire.Response, error)
}

// Bounds are the limits that transports and protocols keep to. Zero waits are
// no limit.
type Bounds struct {
	Handshake time.Duration // until a peer has said who it is
	Read      time.Duration // one read inside a message
	Write     time.Duration // one write
	Response  time.Duration // the wait for the first byte of a response
	// Reader caps what is read, and counts it together with what all other
	// connections of the runtime hold.
	Reader *wire.ReaderOptions
}

// Timed is a connection whose every Read and Write has its own limit: the
// deadlines are renewed with each.
func (b Bounds) Timed(conn net.Conn) net.Conn { return &timedConn{conn, b} }

type timedConn struct {
	net.Conn
	bounds Bounds
}

func (c *timedConn) Read(p []byte) (int, error) {
	if limit := c.bounds.Read; limit > 0 {
		if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

func (c *timedConn) Write(p []byte) (int, error) {
	if limit := c.bounds.Write; limit > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(limit)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

func checkTransports(transports map[string]Transport) error {
	for scheme, transport := range transports {
		if scheme != schemeWSS && scheme != schemeRPC {
			return fmt.Errorf("halibut: Options.Transports has one for %q: it is for wss and rpc alone", scheme)
		}
		switch transport.(type) {
		case StreamTransport, CallTransport:
		default:
			return fmt.Errorf("halibut: Options.Transports[%q] is a %T, which is neither a StreamTransport nor a CallTransport", scheme, transport)
		}
	}
	return nil
}

// reaches reports how endpoints of a scheme are dialled, if they are.
func (rt *Runtime) reaches(scheme string) (stream bool, calls CallTransport) {
	if scheme == schemeHTTPS {
		return true, nil
	}
	switch transport := rt.options.Transports[scheme].(type) {
	case StreamTransport:
		return true, nil
	case CallTransport:
		return false, transport
	}
	return false, nil
}

// noTransport is the error for an endpoint that nothing reaches.
func noTransport(to Endpoint) *Error {
	e := &Error{Code: CodeConnect, Outcome: NotSent, Endpoint: to.String(),
		Message: to.Scheme() + ":// endpoints are not reached without a transport"}
	switch to.Scheme() {
	case schemeWSS:
		e.Hint = `Set Options.Transports["wss"] to a *websocket.Transport, of github.com/halibut-go/halibut/websocket`
	case schemeRPC:
		e.Hint = `Set Options.Transports["rpc"] to a *jsonrpc.Transport, of github.com/halibut-go/halibut/jsonrpc`
	}
	return e
}
