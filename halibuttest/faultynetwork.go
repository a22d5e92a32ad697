package halibuttest

import (
	"context"
	"net"
	"sync/atomic"
)

// Faults says what goes wrong on the n-th connection, counted from 0. It may be
// called from several goroutines at once; nil is none.
type Faults func(n int) []Fault

// Dialler opens a connection, as the field DialContext of [halibut.Options] and
// net.Dialer do.
type Dialler func(ctx context.Context, network, addr string) (net.Conn, error)

// FaultyDialler returns a dialler whose connections are *FaultyConn around those
// of dial; nil stands for that of a net.Dialer.
func FaultyDialler(dial Dialler, faults Faults) Dialler {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	var opened atomic.Int64
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return faulty(conn, faults, &opened), nil
	}
}

// FaultyListener returns a listener whose connections are *FaultyConn around
// those that l accepts.
func FaultyListener(l net.Listener, faults Faults) net.Listener {
	return &faultyListener{Listener: l, faults: faults}
}

type faultyListener struct {
	net.Listener
	faults   Faults
	accepted atomic.Int64
}

func (l *faultyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return faulty(conn, l.faults, &l.accepted), nil
}

func faulty(conn net.Conn, faults Faults, count *atomic.Int64) net.Conn {
	n := int(count.Add(1) - 1)
	if faults == nil {
		return NewFaultyConn(conn)
	}
	return NewFaultyConn(conn, faults(n)...)
}
