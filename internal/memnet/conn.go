// Package memnet is a network in memory: listeners and connections that behave
// like TCP's as far as programs can tell. It uses no sockets and no real time,
// so it works in the bubbles of testing/synctest, and with crypto/tls on top.
package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// BufferSize is how many bytes a connection holds in each direction before its
// writer waits for its reader.
const BufferSize = 64 << 10

// Addr is an address in memory. It may be any text; host:port if somebody reads
// it as such.
type Addr string

// Network is "mem".
func (Addr) Network() string { return "mem" }

func (a Addr) String() string { return string(a) }

// Conn is one side of a connection. As with TCP, one goroutine may read, another
// write and any close at the same time; what was written before Close is still
// read by the peer, which then sees io.EOF.
type Conn struct {
	local, remote Addr
	in, out       *stream
	abort         atomic.Bool
	closed        atomic.Bool
	writes, bytes atomic.Int64
}

// Pipe is a connection between two addresses, without a listener.
func Pipe(a, b Addr) (*Conn, *Conn) {
	ab, ba := newStream(), newStream()
	return &Conn{local: a, remote: b, in: ba, out: ab}, &Conn{local: b, remote: a, in: ab, out: ba}
}

// Read waits for at least one byte, the end, or the read deadline.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = c.opError("read", err)
	}
	return n, err
}

// Write waits until all of p stands in the buffer, the peer is gone, or the
// write deadline has passed.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	c.writes.Add(1)
	c.bytes.Add(int64(n))
	if err != nil {
		err = c.opError("write", err)
	}
	return n, err
}

// Writes is how often Write was called, which is how many system calls and
// usually packets a TCP connection would have made.
func (c *Conn) Writes() int64 { return c.writes.Load() }

// BytesWritten is how many bytes were written.
func (c *Conn) BytesWritten() int64 { return c.bytes.Load() }

// Close ends both directions: our reads and writes fail with net.ErrClosed, the
// peer reads what is left and then io.EOF, and its writes fail.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return c.opError("close", net.ErrClosed)
	}
	if c.abort.Load() {
		c.in.reset()
		c.out.reset()
	}
	c.in.closeReader()
	c.out.closeWriter(net.ErrClosed)
	return nil
}

// CloseWrite ends our direction alone: the peer reads what is left and then
// io.EOF, and may go on writing.
func (c *Conn) CloseWrite() error {
	if c.closed.Load() {
		return c.opError("close", net.ErrClosed)
	}
	c.out.closeWriter(syscall.EPIPE)
	return nil
}

// SetLinger with 0 makes Close drop what the peer has not read and reset the
// connection, as with TCP; other values take that back.
func (c *Conn) SetLinger(sec int) error {
	c.abort.Store(sec == 0)
	return nil
}

// Reset closes the connection as a TCP reset does: the peer's reads and writes
// fail at once with ECONNRESET.
func (c *Conn) Reset() error {
	c.abort.Store(true)
	return c.Close()
}

// LocalAddr is our address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets the deadline of reads and writes, those under way included.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets the deadline of reads.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.closed.Load() {
		return c.opError("set", net.ErrClosed)
	}
	c.in.setDeadline(&c.in.readDeadline, t)
	return nil
}

// SetWriteDeadline sets the deadline of writes.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.closed.Load() {
		return c.opError("set", net.ErrClosed)
	}
	c.out.setDeadline(&c.out.writeDeadline, t)
	return nil
}

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// stream is one direction of a connection.
type stream struct {
	mu   sync.Mutex
	cond *sync.Cond // every change of what follows

	buf   []byte // buf[start:] is not read yet
	start int

	readerGone bool  // the reading side has closed
	writeErr   error // set once the writing side has closed: what its writes return
	wasReset   bool

	readDeadline, writeDeadline deadline
	writing                     bool // one Write at a time, or their bytes would mix
}

type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func newStream() *stream {
	s := &stream{}
	s.cond = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readerGone:
			return 0, net.ErrClosed
		case s.wasReset:
			return 0, syscall.ECONNRESET
		case s.readDeadline.passed():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.start < len(s.buf):
			n := copy(p, s.buf[s.start:])
			s.consume(n)
			return n, nil
		case s.writeErr != nil:
			return 0, io.EOF
		}
		s.cond.Wait()
	}
}

func (s *stream) consume(n int) {
	s.start += n
	if s.start == len(s.buf) {
		s.start = 0
		s.buf = s.buf[:0]
	}
	s.cond.Broadcast()
}

func (s *stream) write(p []byte) (written int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing {
		s.cond.Wait()
	}
	s.writing = true
	defer func() {
		s.writing = false
		s.cond.Broadcast()
	}()
	for {
		switch {
		case written > 0 && written == len(p):
			return written, nil
		case s.writeErr != nil:
			return written, s.writeErr
		case s.wasReset:
			return written, syscall.ECONNRESET
		case s.readerGone:
			return written, syscall.EPIPE
		case s.writeDeadline.passed():
			return written, os.ErrDeadlineExceeded
		case written == len(p):
			return written, nil
		}
		if room := BufferSize - (len(s.buf) - s.start); room > 0 {
			n := min(room, len(p)-written)
			s.append(p[written : written+n])
			written += n
			continue
		}
		s.cond.Wait()
	}
}

func (s *stream) append(p []byte) {
	if s.start > 0 && len(s.buf)+len(p) > cap(s.buf) {
		s.buf = s.buf[:copy(s.buf, s.buf[s.start:])]
		s.start = 0
	}
	s.buf = append(s.buf, p...)
	s.cond.Broadcast()
}

func (s *stream) closeReader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readerGone = true
	s.readDeadline.stop()
	s.buf, s.start = nil, 0
	s.cond.Broadcast()
}

func (s *stream) closeWriter(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeErr = err
	s.writeDeadline.stop()
	s.cond.Broadcast()
}

func (s *stream) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wasReset = true
	s.cond.Broadcast()
}

func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.stop()
	d.at = t
	if !t.IsZero() {
		if wait := time.Until(t); wait > 0 {
			d.timer = time.AfterFunc(wait, s.wake)
		}
	}
	s.cond.Broadcast()
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cond.Broadcast()
}
