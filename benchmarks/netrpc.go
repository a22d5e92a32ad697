package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/rpc"
	"sync"
)

// netRPC is the standard library's net/rpc with gob: all callers share a
// connection. It has no contexts and no streams.
var netRPC = peer{"net/rpc", func(n *network) (session, error) {
	l, addr, stop, err := n.listen()
	if err != nil {
		return nil, err
	}
	server := rpc.NewServer()
	if err := server.RegisterName("Echo", gobEcho{}); err != nil {
		return nil, err
	}
	s := &netRPCSession{network: n, listener: tls.NewListener(l, n.serviceTLS()), addr: addr, stop: stop}
	s.running.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.running.Go(func() { server.ServeConn(conn) })
		}
	})
	return s, nil
}}

type netRPCSession struct {
	network  *network
	listener net.Listener
	addr     string
	stop     func()
	running  sync.WaitGroup
	mu       sync.Mutex
	client   *rpc.Client
}

func (s *netRPCSession) connected() (*rpc.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		conn, err := tls.Dial("tcp", s.addr, s.network.clientTLS())
		if err != nil {
			return nil, err
		}
		s.client = rpc.NewClient(conn)
	}
	return s.client, nil
}

func (s *netRPCSession) reconnect(context.Context) error {
	conn, err := tls.Dial("tcp", s.addr, s.network.clientTLS())
	if err != nil {
		return err
	}
	client := rpc.NewClient(conn)
	defer client.Close()
	var back string
	return client.Call("Echo.Hello", greeting, &back)
}

func (s *netRPCSession) caller(p payload) (func(context.Context) error, error) {
	switch p.form {
	case records:
		return gobCaller(s, "Echo.Records", recordsOf(p.size), func(sent, back []Record) error {
			return came(len(back), len(sent), "records")
		}), nil
	case raw:
		return gobCaller(s, "Echo.Bytes", bytesOf(p.size), func(sent, back []byte) error {
			return came(len(back), len(sent), "bytes")
		}), nil
	default:
		return gobCaller(s, "Echo.Hello", greeting, func(sent, back string) error {
			return came(len(back), len(sent)+len(dots), "characters")
		}), nil
	}
}

func gobCaller[T any](s *netRPCSession, method string, arg T, check func(sent, back T) error) func(context.Context) error {
	var client *rpc.Client
	return func(context.Context) (err error) {
		if client == nil {
			if client, err = s.connected(); err != nil {
				return err
			}
		}
		var back T
		if err := client.Call(method, arg, &back); err != nil {
			return err
		}
		return check(arg, back)
	}
}

func (s *netRPCSession) Close() error {
	err := s.listener.Close()
	if s.client != nil {
		_ = s.client.Close()
	}
	s.running.Wait()
	s.stop()
	return err
}

type gobEcho struct{}

func (gobEcho) Hello(in string, out *string) error       { *out = in + dots; return nil }
func (gobEcho) Records(in []Record, out *[]Record) error { *out = in; return nil }
func (gobEcho) Bytes(in []byte, out *[]byte) error       { *out = in; return nil }
