package halibut

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestConnectionsOfASubscriptionAreCounted exactly, each subscription for
// itself, whoever comes and goes at the same time.
func TestConnectionsOfASubscriptionAreCounted(t *testing.T) {
	const limit, callers, tries = 10, 20, 100
	var live liveConnections
	of := func(name string) *liveConnection {
		c := &liveConnection{peer: &Peer{Role: RolePoller, Subscription: name}}
		live.add(c)
		return c
	}
	other := of("poll://other/")
	if err := live.admit(other, &Limits{SubscriptionConnections: limit}); err != nil {
		t.Fatal(err)
	}
	admit := func(leave bool) (admitted, refused int64) {
		var in, out atomic.Int64
		var inside sync.WaitGroup
		for range callers {
			inside.Go(func() {
				for range tries {
					c := of("poll://one/")
					if live.admit(c, &Limits{SubscriptionConnections: limit}) != nil {
						out.Add(1)
						live.remove(c)
						continue
					}
					in.Add(1)
					if leave {
						live.remove(c)
					}
				}
			})
		}
		inside.Wait()
		return in.Load(), out.Load()
	}
	if in, out := admit(true); in == 0 || in+out != callers*tries || len(live.perName["poll://one/"]) != 0 {
		t.Errorf("those who leave again: %d admitted, %d refused, %d are left", in, out, len(live.perName["poll://one/"]))
	}
	if in, out := admit(false); in != limit || out != callers*tries-limit {
		t.Errorf("those who stay: %d admitted, %d refused", in, out)
	}
	if err := live.admit(of("poll://other/"), &Limits{SubscriptionConnections: limit}); err != nil {
		t.Errorf("another subscription: %v", err)
	}
}
