package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"

	"github.com/halibut-go/halibut"
)

// listening is this project with a service that listens: each call under way
// has a connection, from a pool that keeps as many as there are callers.
var listening = peer{"Halibut, listening", func(n *network) (session, error) { return openListening(n, false) }}

// polling is this project with a service that polls, over as many connections.
func polling(connections int) peer {
	return peer{"Halibut, polling", func(n *network) (session, error) { return openPolling(n, connections, false) }}
}

// The same as towards .NET peers: no side says that it is written in Go, and
// NEXT and PROCEED are lines of their own that are waited for.
var (
	listeningAwaited = peer{"Halibut, listening, as with .NET", func(n *network) (session, error) { return openListening(n, true) }}
	pollingAwaited   = peer{"Halibut, polling, as with .NET", func(n *network) (session, error) { return openPolling(n, 1, true) }}
)

// keeping is Halibut with downloads that are kept before they are read.
func keeping(p peer) peer {
	return peer{p.name + ", kept in a file", func(n *network) (session, error) {
		s, err := p.open(n)
		if err == nil {
			s.(*halibutSession).kept = true
		}
		return s, err
	}}
}

const (
	echoContract = "IEcho"
	subscription = "poll://benchmark"
)

type halibutSession struct {
	client, service *halibut.Runtime
	calls           *halibut.Client
	stop            func()
	kept            bool         // downloads are kept, in a file that is, before they are read
	listener        net.Listener // where Serve does not own it
	running         sync.WaitGroup
}

func newHalibut(n *network, client, service halibut.Options) (*halibutSession, error) {
	s := new(halibutSession)
	service.Services = echoServices()
	var err error
	if s.client, err = halibut.New(n.client, &client); err != nil {
		return nil, err
	}
	s.service, err = halibut.New(n.service, &service)
	return s, err
}

func echoServices() *halibut.Services {
	s := new(halibut.Services)
	s.Handle(echoContract, "Hello", func(_ context.Context, name string) (string, error) { return name + dots, nil })
	s.Handle(echoContract, "Records", func(_ context.Context, list []Record) ([]Record, error) { return list, nil })
	s.Handle(echoContract, "Bytes", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })
	s.Handle(echoContract, "Upload", func(_ context.Context, r io.Reader) (int64, error) { return io.Copy(io.Discard, r) })
	s.Handle(echoContract, "Store", func(_ context.Context, stream *halibut.DataStream) (int64, error) { return count(stream) })
	s.Handle(echoContract, "Download", func(_ context.Context, size int64) (*halibut.DataStream, error) {
		return halibut.StreamOf(source(size), size), nil
	})
	return s
}

// count reads a stream that was received.
func count(stream *halibut.DataStream) (int64, error) {
	r, err := stream.Open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(io.Discard, r)
}

// serve has rt accept connections; awaited hides from it that its peers are
// written in Go.
func (s *halibutSession) serve(n *network, rt *halibut.Runtime, awaited bool) (addr string, err error) {
	l, addr, stop, err := n.listen()
	if err != nil {
		return "", err
	}
	s.stop = stop
	if awaited {
		plain := &plainListener{Listener: l, rt: rt, config: n.serviceTLS(), peer: peerOf(n.client)}
		if rt == s.client {
			plain.config, plain.peer = n.reversed().serviceTLS(), peerOf(n.service)
		}
		s.listener = l
		s.running.Go(plain.run)
	} else {
		s.running.Go(func() { _ = rt.Serve(context.Background(), l) })
	}
	return addr, nil
}

func openListening(n *network, awaited bool) (session, error) {
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(n.client))
	s, err := newHalibut(n, halibut.Options{Limits: halibut.Limits{PoolIdleConnections: mostCallers}}, halibut.Options{Authorizer: trust})
	if err != nil {
		return nil, err
	}
	addr, err := s.serve(n, s.service, awaited)
	if err != nil {
		return nil, err
	}
	to, err := halibut.ParseEndpoint("https://"+addr, halibut.PinOf(n.service).String())
	if err != nil {
		return nil, err
	}
	s.calls = s.client.Client(to)
	return s, nil
}

func openPolling(n *network, connections int, awaited bool) (session, error) {
	trust := new(halibut.TrustList)
	if err := trust.AllowPolling(halibut.PinOf(n.service), subscription); err != nil {
		return nil, err
	}
	s, err := newHalibut(n, halibut.Options{Authorizer: trust}, halibut.Options{})
	if err != nil {
		return nil, err
	}
	addr, err := s.serve(n, s.client, awaited)
	if err != nil {
		return nil, err
	}
	to, err := halibut.ParseEndpoint("https://"+addr, halibut.PinOf(n.client).String())
	if err != nil {
		return nil, err
	}
	s.running.Go(func() {
		_ = s.service.Poll(context.Background(), subscription, to, halibut.PollConnections(connections),
			halibut.PollReconnect(func(int) time.Duration { return 0 })) // so that the pause is not what is measured
	})
	queued, err := halibut.ParseEndpoint(subscription, halibut.PinOf(n.service).String())
	if err != nil {
		return nil, err
	}
	s.calls = s.client.Client(queued)
	return s, nil
}

func (s *halibutSession) caller(p payload) (func(context.Context) error, error) {
	switch p.form {
	case records:
		return halibutCaller(s.calls, "Records", recordsOf(p.size), func(sent, back []Record) error {
			return came(len(back), len(sent), "records")
		}), nil
	case raw:
		return halibutCaller(s.calls, "Bytes", bytesOf(p.size), func(sent, back []byte) error {
			return came(len(back), len(sent), "bytes")
		}), nil
	default:
		return halibutCaller(s.calls, "Hello", greeting, func(sent, back string) error {
			return came(len(back), len(sent)+len(dots), "characters")
		}), nil
	}
}

func halibutCaller[T any](c *halibut.Client, method string, arg T, check func(sent, back T) error) func(context.Context) error {
	return func(ctx context.Context) error {
		back, err := halibut.Call[T](ctx, c, echoContract, method, arg)
		if err != nil {
			return err
		}
		return check(arg, back)
	}
}

// reconnect has the connections closed and makes a call: a service that polls
// dials for it.
func (s *halibutSession) reconnect(ctx context.Context) error {
	s.client.Disconnect(s.calls.Endpoint())
	back, err := halibut.Call[string](ctx, s.calls, echoContract, "Hello", greeting)
	if err != nil {
		return err
	}
	return came(len(back), len(greeting)+len(dots), "characters")
}

func (s *halibutSession) upload(ctx context.Context, size int64) error {
	n, err := halibut.Call[int64](ctx, s.calls, echoContract, "Upload", halibut.StreamOf(source(size), size))
	if err != nil {
		return err
	}
	return came(int(n), int(size), "bytes")
}

func (s *halibutSession) download(ctx context.Context, size int64) error {
	if s.kept {
		return s.downloadKept(ctx, size)
	}
	stream, err := halibut.Call[*halibut.DataStream](halibut.WithStreamTo(ctx, io.Discard), s.calls, echoContract, "Download", size)
	if err != nil {
		return err
	}
	return came(int(stream.Size()), int(size), "bytes")
}

func (s *halibutSession) downloadKept(ctx context.Context, size int64) error {
	stream, err := halibut.Call[*halibut.DataStream](ctx, s.calls, echoContract, "Download", size)
	if err != nil {
		return err
	}
	defer stream.Close()
	n, err := count(stream)
	if err != nil {
		return err
	}
	return came(int(n), int(size), "bytes")
}

func (s *halibutSession) Close() error {
	_ = s.service.Close() // it has no error
	_ = s.client.Close()
	if s.listener != nil {
		_ = s.listener.Close()
	}
	s.running.Wait()
	s.stop()
	return nil
}

func peerOf(cert tls.Certificate) halibut.Peer {
	der := cert.Certificate[0]
	return halibut.Peer{Thumbprint: halibut.PinSHA1(der), SHA256: halibut.PinSHA256(der), Raw: der}
}
