package halibut

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/wire"
)

// tryRoundTrip makes the call once, by a transport that has a connection for
// each call.
func (c *call) tryRoundTrip(ctx context.Context) error {
	rt, to := c.client.rt, c.client.to
	_, transport := rt.reaches(to.Scheme())
	bound, unbind := rt.bind(ctx)
	defer unbind()
	conn, err := rt.dialSecured(bound, to, c.client.options.serverName)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(bound, func() { _ = conn.Close() })
	defer stop()
	bounds := Bounds{Handshake: rt.limits.Handshake, Read: rt.limits.Read, Write: rt.limits.Write, Response: rt.limits.Response, Reader: &rt.calling.Reader}
	if wait := c.responseWait(ctx); wait != 0 {
		bounds.Response = max(wait, 0)
	}
	counted := &countedConn{Conn: conn}
	c.request.sent = true
	response, err := transport.RoundTrip(bound, counted, &c.request.Request, bounds)
	if err == nil {
		c.Receive(response)
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the peer was silent for too long (Limits.Response or Limits.Read): %w", err)
	}
	stage := exchange.Preparing
	if counted.written {
		stage = exchange.Written
	}
	return exchangeError(bound, &exchange.CallError{Stage: stage, Err: err})
}

// countedConn knows whether anything was written to it.
type countedConn struct {
	net.Conn
	written bool
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written = c.written || n > 0
	return n, err
}

// codecFor is the codec of calls to an endpoint: what a CallTransport sends
// names every type.
func (rt *Runtime) codecFor(to Endpoint) *wire.Codec {
	if _, calls := rt.reaches(to.Scheme()); calls != nil {
		return &rt.typedCodec
	}
	return rt.codec
}
