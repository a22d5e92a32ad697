package halibut

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halibut-go/halibut/internal/dial"
	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/wire"
)

// accepted is a connection on its way from Accept to the conversation.
type accepted struct {
	rt     *Runtime
	conn   net.Conn
	log    *slog.Logger
	peer   Peer // filled in as it becomes known
	live   *liveConnection
	reason error // why the conversation ended
	// arrived is called when the peer is admitted: the connection is no longer
	// one that has not said who it is.
	arrived func()
	inside  bool    // it was admitted
	told    bool    // that it was refused
	calls   *caller // of a peer that calls
	// decided is set once, when the peer is admitted or, before that, cut off.
	decided atomic.Bool
}

// open takes a connection to where its peer is admitted, and then starts the
// conversation in a goroutine with a fresh stack: the handshake's is large,
// and the conversation may last for months.
func (s *server) open(ctx context.Context, conn net.Conn, from netip.Prefix) {
	a := &accepted{rt: s.rt, conn: conn, log: s.rt.log.With("addr", conn.RemoteAddr().String())}
	_ = dial.Tune(conn) // a connection that is closed already tells when it is read
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	forget := a.rt.watchDrain(a)
	a.arrived = sync.OnceFunc(func() { forget(); s.depart(ctx, from) })
	converse, err := a.identify(ctx, s)
	if err != nil {
		a.close(ctx, stop, err)
		return
	}
	s.conversations.Go(func() {
		err := exchange.ErrMethodGone // unless the conversation returns
		defer func() { a.close(ctx, stop, err) }()
		err = converse()
	})
}

// close ends a connection and tells why. A refusal is told before the peer can
// see that it was refused.
func (a *accepted) close(ctx context.Context, stop func() bool, err error) {
	a.arrived()
	stop()
	a.refuse(ctx, err)
	a.end()
	if !a.inside {
		return
	}
	if a.calls != nil {
		a.calls.leave()
	}
	if err != nil {
		logEnd(a.log, "client left", err)
		a.reason = err
	}
	a.rt.options.Trace.disconnected(a.connection(), a.reason)
}

// Drain cuts a connection off whose peer was not admitted yet: nothing of a
// request can have come, so its peer may try elsewhere.
func (a *accepted) Drain() {
	if !a.decided.Swap(true) {
		_ = a.conn.Close()
	}
}

func (a *accepted) connection() Connection { return Connection{Peer: a.peer, Since: a.live.since} }

// end closes the connection and forgets it.
func (a *accepted) end() {
	_ = a.conn.Close()
	if a.live != nil {
		a.rt.live.remove(a.live)
	}
}

// refuse tells once why the peer was not admitted, where that is worth telling.
func (a *accepted) refuse(ctx context.Context, err error) {
	if a.told || a.inside || err == nil || errors.Is(err, errAnswered) || ctx.Err() != nil || a.rt.isDraining() {
		return
	}
	a.told = true
	a.refused(a.tooSlow(err))
}

func (a *accepted) refused(err error) {
	addr := a.conn.RemoteAddr()
	if a.peer.Addr != nil {
		addr = a.peer.Addr
	}
	a.rt.refused(&a.peer, addr.String(), err, a.log)
}

// refused tells of a connection whose peer was not admitted.
func (rt *Runtime) refused(peer *Peer, addr string, reason error, log *slog.Logger) {
	rejection := Rejection{
		Time: time.Now(), Addr: addr, Thumbprint: peer.Thumbprint, SHA256: peer.SHA256,
		Role: peer.Role, Subscription: peer.Subscription, Reason: reason,
	}
	rt.live.reject(rejection)
	rt.options.Trace.refused(rejection)
	log.Warn("connection refused", "thumbprint", rejection.Thumbprint, "subscription", rejection.Subscription, "error", reason)
}

// errAnswered: the connection was dealt with, there is nothing to tell.
var errAnswered = errors.New("answered")

// identify takes a connection through handshake, preamble, identity and
// authorisation, all under one deadline. For other protocols than Halibut it
// stops at the first bytes.
func (a *accepted) identify(ctx context.Context, s *server) (converse func() error, err error) {
	if limit := a.rt.limits.Handshake; limit > 0 {
		_ = a.conn.SetDeadline(time.Now().Add(limit))
	}
	secured, err := a.handshake(ctx, s.tls)
	if err != nil {
		return nil, err
	}
	acknowledge := dial.Acker(a.conn)
	a.peer = newPeer(new(secured.ConnectionState()), a.conn.RemoteAddr())
	if len(s.protocols) > 0 {
		if acknowledge != nil {
			acknowledge() // the end of the handshake, for which the peer's first words wait
		}
		protocol, started, err := recognise(secured, s.protocols)
		switch {
		case err != nil:
			return nil, err
		case protocol != nil:
			return func() error { return a.speak(ctx, protocol, started) }, nil
		case s.only:
			return nil, fmt.Errorf("the peer does not speak %s, and this listener nothing else", s.protocols[0].Name())
		}
		secured = started
	}
	opening := exchange.Accept(secured, acknowledge, &a.rt.answering.Reader)
	opening.Rereads()
	session, err := a.admit(ctx, secured, opening)
	if err != nil {
		opening.Close()
		return nil, err
	}
	ctx = a.admitted(ctx, a.conn)
	if a.peer.Role == RolePoller {
		return func() error { a.passRequests(ctx, session); return nil }, nil
	}
	return func() error { a.answerCalls(ctx, session); return nil }, nil
}

// admitted books that the authoriser has let the peer in, and takes the
// deadline from the connection that the conversation goes over.
func (a *accepted) admitted(ctx context.Context, conn net.Conn) context.Context {
	a.arrived()
	a.inside = true
	_ = a.conn.SetDeadline(time.Time{})
	_ = conn.SetDeadline(time.Time{})
	a.log.Info("peer admitted", "peer", a.peer)
	a.rt.options.Trace.connected(a.connection())
	a.watchClones()
	if a.peer.Role == RolePoller {
		return ctx
	}
	a.calls = a.rt.contextOf(ctx, &a.peer)
	return a.calls
}

// tooSlow names the limit where that is what ended the wait for the peer.
func (a *accepted) tooSlow(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fmt.Errorf("the peer did not say who it is within %s (Limits.Handshake): %w", a.rt.limits.Handshake, err)
}

// admit reads what the peer speaks and who it says it is, and asks the
// authoriser. A peer that is refused is told nothing: the connection closes.
func (a *accepted) admit(ctx context.Context, secured securedConn, opening *exchange.Opening) (*exchange.Session, error) {
	switch kind, err := opening.Preamble(); {
	case err != nil:
		return nil, err
	case kind != wire.PreambleHalibut:
		return nil, a.answerOther(secured, kind)
	}
	return a.admitIdentity(ctx, opening)
}

// admitIdentity is admit from behind the preamble.
func (a *accepted) admitIdentity(ctx context.Context, opening *exchange.Opening) (*exchange.Session, error) {
	if !a.peer.Presented() {
		return nil, errNoCertificate
	}
	identity, err := opening.Identity()
	if err != nil {
		return nil, err
	}
	a.peer.Role = RoleClient
	if identity.Role == wire.RoleSubscriber {
		a.peer.Role = RolePoller
		if a.peer.Subscription, err = normalSubscription(identity.Subscription); err != nil {
			return nil, err
		}
	}
	if err := a.authorize(ctx, identity); err != nil {
		return nil, err
	}
	if a.decided.Swap(true) {
		return nil, ErrClosed
	}
	return opening.Admit(a.rt.words)
}

// authorize asks the authoriser about a connection that is counted among the
// live ones already: a change of trust that comes while it is asked finds it.
func (a *accepted) authorize(ctx context.Context, identity wire.Identity) error {
	authorizer := a.rt.options.Authorizer
	if authorizer == nil {
		return fmt.Errorf("%s is not admitted: this runtime has no Authorizer, and so admits nobody", a.peer.Thumbprint)
	}
	a.live = &liveConnection{peer: &a.peer, since: time.Now(), conn: a.conn}
	a.live.instance, _ = identity.Value("instance")
	a.rt.live.add(a.live)
	if err := authorizer.Authorize(ctx, a.peer); err != nil {
		return err
	}
	return a.rt.live.admit(a.live, &a.rt.limits)
}

// handshake holds one of the places for handshakes while it computes, but not
// while it waits for the peer: peers that are slow, or stop in the middle, take
// no place from others.
func (a *accepted) handshake(ctx context.Context, config *tls.Config) (securedConn, error) {
	conn := a.conn
	if a.rt.handshakes != nil {
		waiting := &handshakeConn{Conn: conn, places: a.rt.handshakes}
		waiting.places <- struct{}{}
		defer waiting.release()
		conn = waiting
	}
	secured, err := a.rt.acceptHandshake(ctx, conn, config)
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
func (a *accepted) answerOther(conn securedConn, kind wire.Preamble) error {
	if kind == wire.PreambleEmpty {
		a.log.Debug("the peer closed the connection without a word")
		return errAnswered
	}
	a.log.Info("a peer that does not speak Halibut got the page for browsers")
	if _, err := conn.Write(a.rt.page); err != nil {
		return err
	}
	_ = conn.CloseWrite()
	// A connection that is closed with bytes unread is reset, and the reset can
	// overtake the page.
	_ = conn.SetReadDeadline(time.Now().Add(pageLinger))
	_, _ = io.CopyN(io.Discard, conn, pageRest)
	return errAnswered
}

// A browser may send this much more than the preamble holds, and take as long
// to close its side.
const (
	pageLinger = time.Second
	pageRest   = 64 << 10
)

// answerCalls answers a client's calls until its connection ends.
func (a *accepted) answerCalls(ctx context.Context, session *exchange.Session) {
	err := exchange.ErrMethodGone // unless Serve returns
	defer func() {
		a.reason = err
		logEnd(a.log, "client left", err)
	}()
	err = a.rt.runService(ctx, session.Service(&a.rt.answering, (*handler)(a.rt)))
}

// runService answers requests on a connection until it ends.
func (rt *Runtime) runService(ctx context.Context, service *exchange.Service) error {
	forget := rt.watchDrain(service)
	defer forget()
	if err := service.Serve(ctx); err != nil {
		return err
	}
	return exchange.ErrEnded
}

// capabilityWords are what this side can do beyond the reference. The instance
// tells a second program with the same certificate from a second connection of
// the same one.
func capabilityWords() []string {
	var instance [8]byte
	_, _ = rand.Read(instance[:]) // never fails
	return []string{"go/1", exchange.Pipelining, exchange.Refuse, "instance=" + hex.EncodeToString(instance[:])}
}
