package halibut

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/halibut-go/halibut/internal/dial"
	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/wire"
)

// Incoming is a connection that a listener has accepted for a [Protocol]: a
// net.Conn that begins with the peer's first byte, and the steps by which the
// runtime admits its peer. Until then it counts among the connections that have
// not said who they are, and has the deadline of Limits.Handshake.
type Incoming struct {
	net.Conn
	accepted *accepted
	state    tls.ConnectionState
}

// Runtime is whose listener has accepted the connection.
func (in *Incoming) Runtime() *Runtime { return in.accepted.rt }

// Peer is who the TLS handshake has proved; it may have shown no certificate.
func (in *Incoming) Peer() Peer { return in.accepted.peer }

// TLS is what the handshake agreed on.
func (in *Incoming) TLS() tls.ConnectionState { return in.state }

// Bounds are the limits to keep to.
func (in *Incoming) Bounds() Bounds {
	l := in.accepted.rt.limits
	return Bounds{Handshake: l.Handshake, Read: l.Read, Write: l.Write, Reader: &in.accepted.rt.answering.Reader}
}

// Admit asks the authoriser whether the peer may call. After it the deadline of
// Limits.Handshake is gone, and the returned context tells services who calls
// ([PeerFromContext]). A peer that is refused is told nothing: return the error.
func (in *Incoming) Admit(ctx context.Context) (context.Context, error) {
	a := in.accepted
	a.peer.Role = RoleClient
	if !a.peer.Presented() {
		return ctx, errNoCertificate
	}
	if err := a.authorize(ctx, wire.Identity{}); err != nil {
		return ctx, err
	}
	if a.decided.Swap(true) {
		return ctx, ErrClosed
	}
	return a.admitted(ctx, a.conn), nil
}

// Answer runs the method that a request of an admitted peer names, and returns
// its response. ctx is the one that Admit returned, or made of it. Each
// document, array and list in the result carries its $type. A response cannot
// have data streams: such a result is an error for the caller.
func (in *Incoming) Answer(ctx context.Context, request *wire.Request) *wire.Response {
	rt := in.accepted.rt
	inv := (*handler)(rt).Prepare(ctx, request).(*invocation)
	inv.codec = &rt.typedCodec
	if inv.live != nil {
		inv.live = nil
		inv.Refuse(errors.New("data streams cannot travel in this protocol"))
	}
	response := inv.Run(ctx)
	if response.Streams != nil {
		_ = response.Streams.CloseAll()
		response = &wire.Response{ID: request.ID, Error: invocationFailed("System.NotSupportedException", "the result holds a data stream, which cannot travel in this protocol")}
	}
	return response
}

// Converse holds Halibut's own conversation over conn, from the identity on,
// with a peer that was proved by something else than the TLS handshake of this
// connection, or by it ([Incoming.Peer]). It admits the peer, blocks until the
// conversation ends, and closes conn.
func (in *Incoming) Converse(ctx context.Context, conn net.Conn, peer Peer) error {
	in.accepted.peer = peer
	return in.accepted.converse(ctx, conn)
}

var errNoCertificate = errors.New("the peer did not present a certificate")

// converse takes a connection from the identity to the end of the conversation.
func (a *accepted) converse(ctx context.Context, conn net.Conn) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if limit := a.rt.limits.Handshake; limit > 0 {
		_ = conn.SetDeadline(time.Now().Add(limit))
	}
	opening := exchange.Accept(conn, dial.Acker(a.conn), &a.rt.answering.Reader)
	session, err := a.admitIdentity(ctx, opening)
	if err != nil {
		opening.Close()
		a.refuse(ctx, err)
		return err
	}
	ctx = a.admitted(ctx, conn)
	if a.peer.Role == RolePoller {
		a.passRequests(ctx, session)
	} else {
		a.answerCalls(ctx, session)
	}
	return nil
}

// recognise reads as much of a connection as it takes to know who speaks
// there. Nil is Halibut, or nobody. The connection that it returns begins with
// the first byte.
func recognise(conn securedConn, protocols []Protocol) (Protocol, securedConn, error) {
	if name := conn.ConnectionState().NegotiatedProtocol; name != "" {
		for _, protocol := range protocols {
			if slices.Contains(protocol.NextProtos(), name) {
				return protocol, conn, nil
			}
		}
	}
	start := make([]byte, 0, maxStart)
	for more := true; more && len(start) < maxStart; {
		n, err := conn.Read(start[len(start):maxStart])
		start = start[:len(start)+n]
		if n > 0 {
			var protocol Protocol
			if protocol, more = match(start, protocols); protocol != nil {
				return protocol, &startedConn{conn, start}, nil
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return nil, &startedConn{conn, start}, nil
}

// match finds whose connection begins like this; more says that nobody can tell
// yet.
func match(start []byte, protocols []Protocol) (found Protocol, more bool) {
	if strings.HasPrefix("MX", string(start[:min(2, len(start))])) {
		return nil, len(start) < 2
	}
	for _, protocol := range protocols {
		switch protocol.Match(start) {
		case FullMatch:
			return protocol, false
		case MaybeMatch:
			more = true
		}
	}
	return nil, more
}

// startedConn is a connection whose first bytes were read already.
type startedConn struct {
	securedConn
	start []byte
}

func (c *startedConn) Read(p []byte) (int, error) {
	if len(c.start) == 0 {
		return c.securedConn.Read(p)
	}
	n := copy(p, c.start)
	c.start = c.start[n:]
	return n, nil
}

// speak serves a connection by a protocol other than Halibut.
func (a *accepted) speak(ctx context.Context, protocol Protocol, conn securedConn) error {
	err := protocol.Serve(ctx, &Incoming{Conn: conn, accepted: a, state: conn.ConnectionState()})
	if err != nil {
		return fmt.Errorf("%s: %w", protocol.Name(), err)
	}
	return nil
}
