package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

// rawTLS is the yardstick: bytes that go there and back over a TLS connection,
// without any format, and io.Copy for streams. Each caller has a connection.
var rawTLS = peer{"TLS", func(n *network) (session, error) {
	l, addr, stop, err := n.listen()
	if err != nil {
		return nil, err
	}
	s := &rawSession{network: n, listener: tls.NewListener(l, n.serviceTLS()), addr: addr, stop: stop}
	s.running.Go(s.accept)
	return s, nil
}}

// pingPong is the length of the yardstick's short messages: about that of a call
// and of its response.
const pingPong = 300

type rawSession struct {
	network  *network
	listener net.Listener
	addr     string
	stop     func()
	running  sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	stream net.Conn // for upload and download
}

// A message begins with what it is, in one byte, and its length in seven more.
const (
	rawEcho = iota
	rawUpload
	rawDownload
	rawHeader = 8
)

func header(kind byte, length int64) (h [rawHeader]byte) {
	binary.BigEndian.PutUint64(h[:], uint64(length))
	h[0] = kind
	return h
}

func (s *rawSession) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.running.Go(func() {
			defer conn.(*tls.Conn).NetConn().Close()
			_ = serveRaw(conn) // the client has seen the error too
		})
	}
}

func serveRaw(conn net.Conn) error {
	buf := make([]byte, pingPong)
	for {
		if _, err := io.ReadFull(conn, buf[:rawHeader]); err != nil {
			return err
		}
		kind := buf[0]
		length := int64(binary.BigEndian.Uint64(buf) & (1<<56 - 1))
		switch kind {
		case rawUpload:
			if _, err := io.Copy(io.Discard, io.LimitReader(conn, length)); err != nil {
				return err
			}
			if _, err := conn.Write(buf[:rawHeader]); err != nil {
				return err
			}
		case rawDownload:
			if _, err := io.Copy(conn, source(length)); err != nil {
				return err
			}
		default:
			if need := int(length) + rawHeader; need > len(buf) {
				buf = append(make([]byte, 0, need), buf[:rawHeader]...)[:need]
			}
			message := buf[:rawHeader+int(length)]
			if _, err := io.ReadFull(conn, message[rawHeader:]); err != nil {
				return err
			}
			if _, err := conn.Write(message); err != nil {
				return err
			}
		}
	}
}

func (s *rawSession) keep(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
}

func (s *rawSession) dial(ctx context.Context) (net.Conn, error) {
	d := tls.Dialer{Config: s.network.clientTLS()}
	return d.DialContext(ctx, "tcp", s.addr)
}

func (s *rawSession) caller(p payload) (func(context.Context) error, error) {
	length := max(p.size, pingPong-rawHeader)
	message := make([]byte, rawHeader+length)
	h := header(rawEcho, int64(length))
	copy(message, h[:])
	back := make([]byte, len(message))
	var conn net.Conn
	return func(ctx context.Context) (err error) {
		if conn == nil {
			if conn, err = s.dial(ctx); err != nil {
				return err
			}
			s.keep(conn)
		}
		if _, err := conn.Write(message); err != nil {
			return err
		}
		_, err = io.ReadFull(conn, back)
		return err
	}, nil
}

func (s *rawSession) streamConn(ctx context.Context) (_ net.Conn, err error) {
	if s.stream == nil {
		if s.stream, err = s.dial(ctx); err != nil {
			return nil, err
		}
		s.keep(s.stream)
	}
	return s.stream, nil
}

func (s *rawSession) upload(ctx context.Context, size int64) error {
	conn, err := s.streamConn(ctx)
	if err != nil {
		return err
	}
	h := header(rawUpload, size)
	if _, err := conn.Write(h[:]); err != nil {
		return err
	}
	if _, err := io.Copy(conn, source(size)); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, h[:])
	return err
}

func (s *rawSession) download(ctx context.Context, size int64) error {
	conn, err := s.streamConn(ctx)
	if err != nil {
		return err
	}
	h := header(rawDownload, size)
	if _, err := conn.Write(h[:]); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(conn, size))
	if err == nil && n != size {
		err = fmt.Errorf("%d of %d bytes came", n, size)
	}
	return err
}

func (s *rawSession) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for _, conn := range s.conns {
		_ = conn.(*tls.Conn).NetConn().Close() // the other side then does the same
	}
	s.mu.Unlock()
	s.running.Wait()
	s.stop()
	return err
}

// reconnect is a bare mutual handshake, and one short message there and back.
func (s *rawSession) reconnect(ctx context.Context) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.(*tls.Conn).NetConn().Close()
	h := header(rawEcho, pingPong-rawHeader)
	message := append(h[:], make([]byte, pingPong-rawHeader)...)
	if _, err := conn.Write(message); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, message)
	return err
}
