package halibut_test

import (
	"context"
	"io"
	"runtime"
	"testing"

	"github.com/halibut-go/halibut"
)

// TestStreamsInConstantMemory: however long a stream is, both ends together hold
// no more of it than a few buffers, whichever way it goes.
func TestStreamsInConstantMemory(t *testing.T) {
	const (
		size = 256 << 20
		most = 4 << 20
	)
	if testing.Short() || halibut.RaceDetector() {
		t.Skip("moves 1 GiB in each mode")
	}
	var heap heapMeter
	services := echoServices()
	services.Handle("IStreams", "Make", func(context.Context) (*halibut.DataStream, error) { return heap.stream(size), nil })
	for _, mode := range modes[:2] {
		p := setting{services: services}.pair(t, mode)
		c := p.client.Client(p.to)
		for _, test := range []struct {
			name string
			move func() error
		}{
			{"up, read", func() error { return c.Call(t.Context(), "IEchoService", "CountLive", nil, heap.stream(size)) }},
			{"up, kept", func() error { return c.Call(t.Context(), "IEchoService", "Count", nil, heap.stream(size)) }},
			{"down, to a writer", func() error { return c.Call(halibut.WithStreamTo(t.Context(), io.Discard), "IStreams", "Make", nil) }},
			{"down, kept", func() error { return readKept(t.Context(), c) }},
		} {
			t.Run(mode+" "+test.name, func(t *testing.T) {
				hello(t, p)
				heapInUse() // empties the pools of buffers
				heap.peak = 0
				before := heapInUse()
				if err := test.move(); err != nil {
					t.Fatal(err)
				}
				if heap.peak == 0 {
					t.Fatal("nothing was measured")
				}
				held := int64(heap.peak) - int64(before)
				t.Logf("%d MiB of a stream hold %.2f MiB at most", size>>20, float64(held)/(1<<20))
				if held > most {
					t.Errorf("%d bytes are held while a stream of %d goes through, more than %d", held, size, most)
				}
			})
		}
	}
}

// heapInUse is what is reachable, in bytes.
func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// heapMeter finds how large the heap gets while streams go through.
type heapMeter struct{ peak uint64 }

// stream is one that measures while it is read.
func (h *heapMeter) stream(size int64) *halibut.DataStream {
	return halibut.StreamOf(io.LimitReader(&meteredZeroes{heap: h}, size), size)
}

type meteredZeroes struct {
	heap *heapMeter
	read int64
}

// Read measures every 32 MiB.
func (z *meteredZeroes) Read(p []byte) (int, error) {
	const step = 32 << 20
	clear(p)
	before := z.read / step
	if z.read += int64(len(p)); z.read/step > before {
		z.heap.peak = max(z.heap.peak, heapInUse())
	}
	return len(p), nil
}
