package halibut

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/internal/mutualtls"
	"github.com/halibut-go/halibut/wire"
)

// Serve accepts connections on l: from clients, which call this runtime's
// services, and from polling services, which collect what this runtime's
// clients call. Who is admitted, and for what, is the Authorizer's to say.
//
// Serve blocks; it owns l and everything it starts, and returns when all of it
// has ended: ErrClosed after Shutdown or Close, the error of ctx when that
// ended, which cuts every connection at once, or the listener's error.
func (rt *Runtime) Serve(ctx context.Context, l net.Listener) error {
	ctx, done, err := rt.begin(ctx)
	if err != nil {
		_ = l.Close()
		return err
	}
	defer done()
	s := &server{rt: rt, listener: l}
	if n := rt.limits.Unauthenticated; n > 0 {
		s.unauthenticated = make(chan struct{}, n)
	}
	rt.log.Info("listener started", "addr", l.Addr().String(), "thumbprint", rt.own)
	err = s.accept(ctx)
	s.connections.Wait()
	rt.log.Info("listener stopped", "addr", l.Addr().String())
	return err
}

// server is one listener and its connections.
type server struct {
	rt              *Runtime
	listener        net.Listener
	connections     sync.WaitGroup
	unauthenticated chan struct{} // one place for each connection that has not said who it is
}

func (s *server) accept(ctx context.Context) error {
	stop := make(chan struct{})
	defer close(stop)
	s.connections.Go(func() {
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
			s.connections.Go(func() { s.open(ctx, conn) })
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
	s.rt.log.Warn("accepting pauses: too many connections that have not said who they are",
		"limit", cap(s.unauthenticated), "addr", s.listener.Addr().String())
	select {
	case s.unauthenticated <- struct{}{}:
		return nil
	case <-s.rt.draining:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
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
	s.rt.log.Error("accepting a connection failed", "error", cause, "in a row", failures, "pause", pause)
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

// open takes a connection to where its peer is admitted, and then starts the
// conversation in a goroutine with a fresh stack: the handshake's is large,
// and the conversation may last for months.
func (s *server) open(ctx context.Context, conn net.Conn) {
	defer s.leave()
	log := s.rt.log.With("addr", conn.RemoteAddr().String())
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	converse, err := s.identify(ctx, conn, log)
	if err != nil {
		stop()
		_ = conn.Close()
		if !errors.Is(err, errAnswered) && ctx.Err() == nil {
			log.Warn("connection refused", "error", err)
		}
		return
	}
	s.connections.Go(func() {
		defer func() {
			stop()
			_ = conn.Close()
		}()
		converse()
	})
}

// errAnswered: the connection was dealt with, there is nothing to tell.
var errAnswered = errors.New("answered")

// identify takes a connection through handshake, preamble, identity and
// authorisation, all under one deadline.
func (s *server) identify(ctx context.Context, conn net.Conn, log *slog.Logger) (converse func(), err error) {
	if limit := s.rt.limits.Handshake; limit > 0 {
		_ = conn.SetDeadline(time.Now().Add(limit))
	}
	secured, err := s.handshake(ctx, conn)
	if err != nil {
		return nil, err
	}
	peer := newPeer(new(secured.ConnectionState()), conn.RemoteAddr())
	opening := exchange.Accept(secured, &s.rt.answering.Reader)
	kind, err := opening.Preamble()
	if err == nil && kind != wire.PreambleHalibut {
		err = s.answerOther(secured, kind)
	}
	if err != nil {
		opening.Close()
		return nil, err
	}
	session, err := s.authorize(ctx, opening, &peer)
	if err != nil {
		opening.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	log.Info("peer admitted", "peer", peer)
	ctx = contextWithPeer(ctx, peer)
	if peer.Role == RolePoller {
		return func() { s.rt.passRequests(ctx, session, peer, log) }, nil
	}
	return func() { s.rt.answerCalls(ctx, session, log) }, nil
}

// handshake holds one of the places for handshakes while it computes, but not
// while it waits for the peer: peers that are slow, or stop in the middle, take
// no place from others.
func (s *server) handshake(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	if s.rt.handshakes != nil {
		waiting := &handshakeConn{Conn: conn, places: s.rt.handshakes}
		waiting.places <- struct{}{}
		defer waiting.release()
		conn = waiting
	}
	secured, err := mutualtls.AcceptHandshake(ctx, conn, s.rt.serverTLS)
	if err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return secured, nil
}

// handshakeConn gives its place back for as long as a read waits. After the
// handshake it is the connection and nothing else.
type handshakeConn struct {
	net.Conn
	places chan struct{}
	done   bool
}

func (c *handshakeConn) Read(p []byte) (int, error) {
	if c.done {
		return c.Conn.Read(p)
	}
	<-c.places
	n, err := c.Conn.Read(p)
	c.places <- struct{}{}
	return n, err
}

func (c *handshakeConn) release() {
	c.done = true
	<-c.places
}

// answerOther answers a peer that does not speak Halibut.
func (s *server) answerOther(conn net.Conn, kind wire.Preamble) error {
	if kind == wire.PreambleEmpty {
		return errAnswered
	}
	if _, err := conn.Write(friendlyPage()); err != nil {
		return err
	}
	_ = conn.(*tls.Conn).CloseWrite()
	return errAnswered
}

// authorize reads who the peer says it is and asks the authoriser. A peer that
// is refused is told nothing: the connection just closes.
func (s *server) authorize(ctx context.Context, opening *exchange.Opening, peer *Peer) (*exchange.Session, error) {
	if !peer.Presented() {
		return nil, errors.New("the peer did not present a certificate")
	}
	identity, err := opening.Identity()
	if err != nil {
		return nil, err
	}
	peer.Role = RoleClient
	if identity.Role == wire.RoleSubscriber {
		peer.Role = RolePoller
		peer.Subscription, err = normalSubscription(identity.Subscription)
		if err != nil {
			return nil, err
		}
	}
	authorizer := s.rt.options.Authorizer
	if authorizer == nil {
		return nil, fmt.Errorf("%s is not admitted: this runtime has no Authorizer, and so admits nobody", peer.Thumbprint)
	}
	if err := authorizer.Authorize(ctx, *peer); err != nil {
		return nil, err
	}
	return opening.Admit(capabilityWords)
}

// answerCalls answers a client's calls until its connection ends.
func (rt *Runtime) answerCalls(ctx context.Context, session *exchange.Session, log *slog.Logger) {
	log.Info("client left", "reason", rt.serve(ctx, session, &rt.answering))
}

// capabilityWords are what this side can do beyond the reference.
var capabilityWords = []string{"go/1"}

// friendlyPage is what a browser gets that opens the port.
func friendlyPage() []byte {
	const page = "<html><body><p>Hello!</p></body></html>"
	return fmt.Appendf(nil, "HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n", len(page), page)
}
