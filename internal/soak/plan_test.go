package soak

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/halibut-go/halibut/halibuttest"
)

// plan says what is done and what goes wrong, all of it from one seed. In what
// order goroutines come to it is not in its hands.
type plan struct {
	seed  uint64
	pause time.Duration // the longest pause of a fault
	wait  time.Duration // the longest wait of a method, and of a caller that gives up
	life  time.Duration // the longest time until a side is restarted
}

// What the numbers of a plan are for: each has a sequence of its own.
const (
	forCalls = iota
	forConnections
	forRestarts
)

func (p plan) random(what, n int) *rand.Rand {
	return rand.New(rand.NewPCG(p.seed+uint64(what), uint64(n)))
}

// size is log-uniform: as many below 100 bytes as between 100 and 10,000.
func size(r *rand.Rand, most int64) int64 {
	return int64(math.Exp(r.Float64()*math.Log(float64(most)+1))) - 1
}

// faults are those of the n-th connection: sooner or later it ends, by one of
// those that end one.
func (p plan) faults(n int) []halibuttest.Fault {
	r := p.random(forConnections, n)
	endings := []halibuttest.FaultKind{halibuttest.Cut, halibuttest.Reset, halibuttest.Stall, halibuttest.BlackHole, halibuttest.Drop}
	after := r.Int64N(1 << 18)
	if r.IntN(5) == 0 {
		after = size(r, 5000) // in the handshake or soon after
	}
	faults := []halibuttest.Fault{{
		Kind: endings[r.IntN(len(endings))], Flow: halibuttest.Flow(r.IntN(2)),
		After: after, Size: 1 + int(size(r, 10_000)),
	}}
	switch r.IntN(6) {
	case 0:
		faults = append(faults, halibuttest.Fault{
			Kind: halibuttest.Delay, Flow: halibuttest.Flow(r.IntN(2)), After: size(r, 100_000),
			Pause: time.Duration(r.Int64N(int64(p.pause))),
		})
	case 1:
		faults = append(faults, halibuttest.Fault{
			Kind: halibuttest.Drip, Flow: halibuttest.Flow(r.IntN(2)), After: size(r, 100_000),
			Size: 500 + r.IntN(5000), Pause: time.Duration(r.Int64N(int64(p.pause))) / 20,
		})
	}
	return faults
}

// onDialler and onListener share the connections out: the faulty side of one in
// two is who dialled.
func (p plan) onDialler(n int) []halibuttest.Fault {
	if n%2 == 0 {
		return p.faults(n)
	}
	return nil
}

func (p plan) onListener(n int) []halibuttest.Fault {
	if n%2 == 1 {
		return p.faults(n)
	}
	return nil
}

// plannedRestart is one of a side.
type plannedRestart struct {
	after    time.Duration
	client   bool
	patience time.Duration // of Shutdown; 0 is Close
}

// restart is the n-th restart.
func (p plan) restart(n int) plannedRestart {
	r := p.random(forRestarts, n)
	next := plannedRestart{after: time.Duration(r.Int64N(int64(p.life))), client: r.IntN(2) == 0}
	if r.IntN(3) > 0 {
		next.patience = 1 + time.Duration(size(r, int64(p.life)))
	}
	return next
}

// plannedCall is one call.
type plannedCall struct {
	id      string
	method  string
	size    int64
	content uint64        // the seed of its bytes
	wait    time.Duration // of the method Slow
	patient bool          // false: the caller gives up after patience
	after   time.Duration
	cancel  bool  // gives up by cancelling, not by a deadline
	once    bool  // its stream can be read once
	lie     int64 // its stream has so many bytes more than declared
}

var methods = []string{"Echo", "Echo", "Upload", "UploadLive", "Download", "Transform", "Slow", "Fail"}

func (p plan) call(run string, n int) plannedCall {
	r := p.random(forCalls, n)
	c := plannedCall{
		id:      fmt.Sprintf("%s-%d", run, n),
		method:  methods[r.IntN(len(methods))],
		size:    size(r, 300_000),
		content: r.Uint64(),
		wait:    time.Duration(size(r, int64(p.wait))),
		patient: r.IntN(5) > 0,
		after:   time.Duration(size(r, int64(p.wait))),
		cancel:  r.IntN(2) == 0,
		once:    r.IntN(10) == 0,
	}
	if r.IntN(100) == 0 {
		c.size = 1<<20 + size(r, 2<<20) // does not stay in memory
	}
	if r.IntN(50) == 0 && c.size > 1 {
		c.lie = 2*r.Int64N(2) - 1
	}
	return c
}

func (c plannedCall) String() string {
	s := fmt.Sprintf("call %s of %s with %d bytes", c.id, c.method, c.size)
	if c.lie != 0 {
		s += fmt.Sprintf(" declared and %d in its stream", c.size+c.lie)
	}
	if !c.patient {
		s += fmt.Sprintf(", given up after %s", c.after)
	}
	return s
}

// bytes yields the content of a seed, or that with each bit the other way.
type bytesOf struct {
	source  *rand.ChaCha8
	flipped bool
}

func newBytes(seed uint64, flipped bool) *bytesOf {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return &bytesOf{rand.NewChaCha8(key), flipped}
}

func (b *bytesOf) Read(p []byte) (int, error) {
	n, err := b.source.Read(p)
	if b.flipped {
		for i := range p[:n] {
			p[i] = ^p[i]
		}
	}
	return n, err
}
