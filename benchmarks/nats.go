package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// natsRequest is request-reply over a NATS server, with a connection for the
// caller and one for the worker, as nodes have them to Redis.
var natsRequest = peer{"NATS request-reply", openNATS}

type natsSession struct {
	server            *server.Server
	requester, worker *nats.Conn
}

func openNATS(*network) (session, error) {
	s := new(natsSession)
	var err error
	if s.server, err = server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}); err != nil {
		return nil, err
	}
	s.server.Start()
	if !s.server.ReadyForConnections(10 * time.Second) {
		return nil, fmt.Errorf("the NATS server does not start")
	}
	if s.worker, err = nats.Connect(s.server.ClientURL()); err != nil {
		return nil, err
	}
	if s.requester, err = nats.Connect(s.server.ClientURL()); err != nil {
		return nil, err
	}
	_, err = s.worker.QueueSubscribe("work", "workers", func(m *nats.Msg) { _ = m.Respond(append(m.Data, dots...)) })
	if err == nil {
		err = s.worker.Flush()
	}
	return s, err
}

func (s *natsSession) caller(payload) (func(context.Context) error, error) {
	return func(ctx context.Context) error {
		reply, err := s.requester.RequestWithContext(ctx, "work", []byte(greeting))
		if err == nil && string(reply.Data) != greeting+dots {
			err = fmt.Errorf("%q came back", reply.Data)
		}
		return err
	}, nil
}

func (s *natsSession) Close() error {
	s.requester.Close()
	s.worker.Close()
	s.server.Shutdown()
	s.server.WaitForShutdown()
	return nil
}
