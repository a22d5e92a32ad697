package redisqueue

import (
	"runtime"
	"testing"
	"time"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// TestGoroutines: a request in flight has no goroutine on either node, besides
// the one that its caller waits with. One has its response while that is on its
// way to Redis.
func TestGoroutines(t *testing.T) {
	requests := 1000
	if testing.Short() {
		requests = 300
	}
	s := startServer(t)
	// The nodes look after all requests all the time, as they do in the long run.
	watched := func(times *timing) {
		patiently(times)
		times.attempt = 20 * time.Second // no command is given up
	}
	a, b := s.node(t, nil, watched), s.node(t, nil, watched)
	from, to := queueOf(t, a), queueOf(t, b)
	done := send(t.Context(), from, queue.SendOptions{})
	respond(t, next(t, to))
	succeeds(t, done)

	before := settled(t)
	calls := make([]<-chan outcome, requests)
	for i := range calls {
		calls[i] = send(t.Context(), from, queue.SendOptions{})
	}
	queued(t, from, requests)
	grown(t, "requests wait", before+requests, 0)

	deliveries := make([]queue.Delivery, requests)
	for i := range deliveries {
		deliveries[i] = next(t, to)
		deliveries[i].Started()
	}
	listening := func(p *Provider, kind string) func() bool {
		return func() bool { return subscribed(p, kind) >= requests }
	}
	eventually(t, "the sender hears heartbeats", listening(a, "RequestProcessorNode"))
	eventually(t, "the processor hears heartbeats", listening(b, "RequestSenderNode"))
	grown(t, "requests are worked on", before+requests, 0)

	s.outage(t, func() {
		for _, d := range deliveries {
			if !d.Respond(&wire.Response{ID: "1"}) {
				t.Error("nobody waits")
			}
		}
		grown(t, "responses are stored", before+requests, requests)
	})
	for _, done := range calls {
		succeeds(t, done)
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before+slack })
}

// slack are goroutines that come and go with a node, whatever the number of
// requests is.
const slack = 50

// grown checks that there are so many goroutines more than there were, those
// aside that look for a cancellation once when a request was collected.
func grown(t *testing.T, what string, before, want int) {
	t.Helper()
	n := 0
	eventually(t, "no more goroutines than there should be while "+what, func() bool {
		n = runtime.NumGoroutine() - before
		return n <= want+slack
	})
	t.Logf("%d goroutines besides the callers' while %s", n, what)
}

// settled is how many goroutines there are when no more end.
func settled(t *testing.T) int {
	t.Helper()
	least, same := runtime.NumGoroutine(), 0
	eventually(t, "the number of goroutines stays the same", func() bool {
		if n := runtime.NumGoroutine(); n < least {
			least, same = n, 0
		}
		same++
		return same > 100
	})
	return least
}

// subscribed counts a node's subscriptions to a kind of channel.
func subscribed(p *Provider, kind string) (n int) {
	p.channels.mu.Lock()
	defer p.channels.mu.Unlock()
	for name, s := range p.channels.subs {
		if s.live && len(name) > len(kind) && name[len(name)-len(kind):] == kind {
			n++
		}
	}
	return n
}
