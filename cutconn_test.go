package halibut

import (
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// A cut is where a connection breaks.
type cut struct {
	reading bool // in what our side reads, otherwise in what it writes
	after   int  // so many bytes come through; negative is never
	// late: a connection that was cut in what our side writes is noticed only
	// by the write that comes too late, otherwise also by reading.
	late bool
	// reset: the end is a connection reset, otherwise an end of file.
	reset bool
}

// cutConn is our end of a connection that breaks. It keeps what went through.
type cutConn struct {
	net.Conn
	cut cut

	mu            sync.Mutex
	broken        bool
	read, written []byte
}

func (c *cutConn) Read(p []byte) (int, error) {
	if c.isBroken() {
		return 0, c.failure()
	}
	if c.cut.reading && c.cut.after >= 0 {
		left := c.cut.after - len(c.received())
		if left == 0 && len(p) > 0 {
			c.breakOff()
			return 0, c.failure()
		}
		p = p[:min(len(p), left)]
	}
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = append(c.read, p[:n]...)
	if err != nil && c.broken {
		err = c.failure()
	}
	return n, err
}

func (c *cutConn) Write(p []byte) (int, error) {
	if c.isBroken() {
		return 0, syscall.EPIPE
	}
	whole := len(p)
	if !c.cut.reading && c.cut.after >= 0 {
		p = p[:min(len(p), c.cut.after-len(c.sent()))]
	}
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	c.written = append(c.written, p[:n]...)
	reached := !c.cut.reading && len(c.written) == c.cut.after
	c.mu.Unlock()
	if reached && (whole > len(p) || !c.cut.late) {
		c.breakOff()
	}
	if err == nil && whole > len(p) {
		err = c.failure()
		if err == io.EOF {
			err = syscall.EPIPE
		}
	}
	return n, err
}

// breakOff ends the connection for both sides.
func (c *cutConn) breakOff() {
	c.mu.Lock()
	c.broken = true
	c.mu.Unlock()
	_ = c.Conn.Close()
}

func (c *cutConn) isBroken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

func (c *cutConn) failure() error {
	if c.cut.reset {
		return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return io.EOF
}

// sent is what our side has written.
func (c *cutConn) sent() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written
}

// received is what our side has read.
func (c *cutConn) received() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read
}

// SetDeadline does not know that the peer is gone, as that of a socket.
func (c *cutConn) SetDeadline(t time.Time) error { return c.unlessBroken(c.Conn.SetDeadline(t)) }
func (c *cutConn) SetReadDeadline(t time.Time) error {
	return c.unlessBroken(c.Conn.SetReadDeadline(t))
}
func (c *cutConn) SetWriteDeadline(t time.Time) error {
	return c.unlessBroken(c.Conn.SetWriteDeadline(t))
}

func (c *cutConn) unlessBroken(err error) error {
	if c.isBroken() {
		return nil
	}
	return err
}
