package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// comparison is one case that several peers run in the same way, one after the
// other in each round.
type comparison struct {
	Key     string
	Title   string
	Unit    string // the peer whose time is 1
	peers   []peer
	network *network
	// turns is how often each peer is measured in a round, one after the other:
	// what disturbs the machine for longer than that disturbs all of them. 0 is 1.
	turns int
	// prepare has a session ready to be measured.
	prepare func(session) (measure, error)
}

// measure takes one measurement.
type measure func() (taken, error)

// taken is how long one call, or what else is measured, took: on the clock, and
// on the processors, by both ends together. Who else uses the machine changes
// the second less.
type taken struct{ seconds, cpu float64 }

// each divides what has passed since begun and used among n.
func each(begun time.Time, used time.Duration, n int) taken {
	seconds := time.Since(begun).Seconds()
	return taken{seconds / float64(n), (cpuTime() - used).Seconds() / float64(n)}
}

// result is what became of one peer in a comparison.
type result struct {
	Peer    string
	Seconds []float64 // in each round, a call or what else the case measures
	Ratios  []float64 // to the unit in the same round
	CPU     []float64 // seconds on the processors; 0 where the system does not tell
	OfCPU   []float64 // the ratios of these
}

// spread is the middle of some values and what they lie between.
type spread struct{ Median, Low, High float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return spread{median, sorted[0], sorted[len(sorted)-1]}
}

// run measures all peers in all rounds. Each round begins with another peer, so
// that none always comes after the same one.
func (c *comparison) run(rounds int) ([]result, error) {
	results := make([]result, len(c.peers))
	measures := make([]measure, len(c.peers))
	for i, p := range c.peers {
		results[i].Peer = p.name
		s, err := p.open(c.network)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", c.Title, p.name, err)
		}
		defer s.Close()
		if measures[i], err = c.prepare(s); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", c.Title, p.name, err)
		}
	}
	for round := range rounds {
		took, err := c.round(round, measures)
		if err != nil {
			return nil, err
		}
		for i := range results {
			results[i].Seconds = append(results[i].Seconds, took[i].seconds)
			results[i].CPU = append(results[i].CPU, took[i].cpu)
		}
	}
	for i := range results {
		unit := unitOf(results, c.Unit)
		for round, seconds := range results[i].Seconds {
			results[i].Ratios = append(results[i].Ratios, seconds/unit.Seconds[round])
			if unit.CPU[round] > 0 {
				results[i].OfCPU = append(results[i].OfCPU, results[i].CPU[round]/unit.CPU[round])
			}
		}
	}
	return results, nil
}

// round is what each peer took in one round.
func (c *comparison) round(round int, measures []measure) ([]taken, error) {
	all := make([]taken, len(measures))
	turns := max(c.turns, 1)
	for turn := range turns {
		for i := range measures {
			which := (i + round + turn) % len(measures)
			took, err := measures[which]()
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", c.Title, c.peers[which].name, err)
			}
			all[which].seconds += took.seconds / float64(turns)
			all[which].cpu += took.cpu / float64(turns)
		}
	}
	return all, nil
}

func unitOf(results []result, name string) result {
	for _, r := range results {
		if r.Peer == name {
			return r
		}
	}
	panic("benchmarks: no peer is called " + name)
}

// callsFor makes callers call for as long as d, all at once, and returns how long
// a call took: the time that passed, divided by the number of calls.
func callsFor(d time.Duration, callers int, p payload) func(session) (measure, error) {
	return func(s session) (measure, error) {
		calls, err := prepared(s, callers, p)
		if err != nil {
			return nil, err
		}
		if _, err := callAll(calls, warmUp); err != nil { // connect, and warm what is pooled
			return nil, err
		}
		return func() (taken, error) { return callAll(calls, d) }, nil
	}
}

// prepared are so many callers of a session.
func prepared(s session, callers int, p payload) (calls []func(context.Context) error, err error) {
	calls = make([]func(context.Context) error, callers)
	for i := range calls {
		if calls[i], err = s.caller(p); err != nil {
			return nil, err
		}
	}
	return calls, nil
}

// warmUp is how long calls are made before the first that is measured.
const warmUp = 70 * time.Millisecond

// callLimit ends a call that hangs.
const callLimit = time.Minute

func callAll(calls []func(context.Context) error, d time.Duration) (taken, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	hung := time.AfterFunc(d+callLimit, func() { cancel(fmt.Errorf("a call took longer than %s", callLimit)) })
	defer hung.Stop()
	counts := make([]struct {
		calls int
		_     [56]byte // a cache line for each
	}, len(calls))
	var running sync.WaitGroup
	begun, used := time.Now(), cpuTime()
	for i, call := range calls {
		running.Go(func() {
			for time.Since(begun) < d {
				if err := call(ctx); err != nil {
					cancel(err)
					return
				}
				counts[i].calls++
			}
		})
	}
	running.Wait()
	took := each(begun, used, 1)
	if ctx.Err() != nil {
		return taken{}, context.Cause(ctx)
	}
	n := 0
	for _, c := range counts {
		n += c.calls
	}
	return taken{took.seconds / float64(n), took.cpu / float64(n)}, nil
}

// streamed measures how long one stream of that size takes.
func streamed(size int64, move func(streamer, context.Context, int64) error) func(session) (measure, error) {
	return func(s session) (measure, error) {
		once := func() (taken, error) {
			ctx, cancel := context.WithTimeout(context.Background(), callLimit)
			defer cancel()
			begun, used := time.Now(), cpuTime()
			err := move(s.(streamer), ctx, size)
			return each(begun, used, 1), err
		}
		_, err := once()
		return once, err
	}
}

// connected measures how long it takes to open a connection and to make a call on
// it. The peer that accepts is there already, and each time the one that
// dials is new.
func connected(times int) func(session) (measure, error) {
	return func(s session) (measure, error) {
		once := func() (taken, error) {
			begun, used := time.Now(), cpuTime()
			for range times {
				if err := s.(reconnecter).reconnect(context.Background()); err != nil {
					return taken{}, err
				}
			}
			return each(begun, used, times), nil
		}
		_, err := once()
		return once, err
	}
}

// reconnecter is a session that can begin anew: it closes its connections, opens
// one, and makes a call of hello on it.
type reconnecter interface{ reconnect(context.Context) error }
