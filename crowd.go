package halibut

import (
	"net"
	"net/netip"
	"sync"
)

// crowd is who stands before a listener and has not said who it is, told apart
// by where it comes from: one address cannot take all places. Who comes from an
// address that has its share waits in line for it, and is not turned away.
type crowd struct {
	share int // connections of one address that are dealt with at one time; 0: no limit
	room  int // connections that may stand in line, of all addresses together; 0: no limit

	mu      sync.Mutex
	queues  map[netip.Prefix]*line
	waiting int
	moved   chan struct{} // told when somebody has left the line
	closed  bool
}

// line is what there is from one address.
type line struct {
	inside  int
	waiting []net.Conn // first come, first served
}

func newCrowd(limits *Limits) *crowd {
	return &crowd{
		share:  limits.UnauthenticatedPerAddress,
		room:   limits.Unauthenticated,
		queues: make(map[netip.Prefix]*line),
		moved:  make(chan struct{}, 1),
	}
}

// origin is what counts as one address: an IPv4 address, or the 64 bits that
// one IPv6 network has. The zero prefix stands for an address that is neither.
func origin(addr net.Addr) netip.Prefix {
	parsed, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip := parsed.Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	prefix, _ := ip.Prefix(bits) // never fails: ip is valid and has as many bits
	return prefix
}

// enter reports whether a connection may go in now. If not, it stands in line;
// first says that it is the first one there from its address.
func (c *crowd) enter(from netip.Prefix, conn net.Conn) (in, first bool) {
	if c.share == 0 || !from.IsValid() {
		return true, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queues[from]
	if q == nil {
		q = &line{}
		c.queues[from] = q
	}
	switch {
	case q.inside < c.share:
		q.inside++
		return true, false
	case c.closed:
		_ = conn.Close()
		return false, false
	}
	q.waiting = append(q.waiting, conn)
	c.waiting++
	return false, len(q.waiting) == 1
}

// leave gives the place of a connection to the next one in line, which it
// returns, nil if there is none.
func (c *crowd) leave(from netip.Prefix) (next net.Conn) {
	if c.share == 0 || !from.IsValid() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queues[from]
	if len(q.waiting) > 0 {
		next, q.waiting = q.waiting[0], q.waiting[1:]
		c.waiting--
		select {
		case c.moved <- struct{}{}:
		default:
		}
		return next
	}
	if q.inside--; q.inside == 0 {
		delete(c.queues, from)
	}
	return nil
}

// takes reports whether there is a place for one more from an address, inside or
// in line.
func (c *crowd) takes(from netip.Prefix) bool {
	if !c.full() || c.share == 0 || !from.IsValid() {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queues[from]
	return q == nil || q.inside < c.share
}

// full reports whether nobody else may stand in line.
func (c *crowd) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.room > 0 && c.waiting >= c.room
}

// close sends away who stands in line.
func (c *crowd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, q := range c.queues {
		for _, conn := range q.waiting {
			_ = conn.Close()
		}
		q.waiting = nil
	}
	c.waiting = 0
}
