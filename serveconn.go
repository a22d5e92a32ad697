package halibut

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// ServeConn holds Halibut's conversation, from the identity on, with a peer whose
// connection something else than Serve has accepted, such as a handler of
// net/http, and whose identity it has proved. The Authorizer decides about the
// peer, the Limits hold, and the peer is dropped when it is trusted no longer.
//
// Until the peer is admitted the connection counts in Limits.Unauthenticated, and
// in Limits.UnauthenticatedPerAddress unless peer.Via says that the address is
// that of something between. One beyond a limit is turned away, since it cannot
// be left where it is: whoever dials comes again. What whoever accepts does
// before ServeConn is for its own limits to bound (docs/networking.md).
//
// ServeConn blocks until the conversation has ended, and closes conn. Its error
// says why the peer was not admitted; it is ErrClosed after Shutdown or Close.
func (rt *Runtime) ServeConn(ctx context.Context, conn net.Conn, peer Peer) error {
	ctx, done, err := rt.begin(ctx, &rt.serving)
	if err != nil {
		_ = conn.Close()
		return err
	}
	defer done()
	defer rt.trustWatch.join(rt)()
	if peer.Addr == nil {
		peer.Addr = conn.RemoteAddr()
	}
	a := &accepted{rt: rt, conn: conn, peer: peer, log: rt.log.With("addr", peer.Addr.String())}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	leave, err := rt.handedOver.enter(&rt.limits, &peer)
	if err != nil {
		a.arrived = func() {} // it has no place to give back
		a.close(ctx, stop, err)
		return err
	}
	forget := rt.watchDrain(a)
	a.arrived = sync.OnceFunc(func() { forget(); leave() })
	err = a.converse(ctx, conn)
	a.close(ctx, stop, err)
	return err
}

// Refuse books that something in front of ServeConn has refused a connection, such
// as a handler of net/http a request: among the [Runtime.Rejections], in the log,
// and for Options.Trace. peer is what is known of it, its Addr at least.
func (rt *Runtime) Refuse(peer Peer, reason error) {
	if rt.isDraining() {
		return
	}
	addr := ""
	if peer.Addr != nil {
		addr = peer.Addr.String()
	}
	rt.refused(&peer, addr, reason, rt.log.With("addr", addr))
}

// handedOver counts the connections of ServeConn whose peers were not admitted
// yet.
type handedOver struct {
	mu   sync.Mutex
	all  int
	from map[netip.Prefix]int
}

// enter takes a place until leave is called, once.
func (h *handedOver) enter(limits *Limits, peer *Peer) (leave func(), err error) {
	var from netip.Prefix // not valid: it has no share
	if peer.Via == "" {
		from = origin(peer.Addr)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if most := limits.Unauthenticated; most > 0 && h.all >= most {
		return nil, fmt.Errorf("%d connections have not said who they are, which is the limit (Limits.Unauthenticated)", most)
	}
	if most := limits.UnauthenticatedPerAddress; most > 0 && from.IsValid() && h.from[from] >= most {
		return nil, fmt.Errorf("%d connections from %s have not said who they are, which is the limit (Limits.UnauthenticatedPerAddress)", most, from)
	}
	if h.from == nil {
		h.from = make(map[netip.Prefix]int)
	}
	h.all++
	h.from[from]++
	return func() { h.leave(from) }, nil
}

func (h *handedOver) leave(from netip.Prefix) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if h.from[from]--; h.from[from] == 0 {
		delete(h.from, from)
	}
}

// trustWatch watches over the connections of ServeConn, of all together.
type trustWatch struct {
	mu    sync.Mutex
	users int
	stop  context.CancelFunc
	ended chan struct{}
}

// join has trust watched until the last who joined leaves.
func (w *trustWatch) join(rt *Runtime) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.users++; w.users == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		w.stop, w.ended = cancel, ended
		go func() {
			defer close(ended)
			rt.watchTrust(ctx)
		}()
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.users--; w.users == 0 {
			w.stop()
			<-w.ended
		}
	}
}
