package halibuttest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// FaultyConn is a connection on which things go wrong. It is a net.Conn: its
// methods may be called from any goroutine, and deadlines end every wait, those
// that faults cause too. It needs no real time, and so works in the bubbles of
// testing/synctest if the connection within does.
type FaultyConn struct {
	conn   net.Conn
	reads  flow
	writes flow

	closing sync.Once
	closed  chan struct{} // by Close

	mu     sync.Mutex
	ended  error         // set by Cut and Reset: what reads and writes return
	over   chan struct{} // closed with ended, and by BlackHole
	silent bool          // BlackHole
}

// flow is one direction.
type flow struct {
	busy     sync.Mutex // one Read, one Write at a time: they count
	deadline deadline

	// Guarded by FaultyConn.mu.
	faults []Fault
	passed int64
	held   int // bytes in the buffer before a black hole
}

// NewFaultyConn wraps a connection. More faults can be added by Inject.
func NewFaultyConn(conn net.Conn, faults ...Fault) *FaultyConn {
	c := &FaultyConn{conn: conn, closed: make(chan struct{}), over: make(chan struct{})}
	for _, f := range []*flow{&c.reads, &c.writes} {
		f.deadline.init()
	}
	for _, fault := range faults {
		c.Inject(fault)
	}
	return c
}

// NetConn is the connection within.
func (c *FaultyConn) NetConn() net.Conn { return c.conn }

// Inject adds a fault. Bytes that have passed already count for its After: one
// that is due happens at once, also to a read or write that waits.
func (c *FaultyConn) Inject(fault Fault) {
	f := &c.writes
	if fault.Flow == Reads {
		f = &c.reads
	}
	c.mu.Lock()
	f.faults = append(f.faults, fault)
	c.mu.Unlock()
	c.strike(f)
}

// strike ends the connection if a fault is due that does.
func (c *FaultyConn) strike(f *flow) {
	c.mu.Lock()
	var kind FaultKind
	for _, fault := range f.faults {
		if f.passed >= fault.After && (fault.Kind == Cut || fault.Kind == Reset || fault.Kind == BlackHole) {
			kind = fault.Kind
			break
		}
	}
	if kind == 0 || c.ended != nil || c.silent {
		c.mu.Unlock()
		return
	}
	switch kind {
	case Cut:
		c.ended = io.EOF
	case Reset:
		c.ended = syscall.ECONNRESET
	case BlackHole:
		c.silent = true
	}
	close(c.over)
	c.mu.Unlock()
	switch kind {
	case Cut:
		_ = c.conn.Close()
	case Reset:
		if linger, ok := c.conn.(interface{ SetLinger(int) error }); ok {
			_ = linger.SetLinger(0)
		}
		_ = c.conn.Close()
	case BlackHole:
		_ = c.conn.SetReadDeadline(aLongTimeAgo) // a read that waits waits here from now on
		_ = c.conn.SetWriteDeadline(aLongTimeAgo)
	}
}

var aLongTimeAgo = time.Unix(1, 0)

// step is what may be done next in one direction.
type step struct {
	size  int           // bytes that may pass at once
	pause time.Duration // before them
	drop  bool          // take them away
	stall bool
}

// step finds how many of size bytes can pass before something happens.
func (c *FaultyConn) step(f *flow, size int) step {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := step{size: size}
	for _, fault := range f.faults {
		if left := fault.After - f.passed; left > 0 {
			s.size = int(min(int64(s.size), left))
			continue
		}
		switch fault.Kind {
		case Delay:
			s.pause = max(s.pause, fault.Pause)
		case Drip:
			s.pause = max(s.pause, fault.Pause)
			s.size = min(s.size, max(fault.Size, 1))
		case Drop:
			if fault.Size > 0 {
				s.size = min(s.size, fault.Size)
				s.drop = true
			}
		case Stall:
			s.stall = true
		}
	}
	return s
}

// pass counts bytes, and lets happen what is due after them.
func (c *FaultyConn) pass(f *flow, n int, dropped bool) {
	c.mu.Lock()
	for i := range f.faults {
		if fault := &f.faults[i]; dropped && fault.Kind == Drop && f.passed >= fault.After {
			fault.Size -= n
		}
	}
	f.passed += int64(n)
	c.mu.Unlock()
	c.strike(f)
}

// wait waits for d, for ever if that is negative. It ends early by the deadline,
// by Close and by what ends the connection, and then tells the error.
func (c *FaultyConn) wait(f *flow, d time.Duration) error {
	var after <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		after = timer.C
	}
	over := c.over
	if c.isSilent() {
		over = nil
	}
	select {
	case <-after:
		return nil
	case <-f.deadline.wait():
		return os.ErrDeadlineExceeded
	case <-c.closed:
		return net.ErrClosed
	case <-over:
		return nil // the caller looks at what has happened
	}
}

// state is why nothing passes any more, nil while it does.
func (c *FaultyConn) state(f *flow) error {
	select {
	case <-c.closed:
		return net.ErrClosed
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return c.ended
	}
	if f.deadline.passed() {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (c *FaultyConn) isSilent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent
}

// Read implements net.Conn.
func (c *FaultyConn) Read(p []byte) (int, error) {
	c.reads.busy.Lock()
	defer c.reads.busy.Unlock()
	n, err := c.read(p)
	return n, c.opError("read", err)
}

func (c *FaultyConn) read(p []byte) (int, error) {
	f := &c.reads
	if len(p) == 0 {
		return 0, c.state(f)
	}
	for {
		if err := c.state(f); err != nil {
			return 0, err
		}
		if c.isSilent() {
			if err := c.wait(f, -1); err != nil {
				return 0, err
			}
			continue
		}
		s := c.step(f, len(p))
		if s.stall {
			if err := c.wait(f, -1); err != nil {
				return 0, err
			}
			continue
		}
		n, err := c.conn.Read(p[:s.size])
		switch {
		case c.isSilent(), c.step(f, len(p)).stall:
			continue // whatever came, it came too late
		case n > 0 && s.pause > 0:
			// The bytes take their time to arrive.
			if err := c.wait(f, s.pause); err != nil {
				return c.keep(f, p[:n], err)
			}
			if c.isSilent() {
				continue
			}
		}
		c.pass(f, n, s.drop)
		switch {
		case s.drop:
			if err == nil {
				continue
			}
			n = 0
		case n > 0:
			return n, nil
		}
		if lost := c.state(f); lost != nil && !errors.Is(err, io.EOF) {
			return n, lost
		}
		if err != nil {
			return n, err
		}
	}
}

// keep hands over bytes that were read while the deadline passed: they cannot
// be put back.
func (c *FaultyConn) keep(f *flow, p []byte, err error) (int, error) {
	if errors.Is(err, net.ErrClosed) {
		return 0, err
	}
	c.pass(f, len(p), false)
	return len(p), nil
}

// Write implements net.Conn.
func (c *FaultyConn) Write(p []byte) (int, error) {
	c.writes.busy.Lock()
	defer c.writes.busy.Unlock()
	n, err := c.write(p)
	if err == io.EOF {
		err = syscall.EPIPE
	}
	return n, c.opError("write", err)
}

// systemBuffer is how many bytes a system takes for a peer that takes none.
const systemBuffer = 64 << 10

func (c *FaultyConn) write(p []byte) (written int, err error) {
	f := &c.writes
	for {
		if written == len(p) && written > 0 {
			return written, nil // what passed is no failure, whatever came of the rest
		}
		if err := c.state(f); err != nil || len(p) == 0 {
			return written, err
		}
		if c.isSilent() {
			n := min(systemBuffer-f.held, len(p)-written)
			f.held += n
			written += n
			if written < len(p) {
				if err := c.wait(f, -1); err != nil {
					return written, err
				}
			}
			continue
		}
		s := c.step(f, len(p)-written)
		if s.stall {
			if err := c.wait(f, -1); err != nil {
				return written, err
			}
			continue
		}
		if s.pause > 0 {
			if err := c.wait(f, s.pause); err != nil {
				return written, err
			}
			if c.isSilent() || c.state(f) != nil {
				continue
			}
		}
		n := s.size
		if !s.drop {
			n, err = c.conn.Write(p[written : written+s.size])
		}
		written += n
		c.pass(f, n, s.drop)
		if err != nil && !c.isSilent() {
			if lost := c.state(f); lost != nil {
				err = lost
			}
			return written, err
		}
		err = nil
	}
}

// Close implements net.Conn. After a black hole the peer is not told: what it
// still sends is taken and lost, and the connection within is closed when the
// peer has closed its side, or after ten minutes.
func (c *FaultyConn) Close() error {
	err := net.ErrClosed
	c.closing.Do(func() {
		close(c.closed)
		err = nil
		if !c.isSilent() {
			err = c.conn.Close()
			return
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(lingering))
		go func() {
			_, _ = io.Copy(io.Discard, c.conn)
			_ = c.conn.Close()
		}()
	})
	return c.opError("close", err)
}

// lingering is longer than a peer waits for one that has vanished. A peer that
// has vanished too never closes its side.
const lingering = 10 * time.Minute

// CloseWrite ends this side's direction, if the connection within can.
func (c *FaultyConn) CloseWrite() error {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok && !c.isSilent() {
		return half.CloseWrite()
	}
	return nil
}

// LocalAddr implements net.Conn.
func (c *FaultyConn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *FaultyConn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline implements net.Conn.
func (c *FaultyConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *FaultyConn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(&c.reads, t, c.conn.SetReadDeadline)
}

// SetWriteDeadline implements net.Conn.
func (c *FaultyConn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(&c.writes, t, c.conn.SetWriteDeadline)
}

func (c *FaultyConn) setDeadline(f *flow, t time.Time, within func(time.Time) error) error {
	select {
	case <-c.closed:
		return c.opError("set", net.ErrClosed)
	default:
	}
	f.deadline.set(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent || c.ended != nil {
		return nil
	}
	return within(t)
}

// opError puts an error of the fault into the form that those of connections
// have.
func (c *FaultyConn) opError(op string, err error) error {
	var already *net.OpError
	if err == nil || err == io.EOF || errors.As(err, &already) {
		return err
	}
	return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
