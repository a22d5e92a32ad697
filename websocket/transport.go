package websocket

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

// Transport reaches wss:// endpoints, for Options.Transports["wss"]. The peer's
// certificate is compared with the endpoint's pins in the TLS handshake, before
// anything is said. Where a reverse proxy ends TLS in front of the peer, the
// pins are the proxy's.
type Transport struct {
	// Header is sent with each request for a websocket, for what reverse proxies
	// and firewalls may ask for. It must not change.
	Header http.Header
	// Ping is the pause between pings: 0 is 30 seconds, negative is none.
	Ping time.Duration
	// Renegotiation lets the peer ask for our certificate after the handshake,
	// as Windows' HTTP.sys does where it is not told to ask at once. TLS 1.2 is
	// spoken then, since Go knows no such thing in 1.3.
	Renegotiation bool
}

var _ halibut.StreamTransport = (*Transport)(nil)

// ConfigureTLS implements [halibut.Transport].
func (t *Transport) ConfigureTLS(config *tls.Config) {
	config.NextProtos = []string{"http/1.1"}
	if t.Renegotiation {
		config.Renegotiation = tls.RenegotiateOnceAsClient
		config.MaxVersion = tls.VersionTLS12
	}
}

// Open implements [halibut.StreamTransport].
func (t *Transport) Open(ctx context.Context, secured net.Conn, to halibut.Endpoint) (net.Conn, error) {
	framed := &framedConn{Conn: secured}
	over := &http.Transport{
		DialTLSContext:     func(context.Context, string, string) (net.Conn, error) { return framed, nil },
		DisableCompression: true,
	}
	defer over.CloseIdleConnections()
	header := t.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	header.Set("X-Octopus-RequestId", uuid.NewString())
	var (
		ws     *websocket.Conn
		answer *http.Response
		err    error
	)
	withSHA1(func() {
		ws, answer, err = websocket.Dial(ctx, to.URL().String(), &websocket.DialOptions{
			HTTPClient:      &http.Client{Transport: over, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
			HTTPHeader:      header,
			Subprotocols:    []string{subprotocol},
			CompressionMode: websocket.CompressionDisabled,
		})
	})
	switch {
	case err != nil && answer != nil && (answer.StatusCode == http.StatusBadGateway || answer.StatusCode == http.StatusServiceUnavailable || answer.StatusCode == http.StatusGatewayTimeout):
		return nil, fmt.Errorf("what stands in front of the peer answered %.100q: it could not reach it", answer.Status) // it may soon
	case err != nil && answer != nil && answer.StatusCode != http.StatusSwitchingProtocols:
		return nil, &wire.ProtocolError{Expected: "a websocket at " + to.String(), Found: fmt.Sprintf("the answer %.100q", answer.Status)}
	case err != nil:
		return nil, err
	}
	c := newConn(ws, framed, t.Ping)
	if ws.Subprotocol() != subprotocol {
		c.cut(net.ErrClosed)
		_ = c.Close()
		return nil, &wire.ProtocolError{Expected: "the websocket sub-protocol " + subprotocol, Found: fmt.Sprintf("%.100q", ws.Subprotocol())}
	}
	if err := ws.Write(ctx, websocket.MessageText, []byte(opening)); err != nil {
		c.cut(net.ErrClosed)
		_ = c.Close()
		return nil, err
	}
	return c, nil
}
