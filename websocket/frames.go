package websocket

import (
	"net"
	"sync/atomic"
)

// framedConn is the connection under a websocket. It follows the frames that are
// written to it, and counts how much of the messages in them the connection has
// taken: pings, pongs and good-byes, which others may write meanwhile, are none.
type framedConn struct {
	net.Conn
	upgraded atomic.Bool  // frames are written from now on, and not HTTP
	taken    atomic.Int64 // bytes of messages
	frame    frame        // guarded by the websocket, which writes one frame after the other
}

// Write implements [net.Conn].
func (c *framedConn) Write(p []byte) (int, error) {
	if !c.upgraded.Load() {
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(p)
	c.taken.Add(c.frame.follow(p[:n]))
	return n, err
}

// NetConn is the connection beneath.
func (c *framedConn) NetConn() net.Conn { return c.Conn }

// frame is where in a frame (RFC 6455 section 5.2) a stream of bytes has come to.
type frame struct {
	head    [14]byte
	have    int // bytes of the head
	payload int64
	within  bool // the head is complete
}

const (
	control    = 0x8  // bit of the first byte: a ping, a pong or a good-bye
	masked     = 0x80 // bit of the second byte
	lengthOf16 = 126
	lengthOf64 = 127
)

// follow goes on by what was written, and tells how many bytes of messages were in it.
func (f *frame) follow(p []byte) (content int64) {
	for len(p) > 0 {
		if !f.within {
			f.head[f.have] = p[0]
			f.have++
			p = p[1:]
			f.begin()
			continue
		}
		n := min(f.payload, int64(len(p)))
		p = p[n:]
		if f.head[0]&control == 0 {
			content += n
		}
		f.advance(n)
	}
	return content
}

// begin begins with the payload if the head is complete.
func (f *frame) begin() {
	if f.have < 2 {
		return
	}
	length, size := int64(f.head[1]&^masked), 2
	switch length {
	case lengthOf16:
		size += 2
	case lengthOf64:
		size += 8
	}
	end := size
	if f.head[1]&masked != 0 {
		end += 4
	}
	if f.have < end {
		return
	}
	if size > 2 {
		length = 0
		for _, b := range f.head[2:size] {
			length = length<<8 | int64(b)
		}
	}
	f.payload, f.within = length, true
	f.advance(0)
}

// advance books n bytes of the payload, after the last of which the next frame begins.
func (f *frame) advance(n int64) {
	if f.payload -= n; f.payload == 0 {
		f.have, f.within = 0, false
	}
}
