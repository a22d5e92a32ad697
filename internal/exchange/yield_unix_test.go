//go:build unix

package exchange

import (
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/halibut-go/halibut/wire"
)

// endless is a connection that is never waited for, in either direction.
type endless struct{ net.Conn }

func (endless) Read(p []byte) (int, error)  { return min(len(p), 16<<10), nil }
func (endless) Write(p []byte) (int, error) { return len(p), nil }

// One processor has streams that it never waits for, and a connection on which a
// byte has come. Nobody asks the network for that one unless the streams do: the
// scheduler itself would after 10 ms.
func TestStreamsGiveTheNetworkItsTurn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	buf := make([]byte, 16<<10)
	read := func(l *link) (int, error) { return deadlineReader{l}.Read(buf) }
	write := func(l *link) (int, error) { return l.write(buf) }
	for _, test := range []struct {
		name    string
		streams []func(*link) (int, error)
	}{
		{"one that is read", []func(*link) (int, error){read}},
		{"one that is written", []func(*link) (int, error){write}},
		{"three", []func(*link) (int, error){read, write, read}},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen, come := awaitByte(t)
			for range 10 {
				yield(false) // until the other goroutine waits
			}
			come()
			var running sync.WaitGroup
			for _, move := range test.streams {
				l := newLink(endless{}, nil, &wire.ReaderOptions{})
				l.config = new(Config)
				running.Go(func() {
					for moved := 0; !seen.Load(); {
						n, err := move(l)
						if moved += n; err != nil || moved > 2000*yieldAfter { // which takes a millisecond
							t.Errorf("the byte was not seen while %d bytes were moved (%v)", moved, err)
							return
						}
					}
				})
			}
			running.Wait()
		})
	}
}

// awaitByte has a goroutine wait for a byte from the network, which come sends.
func awaitByte(t *testing.T) (seen *atomic.Bool, come func()) {
	near, far := tcpPair(t)
	seen = new(atomic.Bool)
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(far, make([]byte, 1))
		seen.Store(true)
		done <- err
	}()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return seen, func() {
		if _, err := near.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATurnAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { yield(false) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkYield(b *testing.B) {
	for b.Loop() {
		yield(false)
	}
}

func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}
