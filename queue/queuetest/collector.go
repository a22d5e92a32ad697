package queuetest

import (
	"context"

	"github.com/halibut-go/halibut/queue"
)

// ByCollector is a Provider whose queues serve Next by a queue.Collector, so
// that the suite tests collectors too.
func ByCollector(p queue.Provider) queue.Provider { return collectorProvider{p} }

type collectorProvider struct{ queue.Provider }

func (p collectorProvider) Queue(subscription string) (queue.Queue, error) {
	q, err := p.Provider.Queue(subscription)
	if err != nil {
		return nil, err
	}
	return collectorQueue{q}, nil
}

type collectorQueue struct{ queue.Queue }

func (q collectorQueue) Next(ctx context.Context, peer queue.Peer) (queue.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type taken struct {
		delivery queue.Delivery
		err      error
	}
	took := make(chan taken, 1)
	collector := queue.NewCollector(q.Queue, peer, func(d queue.Delivery, err error) { took <- taken{d, err} }, nil)
	if d, err := collector.Collect(); d != nil || err != nil {
		return d, err
	}
	select {
	case t := <-took:
		return t.delivery, t.err
	case <-ctx.Done():
		if collector.Withdraw() {
			return nil, ctx.Err()
		}
	}
	t := <-took
	return t.delivery, t.err
}
