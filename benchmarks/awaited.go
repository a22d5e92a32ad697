package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/halibut-go/halibut"
)

// plainListener accepts connections for rt in place of Serve, and cuts from
// what dialling peers say of themselves that they are written in Go: the
// conversation then is the one with a .NET peer.
type plainListener struct {
	net.Listener
	rt            *halibut.Runtime
	config        *tls.Config
	peer          halibut.Peer
	conversations sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func (l *plainListener) run() {
	defer l.conversations.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			break
		}
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
		l.conversations.Go(func() {
			secured := tls.Server(conn, l.config)
			opening, err := plainIdentity(secured)
			if err != nil {
				_ = conn.Close()
				return
			}
			peer := l.peer
			peer.Addr = conn.RemoteAddr()
			_ = l.rt.ServeConn(context.Background(), &plainConn{secured, opening}, peer)
		})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
}

// plainIdentity reads the opening of a dialling peer, and returns its identity
// without what only peers written in Go say there.
func plainIdentity(conn net.Conn) ([]byte, error) {
	var opening strings.Builder
	for one := make([]byte, 1); strings.Count(opening.String(), "\r\n\r\n") < 2; {
		if _, err := io.ReadFull(conn, one); err != nil {
			return nil, err
		}
		opening.Write(one)
	}
	_, identity, _ := strings.Cut(strings.TrimSpace(opening.String()), "\r\n\r\n")
	identity, _, _ = strings.Cut(identity, " go/")
	return []byte(identity + "\r\n\r\n"), nil
}

// plainConn begins with what was read of it and changed.
type plainConn struct {
	net.Conn
	opening []byte
}

func (c *plainConn) Read(p []byte) (int, error) {
	if len(c.opening) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.opening)
	c.opening = c.opening[n:]
	return n, nil
}
