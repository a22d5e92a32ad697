package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
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
		got <- newConn(ws, capturing.conn, ping)
	}))
	t.Cleanup(server.Close)
	var under net.Conn
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		under, err = new(net.Dialer).DialContext(ctx, network, addr)
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
