package exchange

import (
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// Session is an identified connection, ready for a Client or a Service to be
// started on it.
type Session struct {
	Self, Peer wire.Identity
	link       *link
	rereads    bool
}

// Dial says who this side is on a connection that it opened, and reads the
// answer. The caller has set the connection's deadline; the wait for the
// answer ends with it. The connection is not closed on error.
//
// acknowledge, if not nil, acknowledges what has come. It is called before each
// wait for what belongs to that, which a peer may hold back until then: one that
// has pipelining does not.
func Dial(conn Conn, acknowledge func(), reader *wire.ReaderOptions, self wire.Identity) (*Session, error) {
	s, err := identify(conn, acknowledge, reader, self, wire.PreambleText)
	if err == nil {
		s.rereads = true
	}
	return s, err
}

// Identify is Dial on a connection whose preamble was something else than
// Halibut's own.
func Identify(conn Conn, acknowledge func(), reader *wire.ReaderOptions, self wire.Identity) (*Session, error) {
	return identify(conn, acknowledge, reader, self, "")
}

func identify(conn Conn, acknowledge func(), reader *wire.ReaderOptions, self wire.Identity, preamble string) (*Session, error) {
	s := &Session{Self: self, link: newLink(conn, acknowledge, reader)}
	opening, err := wire.AppendIdentity([]byte(preamble), self)
	if err != nil {
		return nil, err
	}
	s.link.near.wrote = time.Now()
	if _, err := conn.Write(opening); err != nil {
		return nil, rejected(err)
	}
	peer, err := s.link.reader.ReadIdentity()
	if err != nil {
		return nil, rejected(err)
	}
	s.link.near.answered(time.Now())
	if peer.Role != wire.RoleServer {
		return nil, unexpected("the identity of a server", peer.String())
	}
	s.Peer = peer
	return s, nil
}

// rejected tells a peer that closed without a word, as one does that does not
// trust this side, from other failures.
func rejected(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return errors.Join(ErrRejected, err)
	}
	return err
}

// Opening is a connection that a peer opened and that has not said who it is.
type Opening struct {
	session *Session
}

// Accept starts on a connection that a peer opened. The caller has set the
// connection's deadline. acknowledge is what Dial says.
func Accept(conn Conn, acknowledge func(), reader *wire.ReaderOptions) *Opening {
	return &Opening{&Session{link: newLink(conn, acknowledge, reader)}}
}

// Rereads says that a read of the connection may be tried again when its deadline
// has passed, as on one of TLS: deadlines cost less then. It is said of what Dial
// opens.
func (o *Opening) Rereads() { o.session.rereads = true }

// Preamble reads what a peer sends first, and tells what it speaks.
func (o *Opening) Preamble() (wire.Preamble, error) {
	return o.session.link.reader.ReadPreamble()
}

// Identity reads the identity of the peer.
func (o *Opening) Identity() (wire.Identity, error) {
	peer, err := o.session.link.reader.ReadIdentity()
	if err != nil {
		return peer, err
	}
	if peer.Role != wire.RoleClient && peer.Role != wire.RoleSubscriber {
		return peer, unexpected("the identity of a client or a subscriber", peer.String())
	}
	o.session.Peer = peer
	return peer, nil
}

// Admit tells the peer that it is welcome.
func (o *Opening) Admit(words []string) (*Session, error) {
	s := o.session
	s.Self = wire.Identity{Role: wire.RoleServer, Words: words}
	if len(s.Peer.Words) == 0 {
		s.Self.Words = nil // a peer without capability words is told none
	}
	answer, err := wire.AppendIdentity(nil, s.Self)
	if err != nil {
		return nil, err
	}
	s.link.near.wrote = time.Now()
	if _, err := s.link.conn.Write(answer); err != nil {
		return nil, err
	}
	return s, nil
}

// Close lets go of what the opening holds, for a peer that is not admitted.
func (o *Opening) Close() { _ = o.session.link.reader.Close() }
