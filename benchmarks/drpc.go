package main

import (
	"context"
	"crypto/tls"
	"sync"

	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcmux"
	"storj.io/drpc/drpcpool"
	"storj.io/drpc/drpcserver"

	pb "github.com/halibut-go/halibut/benchmarks/echopb"
)

// drpcGo is storj.io/drpc with its pool: a connection carries one call at a time.
var drpcGo = peer{"drpc", func(n *network) (session, error) {
	l, addr, stop, err := n.listen()
	if err != nil {
		return nil, err
	}
	mux := drpcmux.New()
	if err := pb.DRPCRegisterEcho(mux, drpcEcho{}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &drpcSession{addr: addr, cancel: cancel, stop: stop, pool: drpcpool.New[string, drpcpool.Conn](drpcpool.Options{Capacity: mostCallers, KeyCapacity: mostCallers})}
	s.running.Go(func() { _ = drpcserver.New(mux).Serve(ctx, tls.NewListener(l, n.serviceTLS())) })
	s.dial = func(ctx context.Context, addr string) (drpcpool.Conn, error) {
		d := tls.Dialer{Config: n.clientTLS()}
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		return drpcconn.New(conn), nil
	}
	s.client = pb.NewDRPCEchoClient(s.pool.Get(ctx, addr, s.dial))
	return s, nil
}}

type drpcSession struct {
	protoCalls[pb.DRPCEcho_UploadClient, pb.DRPCEcho_DownloadClient]
	addr    string
	dial    func(ctx context.Context, addr string) (drpcpool.Conn, error)
	pool    *drpcpool.Pool[string, drpcpool.Conn]
	cancel  func()
	stop    func()
	running sync.WaitGroup
}

func (s *drpcSession) reconnect(ctx context.Context) error {
	conn, err := s.dial(ctx, s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	return protoCaller(pb.NewDRPCEchoClient(conn), hello)(ctx)
}

func (s *drpcSession) Close() error {
	err := s.pool.Close()
	s.cancel()
	s.running.Wait()
	s.stop()
	return err
}

type drpcEcho struct{ protoEcho }

func (drpcEcho) Upload(stream pb.DRPCEcho_UploadStream) error {
	return takeUpload(stream)
}

func (drpcEcho) Download(size *pb.Size, stream pb.DRPCEcho_DownloadStream) error {
	return sendChunks(size.Size, stream.Send)
}
