package soak

import (
	"fmt"
	"sync"

	"github.com/halibut-go/halibut"
)

// ledger has an entry for each call: what its caller was told, and how often
// its method has begun to run.
type ledger struct {
	mu      sync.Mutex
	entries map[string]*entry
	wrong   []string
	counts  map[string]int    // calls by how they ended
	example map[string]string // the first error of each kind
}

type entry struct {
	call    string // in words, for whoever reads a failure
	ran     int
	told    bool
	outcome halibut.Outcome
	err     error
}

func newLedger() *ledger {
	return &ledger{entries: make(map[string]*entry), counts: make(map[string]int), example: make(map[string]string)}
}

func (l *ledger) begin(id, call string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries[id] != nil {
		l.wrong = append(l.wrong, "two calls have the id "+id)
	}
	l.entries[id] = &entry{call: call}
}

// ran is told by the service.
func (l *ledger) ran(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.entries[id]; e != nil {
		e.ran++
	} else {
		l.wrong = append(l.wrong, "a method runs for the id "+id+", which nobody has called with")
	}
}

// told is how the call ended for its caller: once.
func (l *ledger) told(id string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[id]
	if e.told {
		l.wrong = append(l.wrong, e.call+" ended twice")
	}
	e.told, e.err = true, err
	if err == nil {
		e.outcome = halibut.Ran
		l.counts["ok"]++
		return
	}
	failed, ok := err.(*halibut.Error)
	if !ok {
		l.wrong = append(l.wrong, fmt.Sprintf("%s: %v is no *halibut.Error", e.call, err))
		return
	}
	e.outcome = failed.Outcome
	kind := fmt.Sprintf("%s, %s", failed.Code, failed.Outcome)
	if l.counts[kind]++; l.counts[kind] == 1 {
		l.example[kind] = fmt.Sprintf("%s: %v", e.call, err)
	}
	if safe := failed.Outcome == halibut.NotSent || failed.Outcome == halibut.NotRun; safe != halibut.SafeToRetry(err) {
		l.wrong = append(l.wrong, fmt.Sprintf("%s: the outcome is %s and SafeToRetry %t", e.call, failed.Outcome, !safe))
	}
}

func (l *ledger) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// settle compares both sides once nothing runs any more. It returns what does
// not agree, and forgets the calls.
func (l *ledger) settle() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	wrong := l.wrong
	for _, e := range l.entries {
		least, most := 0, 1
		switch {
		case !e.told:
			wrong = append(wrong, e.call+" has no outcome")
			continue
		case e.outcome == halibut.Ran:
			least = 1
		case e.outcome == halibut.NotSent, e.outcome == halibut.NotRun:
			most = 0
		}
		if e.ran < least || e.ran > most {
			wrong = append(wrong, fmt.Sprintf("%s has run %d times, and its caller was told %q: %v", e.call, e.ran, e.outcome, e.err))
		}
	}
	clear(l.entries)
	l.wrong = nil
	return wrong
}
