package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut/internal/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBytesArriveInOrder(t *testing.T) {
	a, b := memnet.Pipe("a", "b")
	sent := make([]byte, 10*memnet.BufferSize+17)
	for i := range sent {
		sent[i] = byte(i * i >> 3)
	}
	go func() {
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 5000)
			if _, err := a.Write(rest[:n]); err != nil {
				t.Error(err)
				break
			}
			rest = rest[n:]
		}
		a.Close()
	}()
	var received bytes.Buffer
	if _, err := io.CopyBuffer(&received, struct{ io.Reader }{b}, make([]byte, 3001)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(received.Bytes(), sent) {
		t.Errorf("received %d bytes that differ from the %d sent", received.Len(), len(sent))
	}
	if got, want := a.Writes(), int64((len(sent)+4999)/5000); got != want {
		t.Errorf("counted %d writes, want %d", got, want)
	}
	if got := a.BytesWritten(); got != int64(len(sent)) {
		t.Errorf("counted %d bytes, want %d", got, len(sent))
	}
}

func TestWriterWaitsForReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe("a", "b")
		if n, err := a.Write(make([]byte, memnet.BufferSize)); n != memnet.BufferSize || err != nil {
			t.Fatalf("filling the buffer: %d, %v", n, err)
		}
		written := false
		go func() {
			if _, err := a.Write([]byte{1}); err != nil {
				t.Error(err)
			}
			written = true
		}()
		synctest.Wait()
		if written {
			t.Fatal("the buffer has no limit")
		}
		if _, err := b.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !written {
			t.Error("the writer still waits after a read")
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe("a", "b")
		if err := a.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_, err := a.Read(make([]byte, 1))
		checkTimeout(t, err)
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("the read ended after %v, want 1m", took)
		}
		_, err = a.Write([]byte{1})
		checkTimeout(t, err)

		if err := a.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte{1}); err != nil {
			t.Errorf("after the deadline was taken away: %v", err)
		}

		// A full buffer: what went in before the deadline is counted.
		if err := a.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := a.Write(make([]byte, 2*memnet.BufferSize))
		checkTimeout(t, err)
		if n != memnet.BufferSize-1 {
			t.Errorf("wrote %d, want %d", n, memnet.BufferSize-1)
		}

		// A deadline in the past interrupts a read that is under way.
		interrupted := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			interrupted <- err
		}()
		synctest.Wait()
		if err := a.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		checkTimeout(t, <-interrupted)
		// Data that waits does not help, as with TCP.
		if _, err := b.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		_, err = a.Read(make([]byte, 1))
		checkTimeout(t, err)
	})
}

func checkTimeout(t *testing.T, err error) {
	t.Helper()
	var timeout net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v, want a timeout", err)
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe("a", "b")
		pending := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			pending <- err
		}()
		synctest.Wait()
		mustWrite(t, a, "last words")
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"the pending read": <-pending,
			"a read":           second(a.Read(make([]byte, 1))),
			"a write":          second(a.Write([]byte{1})),
			"another Close":    a.Close(),
			"CloseWrite":       a.CloseWrite(),
			"SetDeadline":      a.SetDeadline(time.Now()),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s gave %v, want net.ErrClosed", what, err)
			}
		}

		if got, err := io.ReadAll(b); string(got) != "last words" || err != nil {
			t.Errorf("the peer read %q, %v", got, err)
		}
		if _, err := b.Write([]byte{1}); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("the peer's write gave %v, want EPIPE", err)
		}
	})
}

func TestCloseEndsAWriteThatWaits(t *testing.T) {
	for name, end := range map[string]func(a, b *memnet.Conn) error{
		"by the peer":  func(_, b *memnet.Conn) error { return b.Close() },
		"by ourselves": func(a, _ *memnet.Conn) error { return a.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := memnet.Pipe("a", "b")
				ended := make(chan error)
				go func() {
					_, err := a.Write(make([]byte, 2*memnet.BufferSize))
					ended <- err
				}()
				synctest.Wait()
				if err := end(a, b); err != nil {
					t.Fatal(err)
				}
				if err := <-ended; !errors.Is(err, syscall.EPIPE) && !errors.Is(err, net.ErrClosed) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestHalfClose(t *testing.T) {
	a, b := memnet.Pipe("a", "b")
	mustWrite(t, a, "question")
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); string(got) != "question" || err != nil {
		t.Errorf("the peer read %q, %v", got, err)
	}
	if _, err := a.Write([]byte{1}); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("a write after CloseWrite gave %v, want EPIPE", err)
	}
	mustWrite(t, b, "answer")
	b.Close()
	if got, err := io.ReadAll(a); string(got) != "answer" || err != nil {
		t.Errorf("we read %q, %v", got, err)
	}
}

func TestReset(t *testing.T) {
	for name, reset := range map[string]func(*memnet.Conn) error{
		"Reset": (*memnet.Conn).Reset,
		"SetLinger": func(c *memnet.Conn) error {
			return errors.Join(c.SetLinger(0), c.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := memnet.Pipe("a", "b")
			mustWrite(t, a, "never read")
			if err := reset(a); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the peer's read gave %v, want ECONNRESET", err)
			}
			if _, err := b.Write([]byte{1}); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the peer's write gave %v, want ECONNRESET", err)
			}
			if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("our read gave %v, want net.ErrClosed", err)
			}
		})
	}
}

func TestWritesDoNotMix(t *testing.T) {
	a, b := memnet.Pipe("a", "b")
	const size = 3 * memnet.BufferSize
	for _, c := range []byte("xy") {
		go a.Write(bytes.Repeat([]byte{c}, size))
	}
	got := make([]byte, 2*size)
	if _, err := io.ReadFull(b, got); err != nil {
		t.Fatal(err)
	}
	for _, half := range [][]byte{got[:size], got[size:]} {
		if n := bytes.Count(half, half[:1]); n != size {
			t.Errorf("%d of %d bytes are alike", n, size)
		}
	}
}

func TestListenAndDial(t *testing.T) {
	var network memnet.Network
	l, err := network.Listen("10.0.0.1:10933")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := network.Listen("10.0.0.1:10933"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listener: %v, want EADDRINUSE", err)
	}
	dialled, err := network.DialFrom(t.Context(), "10.0.0.2:0", "10.0.0.1:10933")
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := accepted.RemoteAddr().String(), dialled.LocalAddr().String(); got != want {
		t.Errorf("accepted from %s, dialled from %s", got, want)
	}
	if host, port, err := net.SplitHostPort(accepted.RemoteAddr().String()); err != nil || host != "10.0.0.2" || port == "0" {
		t.Errorf("dialled from %s:%s, %v", host, port, err)
	}
	if got := dialled.RemoteAddr(); got != l.Addr() || got.Network() != "mem" {
		t.Errorf("dialled %v, the listener is at %v", got, l.Addr())
	}
	mustWrite(t, dialled, "x")
	if _, err := io.ReadFull(accepted, make([]byte, 1)); err != nil {
		t.Error(err)
	}

	waiting, err := network.DialContext(t.Context(), "tcp", "10.0.0.1:10933")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection that nobody accepted: %v, want ECONNRESET", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v, want net.ErrClosed", err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Close after Close: %v, want net.ErrClosed", err)
	}
	if c, err := network.DialContext(t.Context(), "tcp", "10.0.0.1:10933"); c != nil || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling a closed listener: %v, %v", c, err)
	}
	if l, err = network.Listen("10.0.0.1:10933"); err != nil {
		t.Errorf("the address is still taken: %v", err)
	}
	l.Close()
}

func TestFreePort(t *testing.T) {
	var network memnet.Network
	seen := make(map[string]bool)
	for range 10 {
		l, err := network.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if addr := l.Addr().String(); seen[addr] {
			t.Errorf("%s was given twice", addr)
		} else {
			seen[addr] = true
		}
	}
}

func TestDialEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		l, err := network.Listen("full")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		dialled := 0
		for err == nil {
			if _, err = network.Dial(ctx, "full"); err == nil {
				dialled++
			}
		}
		if !errors.Is(err, context.DeadlineExceeded) || dialled == 0 {
			t.Errorf("after %d connections: %v, want the context's error", dialled, err)
		}
		if _, err := network.Dial(ctx, "full"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context that has ended: %v", err)
		}

		refused := make(chan error)
		go func() {
			_, err := network.Dial(context.Background(), "full")
			refused <- err
		}()
		accepting := make(chan error)
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-refused; !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialling while the listener closed: %v, want ECONNREFUSED", err)
		}

		l, err = network.Listen("empty")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := l.Accept()
			accepting <- err
		}()
		synctest.Wait()
		l.Close()
		if err := <-accepting; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept while the listener closed: %v, want net.ErrClosed", err)
		}
	})
}

func mustWrite(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

func second(_ int, err error) error { return err }
