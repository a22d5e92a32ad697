package exchange

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halibut-go/halibut/wire"
)

// Conn is what a conversation runs over. Deadlines may be set while a read is
// pending, as for a net.Conn.
type Conn interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// Timeouts are the waits of a conversation; zero or less means no limit.
type Timeouts struct {
	Read     time.Duration // a read inside a message
	Write    time.Duration // a write
	Control  time.Duration // the control line that follows at once: PROCEED, or NEXT after a response
	Response time.Duration // the first byte of a response
	Null     time.Duration // NEXT after a null request that this side sent
	Request  time.Duration // the first byte of a request
	Next     time.Duration // NEXT or END after a response that this side sent
	Idle     time.Duration // a client's connection between two calls

	// IdleProceeded stands in for Idle where PROCEED was collected already: the
	// service then waits longer.
	IdleProceeded time.Duration
}

// Config is what the conversations of one runtime share.
type Config struct {
	Timeouts    Timeouts
	Reader      wire.ReaderOptions
	Compression Compression
}

// link is a connection with its reader, the deadlines of its reads and
// writes, and the reason of its end.
type link struct {
	conn   Conn
	config *Config
	reader wire.Reader
	parser *wire.MessageParser // from parsers, nil while quiet; the reading goroutine's, or its answer's
	both   capabilities        // of both sides

	acknowledge func()      // what has come; nil: as the system does it
	unsettled   atomic.Bool // that is to be done before the next read
	polled      bool        // by a service, which has dialled: it says NEXT, this side PROCEED

	// quiet: nothing is likely to come soon, so that waiting should hold no memory
	// rather than be over soon. A service knows that at the beginning and after a
	// null request, a client once nobody calls. The reading goroutine's.
	quiet bool

	// perRead is the limit of each read; only the reading goroutine uses it.
	perRead   time.Duration
	firstRead time.Time // when a message began to come, where the reads have a limit; the reading goroutine's too

	near nearness

	deadlines sync.Mutex
	due       time.Time // when the next byte is due where the connection stands; zero: no limit
	renewed   bool      // a read inside a message has set another deadline
	inForce   time.Time // the deadline that counts
	armed     time.Time // the one that the connection has, which may be earlier
	rereads   bool      // a read may be tried again whose deadline has passed

	writeBy time.Time // the deadline of writes; guarded by writing
	wroteAt time.Time // when the last of them began; so too

	reads  turns // the reading goroutine's
	writes turns // guarded by writing

	watched watch // while a method runs

	writing sync.Mutex // held over a write, so that END never splits one

	mu       sync.Mutex
	err      error         // why the connection ended, once it has
	closed   chan struct{} // closed with err set
	shutting bool          // somebody closes conn, or has
	shut     bool          // conn is closed
	onShut   chan struct{} // closed with shut, where somebody waits for that
}

func newLink(conn Conn, acknowledge func(), reader *wire.ReaderOptions) *link {
	l := &link{conn: conn, acknowledge: acknowledge, closed: make(chan struct{})}
	l.unsettled.Store(true)
	l.reader.Reset(deadlineReader{l}, reader)
	l.watched.link = l
	return l
}

// start begins the conversation: from here on each read and write has a limit
// of its own.
func (s *Session) start(config *Config) *link {
	s.link.config, s.link.both = config, s.capabilities()
	s.link.polled = s.Peer.Role == wire.RoleSubscriber
	if s.link.both.pipelining {
		s.link.acknowledge = nil // such a peer writes at once what belongs together
	}
	s.link.rereads = s.rereads // from here on: until now the deadline was somebody else's
	return s.link
}

// deadlineReader renews the read deadline before every read that is inside a
// message: the limit is for silence, not for the whole.
type deadlineReader struct{ l *link }

func (r deadlineReader) Read(p []byte) (int, error) {
	if r.l.perRead > 0 {
		now := time.Now()
		if r.l.firstRead.IsZero() && !r.l.quiet { // what comes after a rest tells nothing about the way to the peer
			r.l.firstRead = now
		}
		r.l.setDeadline(now.Add(r.l.perRead))
	}
	for {
		if r.l.acknowledge != nil && r.l.unsettled.Swap(false) {
			r.l.acknowledge()
		}
		n, err := r.l.conn.Read(p)
		if n > 0 {
			r.l.unsettled.Store(true)
		}
		r.l.reads.moves(n, yield)
		if n > 0 || err == nil || !r.l.tooEarly(err) {
			return n, err
		}
	}
}

// tooEarly reports whether a read was ended by a deadline that no longer counts.
// The one that does is set then.
func (l *link) tooEarly(err error) bool {
	if !l.rereads || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	l.deadlines.Lock()
	defer l.deadlines.Unlock()
	if !l.inForce.IsZero() && !time.Now().Before(l.inForce) {
		return false
	}
	l.armed = l.inForce
	return l.conn.SetReadDeadline(l.armed) == nil
}

// arm brings a deadline into force. It is set on the connection only where the
// one that is set would come too late: that is a lock and a timer each time, and
// an early one is seen to by the read that it ends.
func (l *link) arm(deadline time.Time) {
	l.inForce = deadline
	if l.rereads && !l.armed.IsZero() && (deadline.IsZero() || !deadline.Before(l.armed)) {
		return
	}
	l.armed = deadline
	_ = l.conn.SetReadDeadline(deadline) // a closed connection tells the read itself
}

func (l *link) setDeadline(deadline time.Time) {
	l.deadlines.Lock()
	defer l.deadlines.Unlock()
	l.renewed = true
	l.arm(deadline)
}

// expect sets the limit for the next byte. It may be called while the reading
// goroutine is parked.
func (l *link) expect(limit time.Duration) {
	l.deadlines.Lock()
	defer l.deadlines.Unlock()
	l.due, l.renewed = time.Time{}, false
	if limit > 0 {
		l.due = time.Now().Add(limit)
	}
	l.arm(l.due)
}

// expectAsBefore takes up the wait that something else came into, such as a
// line before the response.
func (l *link) expectAsBefore() {
	l.deadlines.Lock()
	defer l.deadlines.Unlock()
	if l.renewed {
		l.renewed = false
		l.arm(l.due)
	}
}

// park waits, under the limit that was set last, until a byte is there.
func (l *link) park() error {
	if err := l.watched.wait(); err != nil {
		return err
	}
	l.perRead, l.firstRead = 0, time.Time{}
	l.reads.moved = 0
	l.expectAsBefore()
	if err := l.awaitByte(); err != nil {
		return err
	}
	l.perRead = l.config.Timeouts.Read
	return nil
}

func (l *link) awaitByte() error {
	if !l.quiet {
		return l.reader.WaitSoon()
	}
	l.releaseParser()
	return l.reader.Wait()
}

// write writes p as a whole under the write limit. n is how many bytes the
// connection took: none, when not one of them can have reached the peer.
func (l *link) write(p []byte) (n int, err error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.writeLocked(p)
}

// writeLocked writes p in pieces, each under a limit of its own: a large document
// on a slow link is no peer that takes nothing.
func (l *link) writeLocked(p []byte) (n int, err error) {
	for len(p) > yieldAfter {
		taken, err := l.writeWithin(p[:yieldAfter])
		n += taken
		if err != nil {
			return n, err
		}
		p = p[yieldAfter:]
	}
	taken, err := l.writeWithin(p)
	return n + taken, err
}

// wrote is called when something is written, which acknowledges what has come.
// The system then expects that each message is answered, and has the answer carry
// the acknowledgement. It is told otherwise where a service polls, whose NEXT
// comes behind its response, and nobody may read on until the next call.
func (l *link) wrote() { l.unsettled.Store(l.polled) }

// writeSlack is by how much of the limit a write may be ended too early: its
// deadline is set anew only when that much has passed.
const writeSlack = 16

func (l *link) writeWithin(p []byte) (n int, err error) {
	l.wroteAt = time.Now()
	if limit := l.config.Timeouts.Write; limit > 0 {
		if l.writeBy.Sub(l.wroteAt) < limit-limit/writeSlack {
			l.writeBy = l.wroteAt.Add(limit)
			if err := l.conn.SetWriteDeadline(l.writeBy); err != nil {
				return 0, err
			}
		}
	}
	l.wrote()
	n, err = l.conn.Write(p)
	l.writes.moves(n, yield)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = &TimeoutError{Waiting: "the peer to take what was written", Limit: l.config.Timeouts.Write, Name: nameWrite, Err: err}
	}
	return n, err
}

// countingWriter writes to the link, each write under its own deadline, and
// counts what the connection took.
type countingWriter struct {
	l *link
	n int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.l.writeLocked(p)
	w.n += n
	return n, err
}

// writeMessage writes a message and then its streams: together where the peer
// is known to take them so, and in writes of their own where it is not (4.4.8
// loses what comes with a message). n counts as in write.
func (l *link) writeMessage(message *wire.Outgoing, streams *wire.Streams) (n int, err error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	defer func() { l.near.wrote = l.wroteAt }()
	l.writes.moved = 0
	whole := message.Bytes()
	if whole != nil && streams == nil {
		return l.writeLocked(whole)
	}
	w := &countingWriter{l: l}
	if whole == nil || !l.both.pipelining {
		if err := l.writeDocument(w, message); err != nil || streams == nil {
			return w.n, err
		}
		whole = nil
	}
	err = wire.WriteStreams(w, whole, streams)
	return w.n, err
}

// writeDocument writes a message without its streams.
func (l *link) writeDocument(w *countingWriter, message *wire.Outgoing) error {
	began, gave := time.Now(), l.writes.gave
	_, err := message.WriteTo(w)
	if message.Bytes() == nil {
		l.near.took(message.Len(), time.Since(began)-(l.writes.gave-gave))
	}
	return err
}

// fail ends the connection for this reason, unless it ended before.
func (l *link) fail(err error) {
	l.mu.Lock()
	l.failLocked(err)
	l.mu.Unlock()
	l.shutDown()
}

// shutDown closes the connection. With TLS that takes until the peer has taken
// the alert that says so, five seconds at most. It keeps up one goroutine and no
// other: not those whose call has failed. Whoever owns the connection waits for
// that in the end (awaitShut).
func (l *link) shutDown() {
	l.mu.Lock()
	first := !l.shutting
	l.shutting = true
	l.mu.Unlock()
	if !first {
		return
	}
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.shut = true
		if l.onShut != nil {
			close(l.onShut)
		}
	}()
	_ = l.conn.Close()
}

// awaitShut waits until shutDown has closed the connection. It is called once.
func (l *link) awaitShut() {
	l.mu.Lock()
	if l.shut {
		l.mu.Unlock()
		return
	}
	closed := make(chan struct{})
	l.onShut = closed
	l.mu.Unlock()
	<-closed
}

// failLocked says why the connection ends; whoever holds the lock closes it
// afterwards.
func (l *link) failLocked(err error) {
	if l.err == nil {
		l.err = err
		close(l.closed)
	}
}

// cause is why the connection ended, nil while it has not.
func (l *link) cause() error {
	select {
	case <-l.closed:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.err
	default:
		return nil
	}
}

// The limits by the names under which their users set them.
const (
	nameRead        = "Limits.Read"
	nameNullAnswer  = "Limits.NullAnswer"
	nameWrite       = "Limits.Write"
	nameResponse    = "Limits.Response"
	nameCall        = "ResponseWait"
	nameIdle        = "Limits.PoolIdle"
	nameProceeded   = "Limits.PoolIdleProceeded"
	nameNextRequest = "Limits.NextRequest"
	namePollRequest = "Limits.PollRequest"
)

// readError puts the end of a connection into this package's words.
func readError(err error, waiting string, limit time.Duration, name string) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &TimeoutError{Waiting: waiting, Limit: limit, Name: name, Err: err}
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return fmt.Errorf("the peer closed the connection while this side waited for %s: %w", waiting, io.ErrUnexpectedEOF)
	default:
		return err // it tells more
	}
}
