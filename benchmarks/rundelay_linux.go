package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// runDelay is for how long threads of this process, together, were ready and
// waited for a processor.
func runDelay() time.Duration {
	threads, _ := filepath.Glob("/proc/self/task/*/schedstat") // the pattern is well-formed
	var all time.Duration
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		var ran, waited, times int64
		if _, err := fmt.Sscan(string(text), &ran, &waited, &times); err == nil {
			all += time.Duration(waited)
		}
	}
	return all
}
