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
	Key   string
	Title string
	Unit  string // the peer whose time is 1
	peers []peer
	// open, if not nil, stands in for a session that stays open over all rounds.
	network *network
	// prepare opens what a peer needs; measure then takes one time, in seconds.
	prepare func(session) (measure func() (seconds float64, err error), err error)
}

// result is what became of one peer in a comparison.
type result struct {
	Peer    string
	Seconds []float64 // in each round, a call or what else the case measures
	Ratios  []float64 // to the unit in the same round
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
	measures := make([]func() (float64, error), len(c.peers))
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
		for i := range c.peers {
			which := (i + round) % len(c.peers)
			seconds, err := measures[which]()
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", c.Title, c.peers[which].name, err)
			}
			results[which].Seconds = append(results[which].Seconds, seconds)
		}
	}
	for i := range results {
		for round, seconds := range results[i].Seconds {
			results[i].Ratios = append(results[i].Ratios, seconds/unitOf(results, c.Unit).Seconds[round])
		}
	}
	return results, nil
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
func callsFor(d time.Duration, callers int, p payload) func(session) (func() (float64, error), error) {
	return func(s session) (func() (float64, error), error) {
		calls := make([]func(context.Context) error, callers)
		for i := range calls {
			var err error
			if calls[i], err = s.caller(p); err != nil {
				return nil, err
			}
		}
		if _, err := callAll(calls, d/3); err != nil { // connect, and warm what is pooled
			return nil, err
		}
		return func() (float64, error) { return callAll(calls, d) }, nil
	}
}

// callLimit ends a call that hangs.
const callLimit = time.Minute

func callAll(calls []func(context.Context) error, d time.Duration) (seconds float64, err error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	hung := time.AfterFunc(d+callLimit, func() { cancel(fmt.Errorf("a call took longer than %s", callLimit)) })
	defer hung.Stop()
	counts := make([]struct {
		calls int
		_     [56]byte // a cache line for each
	}, len(calls))
	var running sync.WaitGroup
	begun := time.Now()
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
	took := time.Since(begun)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	n := 0
	for _, c := range counts {
		n += c.calls
	}
	return took.Seconds() / float64(n), nil
}

// streamed measures how long one stream of that size takes.
func streamed(size int64, move func(streamer, context.Context, int64) error) func(session) (func() (float64, error), error) {
	return func(s session) (func() (float64, error), error) {
		once := func() (float64, error) {
			ctx, cancel := context.WithTimeout(context.Background(), callLimit)
			defer cancel()
			begun := time.Now()
			err := move(s.(streamer), ctx, size)
			return time.Since(begun).Seconds(), err
		}
		_, err := once()
		return once, err
	}
}

// connected measures how long it takes to open a connection and to make a call on
// it. The peer that accepts is there already, and each time the one that
// dials is new.
func connected(times int) func(session) (func() (float64, error), error) {
	return func(s session) (func() (float64, error), error) {
		once := func() (float64, error) {
			begun := time.Now()
			for range times {
				if err := s.(reconnecter).reconnect(context.Background()); err != nil {
					return 0, err
				}
			}
			return time.Since(begun).Seconds() / float64(times), nil
		}
		_, err := once()
		return once, err
	}
}

// reconnecter is a session that can begin anew: it closes its connections, opens
// one, and makes a call of hello on it.
type reconnecter interface{ reconnect(context.Context) error }
