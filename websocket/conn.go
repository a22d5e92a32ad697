package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/halibut-go/halibut/wire"
)

const (
	subprotocol   = "Octopus"
	opening       = "MX" // the text that takes the place of the preamble
	closePatience = time.Second
)

// conn is the stream of bytes in the binary frames of a websocket. Where one
// message ends and the next begins has no meaning: .NET sends a single message
// without an end. It never writes an empty frame, which .NET takes for the end of
// the stream.
type conn struct {
	ws         *websocket.Conn
	underlying *framedConn
	ctx        context.Context // of all reads and writes; it ends with the connection
	cancel     context.CancelCauseFunc

	awaitsOpening bool      // the peer's first message is not MX yet; used by the reader alone
	message       io.Reader // what is being read

	reading, writing deadline
	reads            atomic.Uint64 // odd while a read waits
	pinger           pinger

	closing atomic.Bool
	closed  chan struct{}
}

// newConn takes over a websocket and the connection under it, which carries
// frames from now on.
func newConn(ws *websocket.Conn, underlying *framedConn, ping time.Duration) *conn {
	underlying.upgraded.Store(true)
	ws.SetReadLimit(-1) // the conversation has limits of its own
	c := &conn{ws: ws, underlying: underlying, closed: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	expire := func() { c.cut(os.ErrDeadlineExceeded) }
	c.reading.expire, c.writing.expire = expire, expire
	c.pinger.start(c, ping)
	return c
}

// cut ends the connection without a word. What waits in it gets the first cause.
func (c *conn) cut(cause error) {
	c.cancel(cause)
	_ = c.underlying.Close()
}

// reason is why a read or write has failed.
func (c *conn) reason(err error, expired bool) error {
	var system *net.OpError
	switch {
	case err == nil:
		return nil
	case expired:
		return os.ErrDeadlineExceeded
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	case errors.As(err, &system):
		return system // and not what the websocket was doing
	default:
		return err
	}
}

func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.reading.begin(); err != nil {
		return 0, err
	}
	c.reads.Add(1)
	n, err := c.read(p)
	c.reads.Add(1)
	return n, c.reason(err, c.reading.end())
}

func (c *conn) read(p []byte) (int, error) {
	if c.awaitsOpening {
		if err := c.readOpening(); err != nil {
			return 0, err
		}
		c.awaitsOpening = false
	}
	for {
		if c.message == nil {
			kind, message, err := c.ws.Reader(c.ctx)
			switch {
			case err != nil:
				return 0, ended(err)
			case kind != websocket.MessageBinary:
				_ = c.ws.Close(websocket.StatusUnsupportedData, "binary frames are expected")
				return 0, &wire.ProtocolError{Expected: "binary frames on the websocket", Found: "a text frame"}
			}
			c.message = message
		}
		n, err := c.message.Read(p)
		if err == io.EOF { // the end of a message; the connection's own end comes wrapped
			c.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, ended(err)
		}
	}
}

// readOpening reads the first message of a dialler.
func (c *conn) readOpening() error {
	kind, message, err := c.ws.Reader(c.ctx)
	if err != nil {
		return ended(err)
	}
	text, err := io.ReadAll(io.LimitReader(message, 64))
	if err != nil {
		return ended(err)
	}
	if kind != websocket.MessageText || string(text) != opening {
		return &wire.ProtocolError{Expected: "the text " + opening + " as the websocket's first message", Found: fmt.Sprintf("%s %.20q", kind, text)}
	}
	return nil
}

// ended makes the end of a websocket, in order or not, the end of a stream.
func ended(err error) error {
	switch code := websocket.CloseStatus(err); {
	case err == nil:
		return nil
	case code == websocket.StatusNormalClosure, code == websocket.StatusGoingAway, code == websocket.StatusNoStatusRcvd:
		return io.EOF
	case code != -1:
		return fmt.Errorf("the peer closed the websocket: %w", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		return io.EOF // it has dropped the connection, as .NET does
	default:
		return err
	}
}

func (c *conn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.writing.begin(); err != nil {
		return 0, err
	}
	if c.ctx.Err() != nil {
		c.writing.end()
		return 0, context.Cause(c.ctx)
	}
	before := c.underlying.taken.Load()
	err := c.ws.Write(c.ctx, websocket.MessageBinary, p)
	expired := c.writing.end()
	if err == nil {
		return len(p), nil
	}
	return int(c.underlying.taken.Load() - before), c.reason(err, expired)
}

// Close says good-bye, waits for the same for up to a second, and ends the
// connection.
func (c *conn) Close() error {
	if c.closing.Swap(true) {
		<-c.closed
		return nil
	}
	defer close(c.closed)
	timer := time.AfterFunc(closePatience, func() { c.cut(net.ErrClosed) })
	_ = c.ws.Close(websocket.StatusNormalClosure, "Closing") // the connection ends in any case
	timer.Stop()
	c.cut(net.ErrClosed)
	c.pinger.stop()
	c.reading.set(time.Time{})
	c.writing.set(time.Time{})
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.underlying.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.underlying.RemoteAddr() }

// NetConn is the connection under the websocket.
func (c *conn) NetConn() net.Conn { return c.underlying.Conn }

// A read or write under which a deadline passes ends the connection: a websocket
// cannot go on from the middle of a frame.
func (c *conn) SetDeadline(t time.Time) error {
	c.reading.set(t)
	c.writing.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error { c.reading.set(t); return nil }

func (c *conn) SetWriteDeadline(t time.Time) error { c.writing.set(t); return nil }
