package halibut

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

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

// openBehindProxy reads the header that a proxy in front has sent, and then
// opens the connection as one of the client's address.
func (s *server) openBehindProxy(ctx context.Context, conn net.Conn) {
	told := &proxyproto.Conn{Conn: conn}
	a := &accepted{rt: s.rt, conn: told, log: s.rt.log.With("addr", conn.RemoteAddr().String())}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	a.arrived = sync.OnceFunc(s.rt.watchDrain(a))
	err := a.readProxyHeader(told)
	if err != nil {
		a.close(ctx, stop, err)
		s.leave()
		return
	}
	a.arrived()
	stop()
	from := origin(told.RemoteAddr())
	if !s.crowd.takes(from) {
		a.refused(errors.New("too many connections wait for a place of their address (Limits.Unauthenticated, Limits.UnauthenticatedPerAddress)"))
		_ = conn.Close()
		s.leave()
		return
	}
	if s.enter(from, told) {
		s.open(ctx, told, from)
	}
}

// readProxyHeader has the proxy in front tell where the connection comes from.
func (a *accepted) readProxyHeader(conn *proxyproto.Conn) error {
	if limit := a.rt.limits.Handshake; limit > 0 {
		_ = conn.SetDeadline(time.Now().Add(limit))
	}
	client, err := proxyproto.Read(conn)
	if err == io.EOF {
		a.log.Debug("the peer closed the connection without a word")
		return errAnswered
	}
	conn.Client = client
	return err
}
