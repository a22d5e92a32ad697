package dial

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// Unanswered is how long bytes that were sent may stay without an
// acknowledgement before the system gives the connection up. Keep-alive does not
// see to that: it is silent while bytes are under way, and the system's own
// patience with them is a quarter of an hour on Linux.
//
// Linux has TCP_USER_TIMEOUT for it, Darwin TCP_RXT_CONNDROPTIME and Windows
// TCP_MAXRT. Other systems have no option that package syscall knows; there a
// peer that vanishes under a write is found by the conversation's own limits.
const Unanswered = 70 * time.Second

// Tune prepares a TCP connection that was dialled or accepted: [KeepAlive],
// [Unanswered], and no delay of small writes. Connections of other kinds are
// left as they are, but for those that wrap a TCP connection and hand it out by
// a method NetConn, as tls.Conn does. The error is the system's, for a
// connection that is closed already or an option that it refuses.
func Tune(conn net.Conn) error {
	tcp := tcpConn(conn)
	if tcp == nil {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	controlled := raw.Control(func(fd uintptr) { refused = limitUnanswered(fd, Unanswered) })
	return errors.Join(tcp.SetKeepAliveConfig(KeepAlive), tcp.SetNoDelay(true), controlled, refused)
}

// tuneable is what *net.TCPConn can do.
type tuneable interface {
	SetKeepAliveConfig(net.KeepAliveConfig) error
	SetNoDelay(bool) error
	SyscallConn() (syscall.RawConn, error)
}

func tcpConn(conn net.Conn) tuneable {
	for {
		switch c := conn.(type) {
		case tuneable:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}
