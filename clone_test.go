package halibut_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
)

// TestClonesAreToldOnceAMinute for as long as one of them stays, and anew when
// all have left and come again.
func TestClonesAreToldOnceAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		var told traced
		s := setting{network: network, client: halibut.Options{Authorizer: pollers(t), Trace: told.trace()}}
		client := s.newClient(t)
		to := endpoint(t, s.url(serveOn(t, client, s.listen(t))), halibut.PinOf(certificates()[0]))
		come := func() (leave func()) {
			rt := s.newService(t)
			ended := make(chan error, 1)
			go func() { ended <- rt.Poll(context.Background(), subscription, to) }()
			synctest.Wait()
			return func() {
				_ = rt.Close()
				<-ended
				time.Sleep(time.Second) // until the client has seen it
			}
		}
		clones := func(when string, want int) {
			t.Helper()
			told.mu.Lock()
			defer told.mu.Unlock()
			if n := len(told.clones); n != want {
				t.Errorf("%s: %d clones were told of, want %d", when, n, want)
			}
		}
		first := come()
		clones("one alone", 0)
		second := come()
		clones("a second one", 1)
		second()
		second = come()
		clones("it comes again", 1)
		second()
		time.Sleep(time.Minute)
		second = come()
		clones("it comes again a minute later", 2)
		first()
		second()
		first = come()
		clones("one alone, after all have left", 2)
		second = come()
		clones("and its clone", 3)
		first()
		second()
	})
}
