package halibut

import (
	"context"
	"net"
	"sync"
)

// ServeConn holds Halibut's conversation, from the identity on, with a peer whose
// connection something else than Serve has accepted, such as a handler of
// net/http, and whose identity it has proved. The Authorizer decides about the
// peer, the Limits hold, and the peer is dropped when it is trusted no longer.
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
	a.arrived = sync.OnceFunc(rt.watchDrain(a))
	err = a.converse(ctx, conn)
	a.close(ctx, stop, err)
	return err
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
