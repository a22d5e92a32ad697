package halibut

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
)

// Role says what a peer does on a connection. Which side opened the TCP
// connection does not matter to it.
type Role uint8

const (
	// RoleUnknown is the role of a peer that has not said what it is.
	RoleUnknown Role = iota
	// RoleClient calls our services: it dialled us, or we poll it for work.
	RoleClient
	// RolePoller polls us for work under a subscription: we call its services.
	RolePoller
	// RoleService is a service that we dialled to call it.
	RoleService
)

// String is the role in one word.
func (r Role) String() string {
	switch r {
	case RoleClient:
		return "client"
	case RolePoller:
		return "poller"
	case RoleService:
		return "service"
	case RoleUnknown:
		return "unknown"
	default:
		return fmt.Sprintf("Role(%d)", uint8(r))
	}
}

// TLSInfo tells what a TLS connection agreed on. The numbers are those of
// crypto/tls.
type TLSInfo struct {
	Version     uint16 // tls.VersionTLS12 or tls.VersionTLS13
	CipherSuite uint16
	ServerName  string // that the dialling side asked for; "" if none
	Protocol    string // chosen by ALPN; "" if none
}

// String is the version and the cipher suite, for example
// "TLS 1.3 TLS_AES_128_GCM_SHA256".
func (t TLSInfo) String() string {
	if t == (TLSInfo{}) {
		return ""
	}
	return tls.VersionName(t.Version) + " " + tls.CipherSuiteName(t.CipherSuite)
}

// Peer is the other side of a connection: who it proved to be, where it is and
// what it wants. Its values must not be changed.
type Peer struct {
	Thumbprint  Pin               // SHA-1 of its certificate, zero if it showed none
	SHA256      Pin               // SHA-256 of its certificate, zero if it showed none
	Addr        net.Addr          // where its connection comes from
	Raw         []byte            // its certificate in DER, nil if it showed none
	Certificate *x509.Certificate // nil if it showed none or Go cannot parse Raw
	TLS         TLSInfo
	// Subscription is what a RolePoller polls for, written as .NET prints it:
	// poll://name/. Otherwise it is empty. It is a claim until an Authorizer has
	// admitted the peer.
	Subscription string
	Role         Role
	// Via is empty where the peer's certificate was proved by our own TLS
	// handshake. Otherwise it names the authenticated proxy that vouches for it.
	Via string
}

// PeerOf is the peer that a TLS connection has proved, for [Runtime.ServeConn]. It
// showed a certificate if state has one.
func PeerOf(state *tls.ConnectionState, addr net.Addr) Peer { return newPeer(state, addr) }

// PeerOfDER is a peer whose certificate something else than our own TLS has
// proved, for [Runtime.ServeConn]: set Via to what it was. der is kept.
func PeerOfDER(der []byte, addr net.Addr) Peer { return newPeerDER(der, addr, TLSInfo{}) }

// newPeer is the peer that a TLS connection proved.
func newPeer(state *tls.ConnectionState, addr net.Addr) Peer {
	p := Peer{
		Addr: addr,
		TLS: TLSInfo{
			Version:     state.Version,
			CipherSuite: state.CipherSuite,
			ServerName:  state.ServerName,
			Protocol:    state.NegotiatedProtocol,
		},
	}
	if len(state.PeerCertificates) > 0 {
		p.Certificate = state.PeerCertificates[0]
		p.setRaw(p.Certificate.Raw)
	}
	return p
}

// newPeerDER is the peer whose certificate is given as DER by something other
// than crypto/tls. der is kept.
func newPeerDER(der []byte, addr net.Addr, info TLSInfo) Peer {
	p := Peer{Addr: addr, TLS: info}
	if len(der) > 0 {
		p.setRaw(der)
		if certificate, err := x509.ParseCertificate(der); err == nil {
			p.Certificate = certificate
		}
	}
	return p
}

func (p *Peer) setRaw(der []byte) {
	p.Raw = der
	p.Thumbprint = PinSHA1(der)
	p.SHA256 = PinSHA256(der)
}

// Presented reports whether the peer showed a certificate.
func (p Peer) Presented() bool { return !p.Thumbprint.IsZero() || !p.SHA256.IsZero() }

// Is reports whether pin names the peer's certificate.
func (p Peer) Is(pin Pin) bool {
	return !pin.IsZero() && (pin == p.Thumbprint || pin == p.SHA256)
}

// LogValue gives a log the peer's address, thumbprint, role and subscription.
func (p Peer) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, 5)
	if p.Addr != nil {
		attrs = append(attrs, slog.String("addr", p.Addr.String()))
	}
	attrs = append(attrs, slog.String("thumbprint", p.Thumbprint.String()), slog.String("role", p.Role.String()))
	if p.Subscription != "" {
		attrs = append(attrs, slog.String("subscription", p.Subscription))
	}
	if p.Via != "" {
		attrs = append(attrs, slog.String("via", p.Via))
	}
	return slog.GroupValue(attrs...)
}

type peerKey struct{}

// withoutPeer takes the peer out of a context that has one.
func withoutPeer(ctx context.Context) context.Context {
	return context.WithValue(ctx, peerKey{}, nil)
}

// PeerFromContext tells a service who calls it. It reports false outside a
// service's method, and for work that came off a shared queue and has no peer.
func PeerFromContext(ctx context.Context) (Peer, bool) {
	from, ok := ctx.Value(peerKey{}).(*caller)
	if !ok {
		return Peer{}, false
	}
	return *from.peer, true
}
