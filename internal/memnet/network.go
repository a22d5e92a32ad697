package memnet

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// backlog is how many connections wait to be accepted before dialling waits too.
const backlog = 128

// Network connects diallers with the listeners of one set of addresses. The zero
// Network is ready; its methods may be called by many goroutines at once.
type Network struct {
	mu        sync.Mutex
	listeners map[Addr]*Listener
	lastPort  int
}

// Listener takes the connections of one address.
type Listener struct {
	network *Network
	addr    Addr
	queue   chan *Conn
	done    chan struct{}

	mu     sync.RWMutex // held for reading while a connection is put into queue
	closed bool
}

// Listen opens an address. Port 0 of host:0 becomes a free port.
func (n *Network) Listen(address string) (*Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := Addr(address)
	if host, ok := strings.CutSuffix(address, ":0"); ok {
		addr = n.freeAddr(host)
	}
	if n.listeners[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: addr.Network(), Addr: addr, Err: syscall.EADDRINUSE}
	}
	if n.listeners == nil {
		n.listeners = make(map[Addr]*Listener)
	}
	l := &Listener{network: n, addr: addr, queue: make(chan *Conn, backlog), done: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}

// freeAddr is an address of host that was not given before. The caller holds n.mu.
func (n *Network) freeAddr(host string) Addr {
	for {
		n.lastPort++
		addr := Addr(host + ":" + strconv.Itoa(40000+n.lastPort%20000))
		if n.listeners[addr] == nil {
			return addr
		}
	}
}

// Dial connects to an address as Dialer.DialContext does from 127.0.0.1.
func (n *Network) Dial(ctx context.Context, address string) (*Conn, error) {
	return n.DialFrom(ctx, "127.0.0.1:0", address)
}

// DialContext is Dial in the form that net.Dialer has. The network's name does
// not matter.
func (n *Network) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	c, err := n.Dial(ctx, address)
	if err != nil {
		return nil, err // not a nil *Conn in an interface
	}
	return c, nil
}

// DialFrom connects from one address, whose port may be 0, to another. It waits
// while the listener's backlog is full, until ctx ends.
func (n *Network) DialFrom(ctx context.Context, local, address string) (*Conn, error) {
	remote := Addr(address)
	n.mu.Lock()
	l := n.listeners[remote]
	from := Addr(local)
	if host, ok := strings.CutSuffix(local, ":0"); ok {
		from = n.freeAddr(host)
	}
	n.mu.Unlock()

	dialError := func(err error) error {
		return &net.OpError{Op: "dial", Net: remote.Network(), Source: from, Addr: remote, Err: err}
	}
	if err := ctx.Err(); err != nil {
		return nil, dialError(err)
	}
	if l == nil {
		return nil, dialError(syscall.ECONNREFUSED)
	}
	ours, theirs := Pipe(from, remote)
	if err := l.put(ctx, theirs); err != nil {
		return nil, dialError(err)
	}
	return ours, nil
}

func (l *Listener) put(ctx context.Context, c *Conn) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return syscall.ECONNREFUSED
	}
	select {
	case l.queue <- c:
		return nil
	case <-l.done:
		return syscall.ECONNREFUSED
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Accept waits for the next connection. After Close it fails with net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, l.closedError("accept")
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, l.closedError("accept")
	}
}

// Close frees the address and resets the connections that nobody accepted.
func (l *Listener) Close() error {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	if l.network.listeners[l.addr] != l {
		return l.closedError("close")
	}
	delete(l.network.listeners, l.addr)
	close(l.done)

	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for {
		select {
		case c := <-l.queue:
			if err := c.Reset(); err != nil {
				return fmt.Errorf("reset a waiting connection: %w", err)
			}
		default:
			return nil
		}
	}
}

// Addr is the address that was opened.
func (l *Listener) Addr() net.Addr { return l.addr }

func (l *Listener) closedError(op string) error {
	return &net.OpError{Op: op, Net: l.addr.Network(), Addr: l.addr, Err: net.ErrClosed}
}
