package queuetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/halibut-go/halibut/queue"
)

var randomTests = []test{{"RandomCallsAndFaults", randomCallsAndFaults}}

// fate is what happened to one call of the randomised test.
type fate struct {
	mu        sync.Mutex
	pins      []string
	started   int // times that a collector was told to send, and did not take that back
	withdrawn int // times that one was told to send and gave the request back
	taken     int // times that a collector's response was taken
}

// randomCallsAndFaults runs callers that give up and collectors that lose their
// connections against each other, and checks the outcome of each call against
// what the collectors saw of it.
func randomCallsAndFaults(f *fixture) {
	seed := rand.Uint64()
	f.Logf("seed %d", seed)
	const callers, calls, collectors = 8, 60, 4
	fates := make([]fate, callers*calls)
	ctx, stop := context.WithCancel(f.Context())
	defer stop()
	var calling, working sync.WaitGroup
	for i := range collectors {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		peer := []queue.Peer{alice, bob}[i%2]
		working.Go(func() {
			for ctx.Err() == nil {
				f.collectAtRandom(ctx, random, peer, fates)
			}
		})
	}
	for i := range callers {
		random := rand.New(rand.NewPCG(seed, uint64(1000+i)))
		calling.Go(func() {
			for j := range calls {
				f.callAtRandom(ctx, random, i*calls+j, fates)
			}
		})
	}
	calling.Wait()
	stop()
	working.Wait()
	f.eventually("the queue is empty", func() bool {
		a, b := f.sender.Stats(), f.collector.Stats()
		return a.Length == 0 && b.Length == 0 && b.Collected == 0 && b.Waiting == 0
	})
}

// callAtRandom makes one call and compares its outcome with its fate.
func (f *fixture) callAtRandom(ctx context.Context, random *rand.Rand, i int, fates []fate) {
	call := &fates[i]
	call.pins = [][]string{nil, nil, {alice.Thumbprint}, {bob.SHA256, alice.SHA256}, {"nobody"}}[random.IntN(5)]
	opts := queue.SendOptions{Pins: call.pins, PickUp: time.Duration(1+random.IntN(20)) * time.Millisecond}
	if random.IntN(2) == 0 && !slices.Contains(call.pins, "nobody") {
		opts.PickUp = patience
	}
	if random.IntN(3) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(3000))*time.Microsecond)
		defer cancel()
	}
	id := fmt.Sprint(i)
	r, err := f.sender.Send(ctx, request(id), opts)

	call.mu.Lock()
	defer call.mu.Unlock()
	var e *queue.Error
	switch {
	case err == nil:
		if r.ID != id || call.taken != 1 || call.started != 1 {
			f.Errorf("call %s got response %s; responses taken %d, started %d", id, r.ID, call.taken, call.started)
		}
	case !errors.As(err, &e) || r != nil:
		f.Errorf("call %s returned %v, %v", id, r, err)
	case f.apart():
	case call.taken != 0:
		f.Errorf("call %s failed with %v although its response was taken", id, err)
	case e.Stage.Sent() && call.started+call.withdrawn == 0, !e.Stage.Sent() && call.started > 0:
		f.Errorf("call %s failed at stage %v, but was started %d times: %v", id, e.Stage, call.started, err)
	case !errors.Is(err, queue.ErrNotCollected) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errDied):
		f.Errorf("call %s failed with %v", id, err)
	}
}

// collectAtRandom collects one request and lets something happen to it.
func (f *fixture) collectAtRandom(ctx context.Context, random *rand.Rand, peer queue.Peer, fates []fate) {
	d, ok := f.collector.TryNext(peer)
	if !ok {
		wait, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(2000))*time.Microsecond)
		defer cancel()
		var err error
		if d, err = f.collector.Next(wait, peer); err != nil {
			return
		}
	}
	var i int
	if _, err := fmt.Sscan(d.Request().ID, &i); err != nil {
		f.Errorf("a foreign request: %v", err)
		return
	}
	call := &fates[i]
	call.mu.Lock() // so that the caller compares with what is complete
	defer call.mu.Unlock()
	if !peer.MayCollect(call.pins) {
		f.Errorf("call %d, bound to %v, was delivered to %+v", i, call.pins, peer)
	}
	if random.IntN(4) == 0 {
		d.Return(errDied)
		return
	}
	if !d.Started() {
		return
	}
	if call.started++; call.started > 1 {
		f.Errorf("call %d was started twice", i)
	}
	switch random.IntN(5) {
	case 0:
		d.Fail(errDied)
	case 1:
		call.started--
		call.withdrawn++
		d.Return(errDied)
	case 2:
		<-time.After(time.Duration(random.IntN(1000)) * time.Microsecond)
		fallthrough
	default:
		if d.Respond(response(fmt.Sprint(i))) {
			call.taken++
		}
	}
}
