package halibut

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Serve accepts connections on l: from clients, which call this runtime's
// services, and from polling services, which collect what this runtime's
// clients call. Who is admitted, and for what, is the Authorizer's to say.
//
// Serve blocks; it owns l and everything it starts, and returns when all of it
// has ended: ErrClosed after Shutdown or Close, the error of ctx when that
// ended, which cuts every connection at once, or the listener's error.
func (rt *Runtime) Serve(ctx context.Context, l net.Listener, opts ...ServeOption) error {
	ctx, done, err := rt.begin(ctx, &rt.serving)
	if err != nil {
		_ = l.Close()
		return err
	}
	defer done()
	s := &server{rt: rt, listener: l, crowd: newCrowd(&rt.limits), protocols: rt.options.Protocols}
	for _, option := range opts {
		option(s)
	}
	s.tls = rt.serverTLSFor(s.protocols, s.only)
	if n := rt.limits.Unauthenticated; n > 0 {
		s.unauthenticated = make(chan struct{}, n)
	}
	rt.log.Info("listener started", "addr", l.Addr().String(), "thumbprint", rt.own)
	var watch sync.WaitGroup
	watching, stopWatching := context.WithCancel(ctx)
	watch.Go(func() { rt.watchTrust(watching) })
	err = s.accept(ctx)
	s.crowd.close()
	s.arrivals.Wait() // each may still become a conversation
	s.conversations.Wait()
	stopWatching()
	watch.Wait()
	rt.log.Info("listener stopped", "addr", l.Addr().String())
	return err
}

// pauseQuiet is how long one line about a pause in accepting suffices.
const pauseQuiet = 10 * time.Second

// server is one listener and its connections.
type server struct {
	rt              *Runtime
	listener        net.Listener
	protocols       []Protocol // beside Halibut
	only            bool       // the first of them in place of Halibut
	tls             *tls.Config
	proxies         []netip.Prefix // their connections begin with a PROXY protocol header
	arrivals        sync.WaitGroup // connections that have not said who they are
	conversations   sync.WaitGroup // those whose peers were admitted
	unauthenticated chan struct{}  // one place for each connection that has not said who it is
	paused          time.Time      // when it was last told that accepting pauses
	crowd           *crowd         // the same connections by address, and those that wait for a place
}

func (s *server) accept(ctx context.Context) error {
	stop := make(chan struct{})
	defer close(stop)
	s.arrivals.Go(func() {
		select {
		case <-ctx.Done():
		case <-s.rt.draining:
		case <-stop:
		}
		_ = s.listener.Close()
	})
	for failures := 0; ; {
		if err := s.admitOne(ctx); err != nil {
			return err
		}
		conn, err := s.listener.Accept()
		if err == nil {
			failures = 0
			if err := s.receive(ctx, conn); err != nil {
				return err
			}
			continue
		}
		s.leave()
		switch {
		case s.rt.isDraining():
			return ErrClosed
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, net.ErrClosed):
			return err
		}
		failures++
		if err := s.pauseAfter(ctx, failures, err); err != nil {
			return err
		}
	}
}

// admitOne waits for a place among the unauthenticated connections: when all
// are taken the listener accepts nobody, and those who come wait in the
// kernel's queue.
func (s *server) admitOne(ctx context.Context) error {
	if s.unauthenticated == nil {
		return nil
	}
	select {
	case s.unauthenticated <- struct{}{}:
		return nil
	default:
	}
	s.logPause(cap(s.unauthenticated))
	select {
	case s.unauthenticated <- struct{}{}:
		return nil
	case <-s.rt.draining:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// receive starts on a connection, or has it wait until its address has a place.
func (s *server) receive(ctx context.Context, conn net.Conn) error {
	if s.behindProxy(conn) {
		s.arrivals.Go(func() { s.openBehindProxy(ctx, conn) })
		return nil
	}
	from := origin(conn.RemoteAddr())
	if s.enter(from, conn) {
		s.arrivals.Go(func() { s.open(ctx, conn, from) })
		return nil
	}
	if !s.crowd.full() {
		return nil
	}
	s.logPause(s.crowd.room)
	for s.crowd.full() {
		select {
		case <-s.crowd.moved:
		case <-s.rt.draining:
			return ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// enter reports whether a connection may go in now. If not, it has given its
// place back and stands in line.
func (s *server) enter(from netip.Prefix, conn net.Conn) bool {
	in, first := s.crowd.enter(from, conn)
	if in {
		return true
	}
	s.leave()
	if first {
		s.rt.log.Warn("connections wait: too many of one address have not said who they are (Limits.UnauthenticatedPerAddress)",
			"limit", s.crowd.share, "from", from.String(), "addr", s.listener.Addr().String())
	}
	return false
}

// logPause tells that accepting pauses, and not again for every connection of
// one rush.
func (s *server) logPause(limit int) {
	if !s.paused.IsZero() && time.Since(s.paused) < pauseQuiet {
		return
	}
	s.paused = time.Now()
	s.rt.log.Warn("accepting pauses: too many connections that have not said who they are (Limits.Unauthenticated)",
		"limit", limit, "addr", s.listener.Addr().String())
}

// depart gives the place of a connection that has said who it is, or has ended,
// to the next one of the address, or back.
func (s *server) depart(ctx context.Context, from netip.Prefix) {
	if next := s.crowd.leave(from); next != nil {
		s.conversations.Go(func() { s.open(ctx, next, from) }) // arrivals may be waited for already
		return
	}
	s.leave()
}

func (s *server) leave() {
	if s.unauthenticated != nil {
		<-s.unauthenticated
	}
}

// pauseAfter waits longer the more often in a row accepting has failed, as it
// does while the process has no descriptors left.
func (s *server) pauseAfter(ctx context.Context, failures int, cause error) error {
	pause := min(time.Duration(failures)*10*time.Millisecond, time.Second)
	s.rt.log.Error("accepting a connection failed", "error", cause, "failures", failures, "pause", pause)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.rt.draining:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
