package halibut

import (
	"io"
	"net"
	"net/netip"
	"slices"

	"github.com/halibut-go/halibut/internal/proxyproto"
)

// ProxyProtocol has a listener read a header of the PROXY protocol, version 2,
// before the TLS handshake of each connection that comes from one of these
// networks: those of load balancers that pass TLS on as it is, such as HAProxy
// with send-proxy-v2. The address in the header is the peer's from then on, for
// the Authorizer, limits and logs.
//
// A connection from one of the networks without a header is closed. One from
// elsewhere is taken as it is: anybody could claim any address.
func ProxyProtocol(networks ...netip.Prefix) ServeOption {
	return func(s *server) { s.proxies = append(s.proxies, networks...) }
}

// behindProxy reports whether a connection comes from a network whose
// connections begin with a header.
func (s *server) behindProxy(conn net.Conn) bool {
	if len(s.proxies) == 0 {
		return false
	}
	addr, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := addr.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(s.proxies, func(network netip.Prefix) bool { return network.Contains(ip) })
}

// readProxyHeader has the proxy in front tell where the connection comes from.
func (a *accepted) readProxyHeader(conn *proxyproto.Conn) error {
	client, err := proxyproto.Read(conn)
	if err == io.EOF {
		a.log.Debug("the peer closed the connection without a word")
		return errAnswered
	}
	if err == nil && client.IsValid() {
		conn.Client = client
		a.log = a.rt.log.With("addr", client.String())
	}
	return err
}
