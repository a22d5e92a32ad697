//go:build unix

package exchange

import (
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/halibut-go/halibut/wire"
)

// endless is a connection that is never waited for, in either direction.
type endless struct{ net.Conn }

func (endless) Read(p []byte) (int, error)  { return min(len(p), 16<<10), nil }
func (endless) Write(p []byte) (int, error) { return len(p), nil }

// One processor has a stream that it never waits for, and a connection on which
// a byte has come. Nobody asks the network for that one unless the stream does:
// the scheduler itself would after 10 ms.
func TestAStreamGivesTheNetworkItsTurn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	l := newLink(endless{}, &wire.ReaderOptions{})
	l.config = new(Config)
	buf := make([]byte, 16<<10)
	for name, piece := range map[string]func() (int, error){
		"read":    func() (int, error) { return deadlineReader{l}.Read(buf) },
		"written": func() (int, error) { return l.write(buf) },
	} {
		t.Run(name, func(t *testing.T) {
			near, far := tcpPair(t)
			var seen atomic.Bool
			done := make(chan error, 1)
			go func() {
				_, err := io.ReadFull(far, make([]byte, 1))
				seen.Store(true)
				done <- err
			}()
			for range 10 {
				yield() // until the other goroutine waits
			}
			if _, err := near.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
			moved := 0
			for !seen.Load() && moved < 8*yieldAfter {
				n, err := piece()
				if err != nil {
					t.Fatal(err)
				}
				moved += n
			}
			if !seen.Load() {
				t.Errorf("the byte was not seen while %d bytes were %s", moved, name)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestATurnAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, yield); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkYield(b *testing.B) {
	for b.Loop() {
		yield()
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
