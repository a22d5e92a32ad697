package halibut

import (
	"context"
	"crypto/x509"
	"errors"
	"net/url"
	"time"

	"github.com/halibut-go/halibut/internal/mutualtls"
)

// Discovered is what [Runtime.Discover] found at an address.
type Discovered struct {
	URL         *url.URL // in the form that endpoints have
	Addr        string   // the network address that answered
	Thumbprint  Pin      // SHA-1 of its certificate
	SHA256      Pin
	Raw         []byte            // its certificate in DER
	Certificate *x509.Certificate // the same, parsed
	TLS         TLSInfo
	Connecting  time.Duration // how long the TCP connection took
	Handshake   time.Duration // how long the TLS handshake took
}

// discoverGreeting is what a peer is told that was only asked for its
// certificate, as .NET does: it answers with a page for people, which nobody
// reads, and not with an error in its log.
const discoverGreeting = "HELLO\r\n\r\n"

// Discover connects to an https or wss URL, finds out which certificate is shown there,
// and says good-bye (docs/protocol.md section 1). Nothing is trusted by that:
// whoever answers at the address answers, and Discover proves only that it has
// the certificate's key. Compare the pin with one that came another way before
// you put it into an endpoint.
//
// This side shows no certificate of its own. Errors are *Error with
// CodeConnect, or CodeUntrusted where Go cannot read the certificate; trying
// again is always safe.
func (rt *Runtime) Discover(ctx context.Context, u *url.URL) (Discovered, error) {
	to, err := discoverable(u)
	if err != nil {
		return Discovered{}, err
	}
	ctx, done, err := rt.begin(ctx, &rt.work)
	if err != nil {
		return Discovered{}, err
	}
	defer done()
	begun := time.Now()
	conn, err := rt.dialTCP(ctx, to)
	if err != nil {
		return Discovered{}, rt.connectError(ctx, to, nil, err)
	}
	defer conn.Close()
	found := Discovered{URL: to.URL(), Addr: conn.RemoteAddr().String(), Connecting: time.Since(begun)}
	if limit := rt.limits.Handshake; limit > 0 {
		_ = conn.SetDeadline(time.Now().Add(limit))
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	begun = time.Now()
	secured, err := mutualtls.DialHandshake(ctx, conn, mutualtls.Config{MinVersion: rt.options.MinTLS}.Client(to.ServerName()))
	if err != nil {
		return Discovered{}, rt.connectError(ctx, to, conn.RemoteAddr(), err)
	}
	found.Handshake = time.Since(begun)
	peer := newPeer(new(secured.ConnectionState()), conn.RemoteAddr())
	found.Thumbprint, found.SHA256, found.Raw, found.Certificate, found.TLS = peer.Thumbprint, peer.SHA256, peer.Raw, peer.Certificate, peer.TLS
	if _, err := secured.Write([]byte(discoverGreeting)); err != nil && ctx.Err() != nil {
		return Discovered{}, rt.connectError(ctx, to, conn.RemoteAddr(), err)
	}
	_ = secured.CloseWrite() // the certificate is known; what becomes of the greeting does not matter
	return found, nil
}

// discoverable makes an endpoint of a URL, which has no pins yet.
func discoverable(u *url.URL) (Endpoint, error) {
	if u == nil {
		return Endpoint{}, errors.New("halibut: discover: the URL is nil")
	}
	refuse := func(reason string) (Endpoint, error) {
		return Endpoint{}, &Error{Code: CodeConnect, Outcome: NotSent, Endpoint: u.Redacted(), Message: reason}
	}
	if u.Scheme != schemeHTTPS && u.Scheme != schemeWSS {
		return refuse("only what listens at an https:// or wss:// address can be discovered")
	}
	if u.User != nil {
		return refuse("the URL holds a user name: certificates say who is who, remove it")
	}
	normal, addr, err := normalURL(u)
	if err != nil {
		return refuse(err.Error())
	}
	return Endpoint{url: normal, addr: addr}, nil
}
