package main

import (
	"context"
	"crypto/tls"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	pb "github.com/halibut-go/halibut/benchmarks/echopb"
)

// grpcGo is google.golang.org/grpc as it comes: all callers share a connection.
var grpcGo = peer{"grpc-go", func(n *network) (session, error) {
	l, addr, stop, err := n.listen()
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(n.serviceTLS())))
	pb.RegisterEchoServer(server, grpcEcho{})
	s := &grpcSession{server: server, addr: addr, tls: n.clientTLS(), stop: stop}
	s.running.Go(func() { _ = server.Serve(l) })
	s.conn, err = s.dial()
	s.client = grpcCalls{pb.NewEchoClient(s.conn)}
	return s, err
}}

type (
	grpcUpload   = grpc.ClientStreamingClient[pb.Chunk, pb.Size]
	grpcDownload = grpc.ServerStreamingClient[pb.Chunk]
)

type grpcSession struct {
	protoCalls[grpcUpload, grpcDownload]
	server  *grpc.Server
	addr    string
	tls     *tls.Config
	conn    *grpc.ClientConn
	stop    func()
	running sync.WaitGroup
}

func (s *grpcSession) dial() (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+s.addr, grpc.WithTransportCredentials(credentials.NewTLS(s.tls)))
}

func (s *grpcSession) reconnect(ctx context.Context) error {
	conn, err := s.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	return protoCaller(grpcCalls{pb.NewEchoClient(conn)}, hello)(ctx)
}

// grpcCalls leaves the options of a call away.
type grpcCalls struct{ client pb.EchoClient }

func (c grpcCalls) Hello(ctx context.Context, in *pb.Text) (*pb.Text, error) {
	return c.client.Hello(ctx, in)
}

func (c grpcCalls) Records(ctx context.Context, in *pb.RecordList) (*pb.RecordList, error) {
	return c.client.Records(ctx, in)
}

func (c grpcCalls) Bytes(ctx context.Context, in *pb.Chunk) (*pb.Chunk, error) {
	return c.client.Bytes(ctx, in)
}

func (c grpcCalls) Upload(ctx context.Context) (grpcUpload, error) { return c.client.Upload(ctx) }

func (c grpcCalls) Download(ctx context.Context, size *pb.Size) (grpcDownload, error) {
	return c.client.Download(ctx, size)
}

func (s *grpcSession) Close() error {
	err := s.conn.Close()
	s.server.Stop()
	s.running.Wait()
	s.stop()
	return err
}

type grpcEcho struct {
	protoEcho
	pb.UnsafeEchoServer
}

func (grpcEcho) Upload(stream grpc.ClientStreamingServer[pb.Chunk, pb.Size]) error {
	return takeUpload(stream)
}

func (grpcEcho) Download(size *pb.Size, stream grpc.ServerStreamingServer[pb.Chunk]) error {
	return sendChunks(size.Size, stream.Send)
}
