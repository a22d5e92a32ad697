package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// connected is both ends of a websocket.
func connected(t *testing.T, ping time.Duration) (dialled, accepted *conn) {
	t.Helper()
	got := make(chan *conn, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		capturing := &capturingWriter{ResponseWriter: w}
		ws, err := websocket.Accept(capturing, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		capturing.conn.Conn = &failingConn{Conn: capturing.conn.Conn}
		got <- newConn(ws, capturing.conn, ping)
	}))
	t.Cleanup(server.Close)
	var under *framedConn
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		under = &framedConn{Conn: &failingConn{Conn: conn}}
		return under, err
	}}}
	ws, _, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	dialled, accepted = newConn(ws, under, ping), <-got
	t.Cleanup(func() {
		dialled.cut(net.ErrClosed)
		_ = dialled.Close()
		accepted.cut(net.ErrClosed)
		_ = accepted.Close()
	})
	return dialled, accepted
}

func TestDeadlines(t *testing.T) {
	dialled, accepted := connected(t, -1)
	// One that passes while nothing waits, and is taken back, does no harm.
	_ = dialled.SetReadDeadline(time.Now().Add(time.Millisecond))
	for time.Until(dialled.reading.at) > -time.Millisecond {
		time.Sleep(time.Millisecond)
	}
	if _, err := dialled.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	_ = dialled.SetReadDeadline(time.Time{})
	if n, err := accepted.Write([]byte("hello")); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(dialled, got); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	if n, err := accepted.Write(nil); n != 0 || err != nil {
		t.Error(n, err) // an empty frame would be the end for .NET
	}
	// One that is moved under a read holds from then on.
	read := make(chan error, 1)
	go func() {
		_, err := dialled.Read(make([]byte, 1))
		read <- err
	}()
	_ = dialled.SetReadDeadline(time.Now().Add(time.Hour))
	_ = dialled.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("under a read: %v", err)
	}
	if n, err := dialled.Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("a write after the end: %d, %v", n, err)
	}
	if _, err := accepted.Read(make([]byte, 1)); err == nil {
		t.Error("the other side reads on")
	}
}

func TestCloseTellsThePeer(t *testing.T) {
	dialled, accepted := connected(t, -1)
	read := make(chan error, 1)
	go func() {
		_, err := accepted.Read(make([]byte, 1))
		read <- err
	}()
	if err := dialled.Close(); err != nil {
		t.Error(err)
	}
	if err := <-read; err != io.EOF {
		t.Errorf("the peer reads %v, want EOF", err)
	}
}

// A peer that is there answers pings, and one that is not is found out.
func TestPings(t *testing.T) {
	dialled, accepted := connected(t, 5*time.Millisecond)
	go func() { _, _ = io.Copy(io.Discard, accepted) }()
	read := make(chan error, 1)
	go func() {
		_, err := dialled.Read(make([]byte, 1))
		read <- err
	}()
	select {
	case err := <-read:
		t.Errorf("the connection ended: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	_ = accepted.underlying.Close()
	if err := <-read; err == nil {
		t.Error("no end")
	}
}

// failingConn is a connection that can be made to take no more than so many
// bytes.
type failingConn struct {
	net.Conn
	fails atomic.Bool
	room  atomic.Int64
}

var errFull = errors.New("the connection is full")

func (c *failingConn) Write(p []byte) (int, error) {
	if !c.fails.Load() {
		return c.Conn.Write(p)
	}
	room := c.room.Load()
	if room >= int64(len(p)) {
		c.room.Add(-int64(len(p)))
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(p[:room])
	c.room.Add(-int64(n))
	if err == nil {
		err = errFull
	}
	return n, err
}

// failAfter has the connection take n bytes more.
func (c *conn) failAfter(n int64) {
	under := c.underlying.Conn.(*failingConn)
	under.room.Store(n)
	under.fails.Store(true)
}

// Of a write that failed it is known how much the connection has taken of it:
// nothing, where only the frame's head or another's frame went out.
func TestFailedWrites(t *testing.T) {
	const dialledHead, acceptedHead, ping = 2 + 2 + 4, 2 + 2, 2 + 4 + 1
	content := make([]byte, 5000)
	for name, tt := range map[string]struct {
		accepted bool
		room     int64
		before   func(c *conn)
		want     int
	}{
		"dialled, nothing":        {room: 0, want: 0},
		"dialled, its head":       {room: dialledHead, want: 0},
		"dialled, one byte":       {room: dialledHead + 1, want: 1},
		"dialled, most of it":     {room: dialledHead + 4999, want: 4999},
		"accepted, nothing":       {accepted: true, room: 0, want: 0},
		"accepted, its head":      {accepted: true, room: acceptedHead, want: 0},
		"accepted, one byte":      {accepted: true, room: acceptedHead + 1, want: 1},
		"accepted, most of it":    {accepted: true, room: acceptedHead + 4999, want: 4999},
		"dialled, a ping first":   {room: ping, before: pingOnce, want: 0},
		"dialled, a ping is cut":  {room: ping - 1, before: pingOnce, want: 0},
		"dialled, it says bye":    {room: 1 << 20, before: func(c *conn) { _ = c.ws.Close(websocket.StatusNormalClosure, "Closing") }, want: 0},
		"dialled, it is cut":      {room: 1 << 20, before: func(c *conn) { _ = c.underlying.Close() }, want: 0},
		"dialled, it was refused": {room: 1 << 20, before: func(c *conn) { c.cut(net.ErrClosed) }, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := connected(t, -1)
			if tt.accepted {
				c, peer = peer, c
			}
			go func() { _, _ = io.Copy(io.Discard, peer) }()
			if n, err := c.Write(content); n != len(content) || err != nil {
				t.Fatal(n, err)
			}
			c.failAfter(tt.room)
			if tt.before != nil {
				tt.before(c)
			}
			if n, err := c.Write(content); n != tt.want || err == nil {
				t.Errorf("%d, %v, want %d and an error", n, err, tt.want)
			}
			if n, err := c.Write(content); n != 0 || err == nil {
				t.Errorf("again: %d, %v, want 0 and an error", n, err)
			}
		})
	}
}

// pingOnce sends a ping, and does not wait for the answer.
func pingOnce(c *conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_ = c.ws.Ping(ctx)
}

// However a stream of frames is cut, the same is counted.
func TestFramesAreFollowed(t *testing.T) {
	const content = 3 + 0 + 300 + 70000 + 5
	var stream []byte
	stream = append(stream, "\x82\x03abc\x89\x02hi\x82\x00\x8a\x80mask"...)
	stream = append(append(stream, "\x02\xfe\x01\x2cmask"...), make([]byte, 300)...)
	stream = append(append(stream, "\x80\x7f\x00\x00\x00\x00\x00\x01\x11\x70"...), make([]byte, 70000)...)
	stream = append(stream, "\x88\x82mask\x03\xe8\x81\x85maskhello"...)
	for _, size := range []int{1, 2, 3, 7, 1000, len(stream)} {
		var f frame
		var got int64
		for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			got += f.follow(rest[:min(size, len(rest))])
		}
		if got != content || f.have != 0 {
			t.Errorf("in pieces of %d: %d bytes of messages and %d of a head, want %d and none", size, got, f.have, content)
		}
	}
}
