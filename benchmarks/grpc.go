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
	s.client = pb.NewEchoClient(s.conn)
	return s, err
}}

type grpcSession struct {
	server  *grpc.Server
	addr    string
	tls     *tls.Config
	conn    *grpc.ClientConn
	client  pb.EchoClient
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

func (s *grpcSession) caller(p payload) (func(context.Context) error, error) {
	return protoCaller(grpcCalls{s.client}, p), nil
}

func (s *grpcSession) upload(ctx context.Context, size int64) error {
	stream, err := s.client.Upload(ctx)
	if err != nil {
		return err
	}
	if err := sendChunks(size, stream.Send); err != nil {
		return err
	}
	counted, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	return came(int(counted.Size), int(size), "bytes")
}

func (s *grpcSession) download(ctx context.Context, size int64) error {
	stream, err := s.client.Download(ctx, &pb.Size{Size: size})
	if err != nil {
		return err
	}
	n, err := countChunks(stream.Recv)
	if err != nil {
		return err
	}
	return came(int(n), int(size), "bytes")
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
	n, err := countChunks(stream.Recv)
	if err != nil {
		return err
	}
	return stream.SendAndClose(&pb.Size{Size: n})
}

func (grpcEcho) Download(size *pb.Size, stream grpc.ServerStreamingServer[pb.Chunk]) error {
	return sendChunks(size.Size, stream.Send)
}
