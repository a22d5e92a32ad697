package soak

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/halibuttest"
	"github.com/halibut-go/halibut/internal/memnet"
)

var (
	calls = flag.Int("calls", 1200, "how many calls TestFaults makes")
	seed  = flag.Uint64("seed", 0, "the seed of a run that is to be repeated; 0: a new one")
)

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }

// memory is a network in memory.
type memory struct{ memnet.Network }

func (m *memory) Listen(addr string) (net.Listener, error) {
	return m.Network.Listen(cmp.Or(addr, "soak:0"))
}

func (m *memory) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return m.Network.DialContext(ctx, network, addr)
}

func newSeed() uint64 {
	if *seed != 0 {
		return *seed
	}
	return rand.Uint64()
}

// Sides are not restarted in virtual time: what Shutdown says may have to wait
// for a write that waits for its limit, and time stands still while somebody
// waits for a sync.Mutex. TestSoak does it.
var faultRuns = []string{"listening", "listening, repeating", "polling", "polling, repeating"}

// TestFaults makes calls of every kind over connections that all fail sooner or
// later, and compares what callers were told with what ran. Time is virtual, and
// limits are those that a runtime has by itself.
func TestFaults(t *testing.T) {
	halibuttest.Certificate("client") // outside of the bubble
	halibuttest.Certificate("service")
	seed := newSeed()
	t.Logf("go test ./internal/soak -run %s -calls %d -seed %d", t.Name(), *calls, seed)
	descriptors := countDescriptors()
	counts := newLedger()
	for number, name := range faultRuns {
		t.Run(name, func(t *testing.T) {
			l, dir, calls := newLedger(), t.TempDir(), *calls/len(faultRuns)
			synctest.Test(t, func(t *testing.T) {
				r := &run{
					name: fmt.Sprint(number + 1), polling: strings.HasPrefix(name, "polling"),
					repeat:  strings.HasSuffix(name, "repeating"),
					plan:    plan{seed: seed + uint64(number), pause: 2 * time.Second, wait: 4 * time.Minute},
					tempDir: dir, network: new(memory), ledger: l,
				}
				r.start(t)
				r.callers(t, 12, func(n int) bool { return n <= calls })
				r.stop()
			})
			settled(t, l)
			leftFiles(t, dir)
			t.Log(l)
			counts.add(l)
			if ok := l.counts["ok"]; ok < calls*2/5 { // it is two thirds or more
				t.Errorf("%d of %d calls succeeded: does a side wait for what never comes?", ok, calls)
			}
		})
	}
	if after := countDescriptors(); after > descriptors {
		t.Errorf("%d descriptors were open before, %d are after", descriptors, after)
	}
	tallyUp(t, seed, counts)
}

// settled reports what does not agree in a ledger.
func settled(t *testing.T, l *ledger) {
	t.Helper()
	const shown = 10
	wrong := l.settle()
	for i, what := range wrong {
		if i == shown {
			t.Errorf("and %d more", len(wrong)-shown)
			return
		}
		t.Error(what)
	}
}

func leftFiles(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%d temporary files are left, %s among them", len(left), left[0].Name())
	}
}

// countDescriptors is how many descriptors the process has, 0 where the system
// does not tell. Pipes do not count: one by which streams give way is kept.
func countDescriptors() (n int) {
	if runtime.GOOS != "linux" {
		return 0
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	for _, fd := range open {
		if name, _ := os.Readlink("/proc/self/fd/" + fd.Name()); !strings.HasPrefix(name, "pipe:") {
			n++
		}
	}
	return n
}
