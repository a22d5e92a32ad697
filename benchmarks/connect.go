package main

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"sync"

	"connectrpc.com/connect"

	pb "github.com/halibut-go/halibut/benchmarks/echopb"
	"github.com/halibut-go/halibut/benchmarks/echopb/echopbconnect"
)

// connectGo is connectrpc.com/connect with its own protocol over net/http's
// HTTP/2: all callers share a connection.
var connectGo = peer{"connect-go", func(n *network) (session, error) {
	l, addr, stop, err := n.listen()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(echopbconnect.NewEchoHandler(connectEcho{}))
	config := n.serviceTLS()
	config.NextProtos = []string{"h2"}
	server := &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
	s := &connectSession{server: server, stop: stop}
	s.running.Go(func() { _ = server.Serve(tls.NewListener(l, config)) })
	s.addr, s.tls = addr, n.clientTLS()
	s.transport, s.client = s.dial()
	return s, nil
}}

type connectSession struct {
	server    *http.Server
	addr      string
	tls       *tls.Config
	transport *http.Transport
	client    echopbconnect.EchoClient
	stop      func()
	running   sync.WaitGroup
}

func (s *connectSession) dial() (*http.Transport, echopbconnect.EchoClient) {
	transport := &http.Transport{TLSClientConfig: s.tls, ForceAttemptHTTP2: true}
	return transport, echopbconnect.NewEchoClient(&http.Client{Transport: transport}, "https://"+s.addr)
}

func (s *connectSession) reconnect(ctx context.Context) error {
	transport, client := s.dial()
	defer transport.CloseIdleConnections()
	return protoCaller(connectCalls{client}, hello)(ctx)
}

// connectCalls takes messages out of their envelopes.
type connectCalls struct{ client echopbconnect.EchoClient }

func (c connectCalls) Hello(ctx context.Context, in *pb.Text) (*pb.Text, error) {
	return opened(c.client.Hello(ctx, connect.NewRequest(in)))
}

func (c connectCalls) Records(ctx context.Context, in *pb.RecordList) (*pb.RecordList, error) {
	return opened(c.client.Records(ctx, connect.NewRequest(in)))
}

func (c connectCalls) Bytes(ctx context.Context, in *pb.Chunk) (*pb.Chunk, error) {
	return opened(c.client.Bytes(ctx, connect.NewRequest(in)))
}

func opened[T any](response *connect.Response[T], err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return response.Msg, nil
}

func (s *connectSession) caller(p payload) (func(context.Context) error, error) {
	return protoCaller(connectCalls{s.client}, p), nil
}

func (s *connectSession) upload(ctx context.Context, size int64) error {
	stream := s.client.Upload(ctx)
	if err := sendChunks(size, stream.Send); err != nil {
		return err
	}
	counted, err := stream.CloseAndReceive()
	if err != nil {
		return err
	}
	return came(int(counted.Msg.Size), int(size), "bytes")
}

func (s *connectSession) download(ctx context.Context, size int64) error {
	stream, err := s.client.Download(ctx, connect.NewRequest(&pb.Size{Size: size}))
	if err != nil {
		return err
	}
	defer stream.Close()
	n := int64(0)
	for stream.Receive() {
		n += int64(len(stream.Msg().Data))
	}
	if err := stream.Err(); err != nil {
		return err
	}
	return came(int(n), int(size), "bytes")
}

func (s *connectSession) Close() error {
	s.transport.CloseIdleConnections()
	err := s.server.Close()
	s.running.Wait()
	s.stop()
	return err
}

type connectEcho struct{ protoEcho }

func (e connectEcho) Hello(ctx context.Context, in *connect.Request[pb.Text]) (*connect.Response[pb.Text], error) {
	return enveloped(e.protoEcho.Hello(ctx, in.Msg))
}

func (e connectEcho) Records(ctx context.Context, in *connect.Request[pb.RecordList]) (*connect.Response[pb.RecordList], error) {
	return enveloped(e.protoEcho.Records(ctx, in.Msg))
}

func (e connectEcho) Bytes(ctx context.Context, in *connect.Request[pb.Chunk]) (*connect.Response[pb.Chunk], error) {
	return enveloped(e.protoEcho.Bytes(ctx, in.Msg))
}

func enveloped[T any](out *T, err error) (*connect.Response[T], error) {
	return connect.NewResponse(out), err
}

func (connectEcho) Upload(_ context.Context, stream *connect.ClientStream[pb.Chunk]) (*connect.Response[pb.Size], error) {
	n := int64(0)
	for stream.Receive() {
		n += int64(len(stream.Msg().Data))
	}
	return connect.NewResponse(&pb.Size{Size: n}), stream.Err()
}

func (connectEcho) Download(_ context.Context, size *connect.Request[pb.Size], stream *connect.ServerStream[pb.Chunk]) error {
	return sendChunks(size.Msg.Size, stream.Send)
}
