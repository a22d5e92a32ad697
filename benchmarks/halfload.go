package main

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// halfLoad has each peer called at a pace at which it keeps the processors half
// busy, and compares the slowest calls with the middle ones. Half as many calls
// as callers make who do not pause would be another load: those are served many
// at a time, and a call that comes by itself takes more.
func halfLoad(n *network, peers []peer, callers, rounds int, d time.Duration) ([]latencyRow, error) {
	rows := make([]latencyRow, len(peers))
	found := make([][]loaded, len(peers))
	for round := range rounds {
		for i := range peers {
			which := (i + round) % len(peers)
			one, err := halfLoadOnce(n, peers[which], callers, d)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", peers[which].name, err)
			}
			found[which] = append(found[which], one)
		}
	}
	for i, p := range peers {
		rows[i].Peer = p.name
		var rates, busy, usual []float64
		collections := 0.0
		var all latencies
		for _, l := range found[i] {
			rates, busy = append(rates, l.rate), append(busy, l.busy)
			collections += l.collections / float64(rounds)
			all = append(all, l.took...)
			rows[i].perRound = append(rows[i].perRound, l.took.tail())
			if l.usual != nil {
				usual = append(usual, l.usual.tail())
			}
		}
		rows[i].Values = []float64{
			spreadOf(rates).Median, spreadOf(busy).Median, collections, all.percentile(50), all.percentile(99),
			spreadOf(usual).Median,
		}
		rows[i].Ratio = spreadOf(rows[i].perRound)
	}
	return rows, nil
}

// loaded is what calls at some pace came to.
type loaded struct {
	took              latencies
	rate, collections float64 // a second
	busy              float64 // share of the processors that were used; 0 where the system does not tell

	usual latencies // at the same pace without a real-time priority; nil where took is that already
}

// tail is how many times the middle call the slowest of a hundred takes.
func (l latencies) tail() float64 { return l.percentile(99) / l.percentile(50) }

// halfLoadOnce has one peer called while no other has connections: what is
// collected is its own.
func halfLoadOnce(n *network, p peer, callers int, d time.Duration) (loaded, error) {
	s, err := p.open(n)
	if err != nil {
		return loaded{}, err
	}
	defer s.Close()
	calls, err := prepared(s, callers, hello)
	if err != nil {
		return loaded{}, err
	}
	full, err := callAll(calls, d/4)
	if err != nil {
		return loaded{}, err
	}
	restore, raised := beforeOthers()
	defer restore()
	// Nobody is asked for more than four fifths of what callers make who never pause:
	// where that leaves the processors idle, a connection's own limit is in the way.
	fastest := 5 * float64(callers) * full.seconds / 4 * float64(time.Second)
	every := time.Duration(2 * float64(callers) * full.seconds * float64(time.Second))
	for range 3 {
		tried, err := load(calls, every, d/5)
		if err != nil {
			return loaded{}, err
		}
		if tried.busy == 0 {
			break
		}
		every = time.Duration(max(fastest, float64(every)*tried.busy/half))
	}
	found, err := load(calls, every, d)
	if err != nil || !raised {
		return found, err
	}
	restore()
	usual, err := load(calls, every, d)
	found.usual = usual.took
	return found, err
}

// half of the processors' time.
const half = 0.5

func load(calls []func(context.Context) error, every, d time.Duration) (loaded, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun, used := time.Now(), cpuTime()
	took, err := pacedAll(calls, every, d)
	seconds, cpu := time.Since(begun).Seconds(), (cpuTime() - used).Seconds()
	runtime.ReadMemStats(&after)
	return loaded{
		took: took, rate: float64(len(took)) / seconds, collections: float64(after.NumGC-before.NumGC) / seconds,
		busy: cpu / seconds / float64(runtime.GOMAXPROCS(0)),
	}, err
}
