package queue_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// raceDetector: sync.Pool forgets at random under it, so allocations are not
// counted.
var raceDetector bool

// echo answers what comes out of the queue until stop is called, as a polling
// connection does.
func echo(tb testing.TB, q queue.Queue, watch bool) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	response := &wire.Response{}
	go func() {
		defer close(done)
		for {
			d, ok := q.TryNext(peer)
			if !ok {
				var err error
				if d, err = q.Next(ctx, peer); err != nil {
					return
				}
			}
			if watch {
				d.Context()
			}
			if !d.Started() || !d.Respond(response) {
				tb.Error("nobody waits")
			}
		}
	}()
	return func() { cancel(); <-done }
}

func TestAllocationsOfACall(t *testing.T) {
	if raceDetector {
		t.Skip("not counted under the race detector")
	}
	for _, test := range []struct {
		watch bool
		most  float64
	}{{false, 1}, {true, 3}} {
		m := queue.NewMemory(nil)
		q := open(t, m, "poll://a/")
		stop := echo(t, q, test.watch)
		ctx, cancel := context.WithCancel(t.Context())
		req := &wire.Request{}
		got := testing.AllocsPerRun(1000, func() {
			if _, err := q.Send(ctx, req, queue.SendOptions{}); err != nil {
				t.Error(err)
			}
		})
		if got > test.most {
			t.Errorf("with the delivery's context asked for: %v: %v allocations a call, want at most %v", test.watch, got, test.most)
		}
		cancel()
		stop()
	}
}

// TestAllocationsOfADirectCall: a request that is passed on in the goroutine of
// Send leaves nothing behind.
func TestAllocationsOfADirectCall(t *testing.T) {
	if raceDetector {
		t.Skip("not counted under the race detector")
	}
	q := open(t, queue.NewMemory(nil), "poll://a/")
	response := &wire.Response{}
	var collector queue.Collector
	collector = queue.NewCollector(q, peer, nil, func(d queue.Delivery) bool {
		passed := d.Started() && d.Respond(response)
		_, err := collector.Collect()
		return passed && err == nil
	})
	if _, err := collector.Collect(); err != nil {
		t.Fatal(err)
	}
	req := &wire.Request{}
	got := testing.AllocsPerRun(1000, func() {
		if _, err := q.Send(t.Context(), req, queue.SendOptions{}); err != nil {
			t.Error(err)
		}
	})
	if got > 0 {
		t.Errorf("%v allocations a call", got)
	}
}

func BenchmarkCall(b *testing.B) {
	m := queue.NewMemory(nil)
	q, err := m.Queue("poll://a/")
	if err != nil {
		b.Fatal(err)
	}
	stop := echo(b, q, true)
	defer stop()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	req := &wire.Request{}
	b.Run("callers=1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := q.Send(ctx, req, queue.SendOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, callers := range []int{16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := q.Send(ctx, req, queue.SendOptions{}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
