package dial

import "net"

// Acker returns a function that acknowledges at once what has come on a TCP
// connection, where the system would wait for something to send along. It is nil
// where there is no such thing.
//
// .NET leaves Nagle's algorithm on, by which what follows a short message is held
// back until that one is acknowledged.
func Acker(conn net.Conn) func() {
	tcp := tcpConn(conn)
	if tcp == nil || ackNow == nil {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return func() { _ = raw.Control(ackNow) } // a closed connection tells when it is read
}
