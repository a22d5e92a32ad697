package main

import (
	"net"
	"sync"
	"time"
)

// link passes connections on to an address and holds back what is said, so
// long each way.
type link struct {
	listener net.Listener
	to       string
	delay    time.Duration
	open     sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newLink(to string, delay time.Duration) (*link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &link{listener: listener, to: to, delay: delay}
	l.open.Go(l.accept)
	return l, nil
}

func (l *link) addr() string { return l.listener.Addr().String() }

func (l *link) close() {
	_ = l.listener.Close()
	l.mu.Lock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.mu.Unlock()
	l.open.Wait()
}

func (l *link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		l.mu.Lock()
		l.conns = append(l.conns, near, far)
		l.mu.Unlock()
		l.open.Go(func() { l.carry(near, far) })
		l.open.Go(func() { l.carry(far, near) })
	}
}

// said is what was read at once, and when it is due at the other end.
type said struct {
	bytes []byte
	due   time.Time
}

// carry reads as fast as the bytes come, since a link has room for what is
// under way, and writes them when they are due.
func (l *link) carry(from, to net.Conn) {
	under := make(chan said, 4096)
	l.open.Go(func() {
		for s := range under {
			time.Sleep(time.Until(s.due))
			if _, err := to.Write(s.bytes); err != nil {
				break
			}
		}
		_ = to.Close()
		for range under { // so that the reader ends
		}
	})
	defer close(under)
	for {
		buf := make([]byte, 64<<10)
		n, err := from.Read(buf)
		if n > 0 {
			under <- said{buf[:n], time.Now().Add(l.delay)}
		}
		if err != nil {
			return
		}
	}
}
