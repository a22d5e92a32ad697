package halibut

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/halibut-go/halibut/internal/dial"
	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/internal/mutualtls"
	"github.com/halibut-go/halibut/wire"
)

// connect dials an endpoint and takes the connection to where both sides know
// each other. Whoever runs the conversation closes it. Errors are *Error.
func (rt *Runtime) connect(ctx context.Context, to Endpoint, serverName string, self wire.Identity, reader *wire.ReaderOptions) (*exchange.Session, Peer, error) {
	var (
		session *exchange.Session
		peer    Peer
	)
	err := rt.dial(ctx, to, serverName, func(secured securedConn) (err error) {
		session, err = rt.introduce(ctx, secured, to, self, reader)
		peer = newPeer(new(secured.ConnectionState()), secured.RemoteAddr())
		return err
	})
	return session, peer, err
}

// introduce says to a peer who this side is, in Halibut's own way or in that of
// the endpoint's transport.
func (rt *Runtime) introduce(ctx context.Context, secured securedConn, to Endpoint, self wire.Identity, reader *wire.ReaderOptions) (*exchange.Session, error) {
	acknowledge := dial.Acker(secured)
	transport, ok := rt.options.Transports[to.Scheme()].(StreamTransport)
	if !ok {
		return exchange.Dial(secured, acknowledge, reader, self)
	}
	conn, err := transport.Open(ctx, secured, to)
	if err != nil {
		return nil, err
	}
	session, err := exchange.Identify(conn, acknowledge, reader, self)
	if err != nil {
		_ = conn.Close()
	}
	return session, err
}

// dialSecured dials an endpoint and makes the handshake. Errors are *Error.
func (rt *Runtime) dialSecured(ctx context.Context, to Endpoint, serverName string) (conn net.Conn, err error) {
	err = rt.dial(ctx, to, serverName, func(secured securedConn) error { conn = secured; return nil })
	return conn, err
}

// dial opens a connection to an endpoint, makes the handshake and has the two
// sides introduced, both under one deadline. Errors are *Error.
func (rt *Runtime) dial(ctx context.Context, to Endpoint, serverName string, introduce func(securedConn) error) error {
	if serverName == "" {
		serverName = to.ServerName()
	}
	conn, err := rt.dialTCP(ctx, to)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			err = fmt.Errorf("no connection within %s (Limits.Connect): %w", rt.limits.Connect, err)
		}
		return rt.connectError(ctx, to, nil, err)
	}
	if limit := rt.limits.Handshake; limit > 0 {
		_ = conn.SetDeadline(time.Now().Add(limit))
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	secured, err := rt.dialHandshake(ctx, conn, rt.dialTLS(to, serverName))
	if err == nil {
		err = introduce(secured)
	}
	if !stop() && err == nil {
		err = ctx.Err() // it has ended, and the connection with it
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("the peer did not say who it is within %s (Limits.Handshake): %w", rt.limits.Handshake, err)
		}
		_ = conn.Close()
		return rt.connectError(ctx, to, conn.RemoteAddr(), err)
	}
	return nil
}

// connectError puts into words why no conversation began.
func (rt *Runtime) connectError(ctx context.Context, to Endpoint, addr net.Addr, err error) *Error {
	e := &Error{Code: CodeConnect, Outcome: NotSent, Phase: PhaseConnecting, Endpoint: to.String(), cause: err}
	if addr != nil {
		e.Addr = addr.String()
	}
	var (
		mismatch    *unexpectedCertificateError
		certificate *mutualtls.CertificateError
		limit       *wire.LimitError
		lookup      *net.DNSError
		proxy       *dial.ProxyError
	)
	switch {
	case ctx.Err() != nil:
		e.Code, e.Message = contextCode(ctx), "gave up while connecting: "+ctx.Err().Error()
		e.cause = contextCause(ctx)
	case errors.As(err, &proxy):
		e.Message, e.Hint = err.Error(), proxy.Advice
	case errors.As(err, &mismatch):
		e.Code, e.Expected, e.Received = CodeUntrusted, mismatch.Expected, mismatch.Received
		e.Message = mismatch.Error()
		e.Hint = "The peer may have a new certificate, the address may lead to another machine, or something between intercepts TLS: compare the pin with the peer's own before you trust it"
	case errors.As(err, &certificate):
		e.Code, e.Message, e.Hint = CodeUntrusted, "the TLS handshake failed: "+err.Error(), certificate.Hint()
	case errors.Is(err, dial.ErrPoolClosed):
		e.Code, e.Message, e.cause = CodeClosed, ErrClosed.Error(), ErrClosed
	case isCertificateAlert(err):
		e.Code, e.Message = CodeUntrusted, "the peer refused our certificate in the TLS handshake: "+err.Error()
		e.Hint = "Our certificate is " + rt.own.String()
	case errors.Is(err, exchange.ErrRejected):
		e.Code = CodeUntrusted
		e.Message = "the peer closed the connection before it identified itself"
		e.Hint = "It may not trust our certificate " + rt.own.String() + ", or it was shutting down"
	case isBreach(err):
		e.Code, e.Message = CodeProtocol, err.Error()
		e.Hint = "What listens there may not be Halibut"
	case errors.As(err, &limit):
		e.Code, e.Message = CodeLimit, err.Error()
		e.Hint = "What listens there may not be Halibut"
	case errors.As(err, &lookup):
		e.Message = "the host name was not found: " + err.Error()
	default:
		e.Message = "could not connect: " + err.Error()
	}
	return e
}

// isCertificateAlert reports whether a peer ended the handshake because of our
// certificate. crypto/tls leaves only text to tell by.
func isCertificateAlert(err error) bool {
	var alert *net.OpError
	return errors.As(err, &alert) && alert.Op == "remote error" &&
		(strings.Contains(alert.Err.Error(), "certificate") || strings.Contains(alert.Err.Error(), "access denied"))
}

// lasting reports whether trying again at once cannot help.
func lasting(err error) bool {
	var (
		e           *Error
		lookup      *net.DNSError
		mismatch    *unexpectedCertificateError
		certificate *mutualtls.CertificateError
		proxy       *dial.ProxyError
		writer      *wire.WriterError
	)
	if errors.As(err, &writer) { // which may wrap anything
		return true
	}
	if errors.Is(err, exchange.ErrRefused) {
		return false // another connection may lead to the peer's successor
	}
	return !errors.As(err, &e) || e.Outcome != NotSent ||
		errors.As(err, &mismatch) || errors.As(err, &certificate) ||
		(errors.As(err, &lookup) && lookup.IsNotFound) || (errors.As(err, &proxy) && proxy.Lasts) ||
		e.Code == CodeCanceled || e.Code == CodeDeadline || e.Code == CodeClosed || e.Code == CodeProtocol ||
		e.Code == CodeTypeNotAllowed || e.Code == CodeLimit || e.Code == CodeStream
}

// contextCode is the code of a context that ended: the runtime's own end comes
// as a cause.
func contextCode(ctx context.Context) Code {
	switch {
	case errors.Is(context.Cause(ctx), ErrClosed):
		return CodeClosed
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return CodeDeadline
	default:
		return CodeCanceled
	}
}

func contextCause(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrClosed) {
		return cause
	}
	return ctx.Err()
}

// logEnd logs the end of a connection: as a warning when it was not one that the
// protocol has a place for.
func logEnd(log *slog.Logger, message string, reason error) {
	level := slog.LevelWarn
	switch {
	case errors.Is(reason, exchange.ErrEnded), errors.Is(reason, exchange.ErrClosed),
		errors.Is(reason, exchange.ErrIdle), errors.Is(reason, ErrClosed):
		level = slog.LevelInfo
	}
	log.Log(context.Background(), level, message, "reason", reason)
}

// sleep waits until d has passed, or early is closed. Only the end of ctx is an
// error.
func sleep(ctx context.Context, d time.Duration, early <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-early:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
