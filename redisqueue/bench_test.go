package redisqueue

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// BenchmarkPing is what everything here is measured by.
func BenchmarkPing(b *testing.B) {
	s := startServer(b)
	p := s.node(b, nil)
	for b.Loop() {
		if err := p.client.Do(context.Background(), p.client.B().Ping().Build()).Error(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCall makes calls from one node to a collector of another.
func BenchmarkCall(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := startServer(b)
			opts := &Options{Prefix: "p"}
			senders, collectors := s.node(b, opts), s.node(b, opts)
			ctx, stop := context.WithCancel(context.Background())
			var serving, calling sync.WaitGroup
			q, err := collectors.Queue("poll://a/")
			if err != nil {
				b.Fatal(err)
			}
			for range min(callers, 16) {
				serving.Go(func() { serve(ctx, q) })
			}
			from, err := senders.Queue("poll://a/")
			if err != nil {
				b.Fatal(err)
			}
			req := &wire.Request{ID: "1", Service: "IEchoService", Method: "SayHello"}
			next := make(chan struct{}, callers)
			for range callers {
				calling.Go(func() {
					for range next {
						if _, err := from.Send(ctx, req, queue.SendOptions{}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ReportAllocs()
			for b.Loop() {
				next <- struct{}{}
			}
			close(next)
			calling.Wait()
			b.StopTimer()
			stop()
			serving.Wait()
		})
	}
}

// serve answers what comes out of a queue until ctx ends, as a polling
// connection does.
func serve(ctx context.Context, q queue.Queue) {
	for {
		d, ok := q.TryNext(peer)
		if !ok {
			var err error
			if d, err = q.Next(ctx, peer); err != nil {
				return
			}
		}
		d.Started()
		d.Respond(&wire.Response{ID: d.Request().ID})
	}
}
