package soak

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
)

var (
	soak  = flag.Duration("soak", 0, "how long TestSoak makes calls; 0 skips it")
	pairs = flag.Int("pairs", 1, "how many clients TestSoak has at once in each mode, each with a service of its own")
)

// loopback is TCP.
type loopback struct{ net.Dialer }

// Listen opens the port of a predecessor, too, which a connection from here may
// have for a moment.
func (*loopback) Listen(addr string) (l net.Listener, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) < 10*time.Second; <-tick.C {
		if l, err = net.Listen("tcp", cmp.Or(addr, "127.0.0.1:0")); err == nil || addr == "" {
			break
		}
	}
	return l, err
}

// impatient are limits with which real time suffices to run into them.
func impatient() halibut.Limits {
	return halibut.Limits{
		Handshake: 2 * time.Second, Read: time.Second, Write: time.Second, Response: 3 * time.Second, PickUp: 5 * time.Second,
		NullRequest: 500 * time.Millisecond, NullAnswer: time.Second, PollRequest: 2 * time.Second, PoolIdle: 2 * time.Second,
		NextRequest: 3 * time.Second, ConnectPause: 10 * time.Millisecond,
		ReconnectMin: 10 * time.Millisecond, ReconnectMax: time.Second,
	}
}

// resources are what a program that leaks has more of with time.
type resources struct {
	goroutines, descriptors int
	heap                    uint64
}

func measure() resources {
	runtime.GC()
	runtime.GC() // the second empties the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return resources{runtime.NumGoroutine(), countDescriptors(), m.HeapAlloc}
}

// awaitGoroutines waits until there are no more than these, for a minute at most.
func awaitGoroutines(t *testing.T, most int) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); runtime.NumGoroutine() > most && time.Since(begun) < time.Minute; {
		<-tick.C
	}
	if n := runtime.NumGoroutine(); n > most {
		t.Errorf("there are %d goroutines, want %d at most", n, most)
	}
}

func (r resources) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d KiB of heap", r.goroutines, r.descriptors, r.heap>>10)
}

// TestSoak makes calls over TCP in both modes for as long as -soak says. It
// fails on any call that was lost, ran twice or was told wrongly, and on
// goroutines, descriptors, files or memory that are left.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("it runs for as long as -soak says, such as -soak 10m")
	}
	seed := newSeed()
	t.Logf("go test ./internal/soak -run TestSoak -timeout 0 -soak %s -pairs %d -seed %d", *soak, *pairs, seed)
	// The first round fills pools and caches, and is not measured.
	round(t, seed, 0, min(*soak/10, 10*time.Second), nil)
	before := measure()
	counts := newLedger()
	number := 1
	for end := time.Now().Add(*soak); time.Now().Before(end) && !t.Failed(); number++ {
		round(t, seed, number, min(time.Until(end), time.Minute), counts)
	}
	awaitGoroutines(t, before.goroutines)
	after := measure()
	t.Logf("before: %s", before)
	t.Logf("after:  %s", after)
	t.Log(counts)
	if after.goroutines > before.goroutines {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines are left:\n%s", after.goroutines-before.goroutines, stacks[:runtime.Stack(stacks, true)])
	}
	if after.descriptors > before.descriptors {
		t.Errorf("%d descriptors are left", after.descriptors-before.descriptors)
	}
	if after.heap > before.heap+4<<20 {
		t.Errorf("%d KiB of heap are left", (after.heap-before.heap)>>10)
	}
	tallyUp(t, seed, counts)
}

// round has listening and polling services called at the same time, from fresh
// runtimes.
func round(t *testing.T, seed uint64, number int, duration time.Duration, counts *ledger) {
	l, dir := newLedger(), t.TempDir()
	end := time.Now().Add(duration)
	var running sync.WaitGroup
	connections := &recorded{network: new(loopback)}
	for i := range 2 * *pairs {
		pair, polling := i/2, i%2 == 1
		r := &run{
			name: fmt.Sprintf("%d-%d-%t", number, pair, polling), polling: polling, repeat: (number+pair)%2 == 0, restarts: (number+pair)%3 == 2,
			plan:    plan{seed: seed + uint64(number) + uint64(pair)<<32, pause: 20 * time.Millisecond, wait: 50 * time.Millisecond, life: time.Second},
			tempDir: dir, network: connections, ledger: l, limits: impatient(),
		}
		r.start(t)
		running.Go(func() {
			r.callers(t, 8, func(int) bool { return time.Now().Before(end) })
			r.stop()
		})
	}
	running.Wait()
	settled(t, l)
	leftFiles(t, dir)
	opened := connections.end()
	t.Logf("round %d: %d calls, %d connections, each with faults; %s", number, l.total(), opened, measure())
	if counts != nil {
		counts.add(l)
	}
}

// recorded keeps the connections that are opened: two ends that have both
// vanished for each other would stay, as they would not in a network.
type recorded struct {
	network
	mu    sync.Mutex
	conns []net.Conn
}

func (r *recorded) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := r.network.DialContext(ctx, network, addr)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.conns = append(r.conns, conn)
	}
	return conn, err
}

// end closes what is still open and returns how many connections there were.
func (r *recorded) end() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		_ = conn.Close()
	}
	return len(r.conns)
}

func (l *ledger) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, count := range l.counts {
		n += count
	}
	return n
}

// add takes the counts of a ledger that was settled over.
func (l *ledger) add(other *ledger) {
	for how, n := range other.counts {
		if l.counts[how] == 0 {
			l.example[how] = other.example[how]
		}
		l.counts[how] += n
	}
}
