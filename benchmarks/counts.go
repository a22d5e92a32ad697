package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
)

// counted is what one call costs that can be counted, at both ends together.
type counted struct {
	Peer   string
	Allocs float64 // objects
	Bytes  float64 // allocated
	Writes float64 // system calls; 0 where the system does not count them
}

// most of what a small call between Go peers may cost at both ends together.
// A run fails beyond it.
var most = counted{Allocs: 18, Bytes: 800, Writes: 2.3}

func countCalls(n *network, peers []peer, calls int) ([]counted, error) {
	rows := make([]counted, 0, len(peers))
	for _, p := range peers {
		row, err := countCall(n, p, calls)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func countCall(n *network, p peer, calls int) (counted, error) {
	s, err := p.open(n)
	if err != nil {
		return counted{}, err
	}
	defer s.Close()
	call, err := s.caller(hello)
	if err != nil {
		return counted{}, err
	}
	var before, after runtime.MemStats
	var writes int64
	for i := -calls / 4; i < calls; i++ {
		if i == 0 {
			writes = writeCalls()
			runtime.ReadMemStats(&before)
		}
		if err := call(context.Background()); err != nil {
			return counted{}, err
		}
	}
	runtime.ReadMemStats(&after)
	each := float64(calls)
	return counted{
		Peer:   p.name,
		Allocs: float64(after.Mallocs-before.Mallocs) / each,
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / each,
		Writes: float64(writeCalls()-writes) / each,
	}, nil
}

// writeCalls is how many writes this process has asked the system for. A few are
// those by which the runtime wakes its own threads.
func writeCalls() int64 {
	io, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	var n int64
	for lines := bufio.NewScanner(bytes.NewReader(io)); lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "syscw: %d", &n)
	}
	return n
}
