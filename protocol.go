package halibut

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
)

// Protocol is what a listener speaks beside Halibut on the same port
// ([Options].Protocols), or in its place ([ServeOnly]). Which one a connection
// is for is told after the TLS handshake, by the name that ALPN chose and
// otherwise by the first bytes: those that begin with MX are Halibut's, the
// others are offered to each Protocol in turn, and what nobody wants gets the
// page for browsers.
//
// Its methods are called from any goroutine.
type Protocol interface {
	// Name is how logs and errors call it.
	Name() string
	// NextProtos are its names in ALPN, if it has any. They are chosen only
	// where the peer offers them; a peer without ALPN is told by its first bytes.
	NextProtos() []string
	// Match reports whether a connection that begins with these bytes, one to
	// sixteen of them, is its own.
	Match(start []byte) Match
	// Serve serves a connection to its end. It owns what it starts and returns
	// when all of it has ended, at the latest when ctx has: conn is closed then.
	// The peer is not admitted yet: see [Incoming.Admit]. An error is logged,
	// and kept among the [Runtime.Rejections] if the peer was not admitted.
	Serve(ctx context.Context, conn *Incoming) error
}

// Match is what a [Protocol] makes of the first bytes of a connection.
type Match uint8

const (
	// NoMatch: the connection is for others.
	NoMatch Match = iota
	// MaybeMatch: more bytes have to come.
	MaybeMatch
	// FullMatch: it is this protocol's.
	FullMatch
)

// maxStart is how many bytes a protocol may want to see.
const maxStart = 16

// OldTLS is a [Protocol] that has to be served to peers of another age. It has a
// listener of its own, see [ServeOnly].
type OldTLS interface {
	Protocol
	// MinTLS is the lowest TLS version, such as tls.VersionTLS10; 0 is that of
	// the Options.
	MinTLS() uint16
}

// ServeOption is an option of one Serve.
type ServeOption func(*server)

// ServeOnly has a listener speak this protocol and nothing else, not even
// Halibut. It is the only way to serve an [OldTLS] protocol below the
// runtime's own lowest version.
func ServeOnly(protocol Protocol) ServeOption {
	return func(s *server) { s.protocols, s.only = []Protocol{protocol}, true }
}

// checkProtocols refuses those that would lower what protects all others.
func checkProtocols(protocols []Protocol, lowest uint16) error {
	for _, protocol := range protocols {
		if old, ok := protocol.(OldTLS); ok && old.MinTLS() != 0 && old.MinTLS() < max(lowest, tls.VersionTLS12) {
			return fmt.Errorf("halibut: Options.Protocols has %s, which takes %s: serve it on a listener of its own, with ServeOnly",
				protocol.Name(), tls.VersionName(old.MinTLS()))
		}
	}
	return nil
}

// serverTLSFor is the TLS configuration of a listener.
func (rt *Runtime) serverTLSFor(protocols []Protocol, only bool) *tls.Config {
	if len(protocols) == 0 {
		return rt.serverTLS
	}
	config := rt.serverTLS.Clone()
	if old, ok := protocols[0].(OldTLS); ok && only && old.MinTLS() != 0 {
		config.MinVersion = old.MinTLS()
	}
	var names []string
	for _, protocol := range protocols {
		names = append(names, protocol.NextProtos()...)
	}
	if len(names) == 0 {
		return config
	}
	// A server that names protocols refuses clients that offer only others. Those
	// are told by their first bytes all the same.
	withNames := config.Clone()
	withNames.NextProtos = names
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, offered := range hello.SupportedProtos {
			if slices.Contains(names, offered) {
				return withNames, nil
			}
		}
		return nil, nil
	}
	return config
}
