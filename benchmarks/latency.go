package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// latencies of calls, in seconds.
type latencies []float64

func (l latencies) percentile(p float64) float64 {
	if len(l) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l))
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*p/100))]
}

// paced calls at a fixed pace until ctx ends, and tells how long each call took.
// A call that comes late because the one before it was slow counts from when it
// was due: who waits behind a slow call waits too.
func paced(ctx context.Context, every time.Duration, call func(context.Context) error) (took latencies, err error) {
	p, err := newPace(every)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		took = make(latencies, 0, max(0, time.Until(deadline)/every)+1) // so that it does not grow, and leave garbage, meanwhile
	}
	stop := context.AfterFunc(ctx, p.close)
	defer func() {
		if stop() {
			p.close()
		}
	}()
	for {
		due, err := p.wait()
		if err != nil {
			return took, nil // closed
		}
		for woken := time.Now(); due > 0 && ctx.Err() == nil; due-- {
			// The last of them was due now, those before it so many ticks ago.
			begun := woken.Add(-time.Duration(due-1) * every)
			if err := call(context.Background()); err != nil {
				return took, err
			}
			took = append(took, time.Since(begun).Seconds())
		}
	}
}

// latencyRow is one line of a table about latencies; times are in seconds.
type latencyRow struct {
	Peer     string
	Values   []float64 // as the columns of its table say
	Ratio    spread
	perRound []float64
}

func pacedAll(calls []func(context.Context) error, every, d time.Duration) (latencies, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		all     latencies
		failed  error
	)
	for i, call := range calls {
		running.Go(func() {
			time.Sleep(every * time.Duration(i) / time.Duration(len(calls)))
			took, err := paced(ctx, every, call)
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, took...), errors.Join(failed, err)
		})
	}
	running.Wait()
	return all, failed
}

// statusEvery is how often somebody asks for the status.
const statusEvery = 2 * time.Millisecond

// besideUpload compares short calls with nothing else under way with the same
// calls while a stream of that size is sent to the same service.
func besideUpload(n *network, peers []peer, size int64, rounds int, idle time.Duration) ([]latencyRow, error) {
	rows := make([]latencyRow, len(peers))
	opened := make([]streamer, len(peers))
	calls := make([]func(context.Context) error, len(peers))
	for i, p := range peers {
		rows[i].Peer = p.name
		s, err := p.open(n)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		opened[i] = s.(streamer)
		if calls[i], err = s.caller(hello); err != nil {
			return nil, err
		}
		if _, _, err := duringUpload(opened[i], calls[i], size/16); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	type both struct{ alone, beside latencies }
	all := make([]both, len(peers))
	speeds := make([][]float64, len(peers))
	for round := range rounds {
		for i := range peers {
			which := (i + round) % len(peers)
			alone, err := pacedAll(calls[which:which+1], statusEvery, idle)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", peers[which].name, err)
			}
			beside, seconds, err := duringUpload(opened[which], calls[which], size)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", peers[which].name, err)
			}
			all[which].alone = append(all[which].alone, alone...)
			all[which].beside = append(all[which].beside, beside...)
			speeds[which] = append(speeds[which], float64(size)/seconds)
			rows[which].perRound = append(rows[which].perRound, beside.percentile(99)/alone.percentile(99))
		}
	}
	for i := range rows {
		rows[i].Values = []float64{
			all[i].alone.percentile(50), all[i].alone.percentile(99),
			all[i].beside.percentile(50), all[i].beside.percentile(99), spreadOf(speeds[i]).Median,
		}
		rows[i].Ratio = spreadOf(rows[i].perRound)
	}
	return rows, nil
}

func duringUpload(s streamer, call func(context.Context) error, size int64) (took latencies, seconds float64, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var asking sync.WaitGroup
	var asked error
	asking.Go(func() { took, asked = paced(ctx, statusEvery, call) })
	begun := time.Now()
	limited, stop := context.WithTimeout(context.Background(), callLimit)
	defer stop()
	err = s.upload(limited, size)
	seconds = time.Since(begun).Seconds()
	cancel()
	asking.Wait()
	return took, seconds, errors.Join(err, asked)
}
