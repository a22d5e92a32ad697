package halibuttest_test

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

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
	"github.com/halibut-go/halibut/internal/memnet"
)

// faultyPair is a connection in memory with faults on one side.
func faultyPair(faults ...halibuttest.Fault) (*halibuttest.FaultyConn, *memnet.Conn) {
	ours, theirs := memnet.Pipe("ours", "theirs")
	return halibuttest.NewFaultyConn(ours, faults...), theirs
}

// content is bytes of which each tells where it stands.
func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// arrived is what a connection yields until it ends or a minute was silent.
func arrived(conn net.Conn) ([]byte, error) {
	var all []byte
	for buf := make([]byte, 1000); ; {
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := conn.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			return all, err
		}
	}
}

// TestFaults sends 5,000 bytes over a connection with a fault after 1,234 of
// them, either way.
func TestFaults(t *testing.T) {
	const sent, after = 5000, 1234
	whole := content(sent)
	for _, test := range []struct {
		fault   halibuttest.Fault
		arrives []byte
		ends    error         // for who reads
		writes  error         // for who writes, where that is the faulty side
		lasts   time.Duration // at least, with the minute's silence
	}{
		{halibuttest.Fault{Kind: halibuttest.Delay, Pause: time.Second}, whole, os.ErrDeadlineExceeded, nil, time.Second},
		{halibuttest.Fault{Kind: halibuttest.Drip, Size: 10, Pause: time.Second}, whole, os.ErrDeadlineExceeded, nil, (sent - after) / 10 * time.Second},
		{halibuttest.Fault{Kind: halibuttest.Drop, Size: 100}, append(bytes.Clone(whole[:after]), whole[after+100:]...), os.ErrDeadlineExceeded, nil, 0},
		{halibuttest.Fault{Kind: halibuttest.Cut}, whole[:after], io.EOF, syscall.EPIPE, 0},
		{halibuttest.Fault{Kind: halibuttest.Reset}, whole[:after], syscall.ECONNRESET, syscall.ECONNRESET, 0},
		{halibuttest.Fault{Kind: halibuttest.Stall}, whole[:after], os.ErrDeadlineExceeded, os.ErrDeadlineExceeded, time.Minute},
		{halibuttest.Fault{Kind: halibuttest.BlackHole}, whole[:after], os.ErrDeadlineExceeded, nil, time.Minute},
	} {
		for _, flow := range []halibuttest.Flow{halibuttest.Writes, halibuttest.Reads} {
			test.fault.Flow, test.fault.After = flow, after
			t.Run(test.fault.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					faulty, plain := faultyPair(test.fault)
					defer plain.Close()
					defer faulty.Close()
					from, to := net.Conn(faulty), net.Conn(plain)
					if flow == halibuttest.Reads {
						from, to = to, from
					}
					written := make(chan error, 1)
					begun := time.Now()
					go func() {
						// Byte for byte is what a fault must be able to count.
						_ = from.SetWriteDeadline(time.Now().Add(2 * time.Hour))
						_, err := from.Write(whole)
						written <- err
					}()
					got, err := arrived(to)
					if flow == halibuttest.Writes && test.fault.Kind == halibuttest.Reset {
						got = whole[:after] // a reset overtakes what was written
					}
					if !bytes.Equal(got, test.arrives) {
						t.Errorf("%d bytes arrived, want %d", len(got), len(test.arrives))
					}
					if !errors.Is(err, test.ends) {
						t.Errorf("the reader got %v, want %v", err, test.ends)
					}
					if took := time.Since(begun); took < test.lasts {
						t.Errorf("took %s, want %s at least", took, test.lasts)
					}
					if err := <-written; flow == halibuttest.Writes && !errors.Is(err, test.writes) {
						t.Errorf("the writer got %v, want %v", err, test.writes)
					}
				})
			})
		}
	}
}

// TestBlackHoleFills holds that writes into nowhere end where those of a system
// would: when its buffer is full.
func TestBlackHoleFills(t *testing.T) {
	bubble(t, func(t *testing.T) {
		faulty, plain := faultyPair(halibuttest.Fault{Kind: halibuttest.BlackHole})
		_ = faulty.SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := faulty.Write(content(100_000))
		if n != 64<<10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d bytes, %v", n, err)
		}
		if err := faulty.Close(); err != nil {
			t.Error(err)
		}
		if got, err := arrived(plain); len(got) > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the peer of a black hole got %d bytes and %v, want silence", len(got), err)
		}
		_ = plain.Close() // lets the connection within go
	})
}

// TestInject holds that faults reach what waits already.
func TestInject(t *testing.T) {
	for _, test := range []struct {
		kind halibuttest.FaultKind
		want error
	}{
		{halibuttest.Cut, io.EOF},
		{halibuttest.Reset, syscall.ECONNRESET},
		{halibuttest.Stall, os.ErrDeadlineExceeded},
		{halibuttest.BlackHole, os.ErrDeadlineExceeded},
	} {
		t.Run(test.kind.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				faulty, plain := faultyPair()
				defer plain.Close()
				read := make(chan error, 1)
				go func() {
					_ = faulty.SetReadDeadline(time.Now().Add(time.Hour))
					_, err := faulty.Read(make([]byte, 10))
					read <- err
				}()
				synctest.Wait()
				faulty.Inject(halibuttest.Fault{Kind: test.kind, Flow: halibuttest.Reads})
				_, _ = plain.Write([]byte("too late"))
				if err := <-read; !errors.Is(err, test.want) {
					t.Errorf("the read ended with %v, want %v", err, test.want)
				}
				_ = faulty.Close()
				if _, err := faulty.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("a read after Close: %v", err)
				}
			})
		})
	}
}

// TestMovedDeadline moves a deadline under a read that waits in a fault.
func TestMovedDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		faulty, plain := faultyPair(halibuttest.Fault{Kind: halibuttest.Stall, Flow: halibuttest.Reads})
		defer plain.Close()
		defer faulty.Close()
		begun := time.Now()
		_ = faulty.SetDeadline(begun.Add(time.Hour))
		go func() {
			time.Sleep(time.Minute)
			_ = faulty.SetReadDeadline(time.Now().Add(time.Second))
		}()
		_, err := faulty.Read(make([]byte, 1))
		if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || took != 61*time.Second {
			t.Errorf("%v after %s, want the deadline after 61 s", err, took)
		}
	})
}

// TestFaultyCalls has a client call over connections of which one is cut in the
// middle of the handshake, the next in the first TLS record of the request,
// which nobody can read then, and the third after it.
func TestFaultyCalls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var network memnet.Network
		l, err := network.Listen("service:10933")
		if err != nil {
			t.Fatal(err)
		}
		var trust halibut.TrustList
		trust.AllowCalls(halibut.PinOf(halibuttest.Certificate("client")))
		service, err := halibut.New(halibuttest.Certificate("service"), &halibut.Options{Services: services(), Authorizer: &trust})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		opened := make(chan int, 4)
		go func() { served <- service.Serve(context.Background(), halibuttest.FaultyListener(l, nil)) }()
		client, err := halibut.New(halibuttest.Certificate("client"), &halibut.Options{
			DialContext: halibuttest.FaultyDialler(network.DialContext, func(n int) []halibuttest.Fault {
				opened <- n
				return [][]halibuttest.Fault{
					{{Kind: halibuttest.Cut, After: 700}},
					{{Kind: halibuttest.Cut, After: 10_000}},
					{{Kind: halibuttest.Cut, After: 60_000}},
					nil,
				}[n]
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		to, err := halibut.ParseEndpoint("https://service:10933", halibut.PinOf(halibuttest.Certificate("service")).String())
		if err != nil {
			t.Fatal(err)
		}
		c := client.Client(to)
		stream := func() *halibut.DataStream { return halibut.StreamBytes(content(100_000)) }
		_, err = halibut.Call[*halibut.DataStream](t.Context(), c, "IEchoService", "Reverse", stream())
		if halibut.CodeOf(err) != halibut.CodeTransfer || halibut.SafeToRetry(err) {
			t.Errorf("a call whose third connection is cut under it: %v", err)
		}
		reversed, err := halibut.Call[*halibut.DataStream](t.Context(), c, "IEchoService", "Reverse", stream())
		if err != nil {
			t.Fatal(err)
		}
		_ = reversed.Close()
		if len(opened) != 4 {
			t.Errorf("%d connections were opened, want 4", len(opened))
		}
		_ = client.Close()
		_ = service.Close()
		if err := <-served; !errors.Is(err, halibut.ErrClosed) {
			t.Error(err)
		}
	})
}
