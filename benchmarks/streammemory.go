package main

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// heldRow is what both ends together hold in memory while a stream goes through,
// at most, and what they allocate for it in all.
type heldRow struct {
	Peer               string
	Up, Down           []float64 // bytes held, for each of the sizes
	AllocUp, AllocDown float64   // bytes allocated, for the first of the sizes
}

// heldSizes shows whether what is held grows with the stream.
func (s *suite) heldSizes() []int64 {
	return either(s.short, []int64{streamSize, 4 * streamSize}, []int64{streamSize})
}

func (s *suite) held() error {
	s.report.HeldSizes = s.heldSizes()
	for _, p := range downloaders() {
		row, err := measureHeld(s.network, p, s.report.HeldSizes)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		s.report.Held = append(s.report.Held, row)
	}
	return nil
}

func measureHeld(n *network, p peer, sizes []int64) (row heldRow, err error) {
	opened, err := p.open(n)
	if err != nil {
		return row, err
	}
	defer opened.Close()
	row.Peer = p.name
	s := opened.(streamer)
	for _, direction := range []struct {
		move  func(context.Context, int64) error
		held  *[]float64
		alloc *float64
	}{{s.upload, &row.Up, &row.AllocUp}, {s.download, &row.Down, &row.AllocDown}} {
		if err := moveWithin(direction.move, 1<<20); err != nil { // connect
			return row, err
		}
		for _, size := range sizes {
			held, err := heldWhile(func() error { return moveWithin(direction.move, size) })
			if err != nil {
				return row, err
			}
			*direction.held = append(*direction.held, held)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := moveWithin(direction.move, sizes[0]); err != nil {
			return row, err
		}
		runtime.ReadMemStats(&after)
		*direction.alloc = float64(after.TotalAlloc - before.TotalAlloc)
	}
	return row, nil
}

func moveWithin(move func(context.Context, int64) error, size int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	return move(ctx, size)
}

// heldPause is the time between two looks at the heap.
const heldPause = 2 * time.Millisecond

// heldWhile is by how much more of the heap is reachable at most while something
// runs than before it. What is garbage already does not count: how much of it
// there is says more about the collector than about the peer.
func heldWhile(run func() error) (float64, error) {
	for range 2 { // the second time empties the pools of buffers
		runtime.GC()
	}
	before := reachable()
	done := make(chan error, 1)
	go func() { done <- run() }()
	most := before
	for {
		most = max(most, reachable())
		select {
		case err := <-done:
			return float64(most - before), err
		case <-time.After(heldPause):
		}
	}
}

func reachable() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
