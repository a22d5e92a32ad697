package jsonrpc

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

// Transport calls services that speak the protocol of 2013, for
// Options.Transports["rpc"]. Each call has a connection of its own, so that
// whether the service trusts the caller shows only with the first answer; a
// call that failed after its request was written is not safe to make again.
type Transport struct {
	// InsecureOldTLS offers TLS 1.0 and 1.1 too, for services on Windows that have
	// nothing newer. Both have known weaknesses, and whoever can change what is
	// on the way can have both sides fall back to them: for networks that you
	// trust, and a runtime of its own.
	InsecureOldTLS bool
}

var _ halibut.CallTransport = (*Transport)(nil)

// ConfigureTLS implements [halibut.Transport].
func (t *Transport) ConfigureTLS(config *tls.Config) {
	if t.InsecureOldTLS {
		config.MinVersion = tls.VersionTLS10
	}
}

var errStreams = errors.New("data streams cannot travel in the protocol of 2013: no endpoint that begins with rpc:// takes them")

// RoundTrip implements [halibut.CallTransport].
func (t *Transport) RoundTrip(_ context.Context, conn net.Conn, request *wire.Request, bounds halibut.Bounds) (*wire.Response, error) {
	if request.Streams != nil {
		return nil, errStreams
	}
	doc, err := appendRequest(nil, request)
	if err != nil {
		return nil, err
	}
	timed := bounds.Timed(conn)
	if _, err := timed.Write(doc); err != nil {
		return nil, err
	}
	if doc, err = readAnswer(conn, timed, bounds); err != nil {
		return nil, err
	}
	id, result, failed, err := parseResponse(doc, bounds.Reader.Limits.MaxDepth())
	if err != nil {
		return nil, &wire.ProtocolError{Expected: "a response of 2013", Found: err.Error()}
	}
	if id != "" && id != request.ID {
		return nil, &wire.ProtocolError{Expected: fmt.Sprintf("the response to %q", request.ID), Found: fmt.Sprintf("one to %.200q", id)}
	}
	response := &wire.Response{ID: request.ID, Result: result}
	if failed != nil {
		response.Error = failed.serverError()
	}
	return response, nil
}

// readAnswer waits for the first bytes as long as a response may take, and
// reads the rest under the limit of a read. The caller decodes the document at
// once, so its share of the budget is given back here.
func readAnswer(conn, timed net.Conn, bounds halibut.Bounds) ([]byte, error) {
	var deadline time.Time
	if bounds.Response > 0 {
		deadline = time.Now().Add(bounds.Response)
	}
	if err := conn.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	start := make([]byte, 4)
	n, err := conn.Read(start)
	if n == 0 && errors.Is(err, io.EOF) {
		return nil, errors.New("the service closed the connection without an answer: it may not trust our certificate, or not speak the protocol of 2013")
	}
	if n == 0 && err != nil {
		return nil, err
	}
	reader := wire.NewReader(io.MultiReader(bytes.NewReader(start[:n]), timed), bounds.Reader)
	defer reader.Close()
	return reader.ReadPlainDocument()
}
