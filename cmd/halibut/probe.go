package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/dial"
	"github.com/halibut-go/halibut/internal/mutualtls"
	"github.com/halibut-go/halibut/wire"
)

// The method that is called to find out whether calls arrive. No peer has it:
// that the service was not found is the good answer.
const (
	pingService = "IHalibutPing"
	pingMethod  = "Ping"
)

// probe is a connection to an endpoint, taken step by step so that each can be
// timed and its failure told from the others'. It uses what the library uses.
type probe struct {
	to    halibut.Endpoint
	cert  tls.Certificate
	limit time.Duration // for each step
	proxy *url.URL      // nil: none is used

	conn    net.Conn
	secured *tls.Conn
	talk    net.Conn // what the conversation goes over: secured, or the websocket on it
	peerDER []byte   // also of a certificate that was not accepted
	reader  *wire.Reader
	peer    wire.Identity // zero until it has said who it is
	calls   int           // on this connection
}

// wrongCertificateError is a certificate that was not expected.
type wrongCertificateError struct {
	expected    []halibut.Pin
	received    halibut.Pin
	certificate *x509.Certificate
}

func (e *wrongCertificateError) Error() string {
	texts := make([]string, len(e.expected))
	for i, pin := range e.expected {
		texts[i] = pin.String()
	}
	return fmt.Sprintf("unexpected certificate: expected %s, received %s", strings.Join(texts, " or "), e.received)
}

// timed runs a step under the probe's limit and tells how long it took.
func (p *probe) timed(ctx context.Context, step func(context.Context) error) (time.Duration, error) {
	limited, cancel := withTimeout(ctx, p.limit)
	defer cancel()
	begun := time.Now()
	err := step(limited)
	return time.Since(begun), err
}

// connect opens the connection to one address, or through the proxy to the name.
func (p *probe) connect(ctx context.Context, addr string) (time.Duration, error) {
	return p.timed(ctx, func(ctx context.Context) (err error) {
		if p.proxy != nil {
			p.conn, err = (&dial.Proxy{URL: p.proxy}).Connect(ctx, addr, 0)
		} else {
			p.conn, err = dial.TCP(ctx, addr, 0, nil)
		}
		return err
	})
}

// handshake makes the connection a TLS connection to a peer with the right
// certificate.
func (p *probe) handshake(ctx context.Context) (time.Duration, error) {
	return p.timed(ctx, func(ctx context.Context) (err error) {
		config := mutualtls.Config{Certificate: p.cert, Verify: p.verify}.Client(p.to.ServerName())
		if transport := transports[p.to.Scheme()]; transport != nil {
			transport.ConfigureTLS(config)
		}
		if p.secured, err = mutualtls.DialHandshake(ctx, p.conn, config); err == nil && !p.upgrades() {
			p.talk = p.secured
		}
		return err
	})
}

// upgrades reports whether the conversation goes over a websocket.
func (p *probe) upgrades() bool {
	_, ok := transports[p.to.Scheme()].(halibut.StreamTransport)
	return ok
}

// upgrade asks for the websocket.
func (p *probe) upgrade(ctx context.Context) (time.Duration, error) {
	return p.timed(ctx, func(ctx context.Context) error {
		return p.exchange(ctx, func() (err error) {
			p.talk, err = transports[p.to.Scheme()].(halibut.StreamTransport).Open(ctx, p.secured, p.to)
			return err
		})
	})
}

func (p *probe) verify(der []byte, state tls.ConnectionState) error {
	p.peerDER = der
	pins := p.to.Pins()
	if slices.ContainsFunc(pins, func(pin halibut.Pin) bool { return pin.Matches(der) }) {
		return nil
	}
	err := &wrongCertificateError{expected: pins, received: halibut.PinSHA1(der)}
	if len(state.PeerCertificates) > 0 {
		err.certificate = state.PeerCertificates[0]
	}
	return err
}

// errRejected: the peer closed the connection where its identity was due, which
// is all that one does who does not trust the other.
var errRejected = errors.New("the peer closed the connection instead of identifying itself")

// identify says who we are, and reads who the peer is.
func (p *probe) identify(ctx context.Context, self wire.Identity) (time.Duration, error) {
	var opening []byte
	if !p.upgrades() { // a websocket has its own beginning
		opening = []byte(wire.PreambleText)
	}
	opening, err := wire.AppendIdentity(opening, self)
	if err != nil {
		return 0, err
	}
	p.reader = wire.NewReader(p.talk, nil)
	return p.timed(ctx, func(ctx context.Context) error {
		return p.exchange(ctx, func() (err error) {
			if _, err = p.talk.Write(opening); err == nil {
				p.peer, err = p.readIdentity()
			}
			if err != nil && rejection(err) {
				err = fmt.Errorf("%w: %w", errRejected, err)
			}
			return err
		})
	})
}

// readIdentity quotes what stands there if it is no identity.
func (p *probe) readIdentity() (wire.Identity, error) {
	head, err := p.reader.Peek(3)
	if err != nil {
		return wire.Identity{}, err
	}
	if string(head) != "MX-" {
		line, err := p.reader.ReadLine()
		if err != nil {
			line = string(head)
		}
		return wire.Identity{}, &wire.ProtocolError{Expected: "the identity of a server", Found: fmt.Sprintf("%q", shortened(line))}
	}
	return p.reader.ReadIdentity()
}

// exchange writes and reads until it is done or ctx ends.
func (p *probe) exchange(ctx context.Context, do func() error) error {
	conn := p.conn // the probe may have let go of it when the function runs
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err := do()
	if !stop() && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// errAnswered: the peer has the method that nobody should have.
var errAnswered = fmt.Errorf("the peer answers a call to %s.%s", pingService, pingMethod)

// call calls the method that no peer has. A *remoteAnswer is what the peer said
// in place of "not found".
func (p *probe) call(ctx context.Context) (time.Duration, error) {
	p.calls++
	id := uuid.New()
	request := &wire.Request{
		ID: fmt.Sprintf("%s::%s[%d] / %s", pingService, pingMethod, p.calls, id), ActivityID: id,
		Endpoint: &wire.Endpoint{BaseURI: p.to.String()}, Service: pingService, Method: pingMethod,
	}
	var response *wire.Response
	took, err := p.timed(ctx, func(ctx context.Context) error {
		return p.exchange(ctx, func() (err error) {
			if transport, ok := transports[p.to.Scheme()].(halibut.CallTransport); ok {
				response, err = transport.RoundTrip(ctx, p.talk, request, halibut.Bounds{Reader: &wire.ReaderOptions{}})
			} else {
				response, err = p.ask(request)
			}
			return err
		})
	})
	switch {
	case err != nil:
		return took, err
	case response == nil:
		return took, errors.New("the peer answers with something else than a response")
	case response.Error == nil:
		return took, errAnswered
	case !serviceNotFound(response.Error):
		return took, &remoteAnswer{response.Error}
	}
	return took, nil
}

// ask sends a request, after NEXT and PROCEED where one went before it, and
// reads the response.
func (p *probe) ask(request *wire.Request) (*wire.Response, error) {
	document, err := wire.AppendRequest(nil, request)
	if err != nil {
		return nil, err
	}
	if p.calls > 1 {
		if _, err := p.talk.Write(wire.AppendLine(nil, wire.Next)); err != nil {
			return nil, err
		}
		for line := ""; line != wire.Proceed; {
			var err error
			if line, err = p.reader.ReadLine(); err != nil {
				return nil, err
			}
			if line != "" && line != wire.Proceed {
				return nil, fmt.Errorf("the peer says %q where PROCEED is due", line)
			}
		}
	}
	if _, err := p.talk.Write(wire.AppendDeflated(nil, document)); err != nil {
		return nil, err
	}
	answer, err := p.reader.ReadDocument()
	if err != nil {
		return nil, err
	}
	message, err := wire.ParseMessage(answer, 0)
	return message.Response, err
}

// remoteAnswer is an error that the peer sent.
type remoteAnswer struct{ answer *wire.ServerError }

func (e *remoteAnswer) Error() string { return e.answer.Message }

// serviceNotFound is told by the type, or by the texts of old releases and of
// factories of services.
func serviceNotFound(e *wire.ServerError) bool {
	return strings.HasSuffix(e.Type, ".ServiceNotFoundHalibutClientException") ||
		strings.HasPrefix(e.Message, "Service not found") ||
		strings.Contains(e.Message, pingService) || strings.Contains(e.Details, "UnknownServiceNameException")
}

// opened is how long each step but the call took.
type opened struct{ connecting, handshake, upgrading, identifying time.Duration }

// open takes all steps but the call, at one address.
func (p *probe) open(ctx context.Context, addr string, self wire.Identity) (took opened, err error) {
	if took.connecting, err = p.connect(ctx, addr); err != nil {
		return took, err
	}
	if took.handshake, err = p.handshake(ctx); err != nil {
		return took, err
	}
	if p.upgrades() {
		if took.upgrading, err = p.upgrade(ctx); err != nil {
			return took, err
		}
	}
	took.identifying, err = p.identify(ctx, self)
	return took, err
}

// close ends the connection, politely where that is possible, and leaves the
// probe as it was before connect.
func (p *probe) close() {
	if p.calls > 0 && p.reader != nil {
		_ = p.talk.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = p.talk.Write(wire.AppendLine(nil, wire.End))
	}
	if p.reader != nil {
		_ = p.reader.Close()
	}
	if p.talk != nil {
		_ = p.talk.Close()
	}
	if p.secured != nil {
		_ = p.secured.Close()
	}
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.conn, p.secured, p.talk, p.reader, p.peer, p.calls = nil, nil, nil, nil, wire.Identity{}, 0
}

// identified reports whether the peer has said who it is.
func (p *probe) identified() bool { return p.peer.Role != 0 }

// callingIdentity is what a caller says about itself.
var callingIdentity = wire.Identity{Role: wire.RoleClient, Words: []string{"go/1"}}

// newProbe makes a probe of what a command line says.
func (f *peerFlags) newProbe(to halibut.Endpoint, cert tls.Certificate) (*probe, error) {
	switch to.Scheme() {
	case "https", "wss", "rpc":
	default:
		return nil, usagef("%s: only https://, wss://, rpc:// and poll:// endpoints can be examined", to)
	}
	proxy := to.Proxy()
	if proxy == nil {
		var err error
		if proxy, err = halibut.ProxyFromEnvironment(to); err != nil {
			return nil, &usageError{err}
		}
	}
	limit := f.timeout
	if limit <= 0 {
		limit = 15 * time.Second
	}
	return &probe{to: to, cert: cert, limit: limit, proxy: proxy}, nil
}

// tlsName is what the handshake agreed on.
func tlsName(p *probe) string {
	state := p.secured.ConnectionState()
	return halibut.TLSInfo{Version: state.Version, CipherSuite: state.CipherSuite}.String()
}

// isLookup reports whether a name was not resolved.
func isLookup(err error) bool {
	var lookup *net.DNSError
	return errors.As(err, &lookup)
}
