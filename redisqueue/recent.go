package redisqueue

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// recent is a set whose members leave after a time.
type recent struct {
	mu      sync.Mutex
	until   map[uuid.UUID]time.Time
	members int // after the last sweep
}

func (r *recent) add(id uuid.UUID, life time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.insert(id, time.Now(), life)
}

// addNew adds what is not a member yet, and reports whether it did.
func (r *recent) addNew(id uuid.UUID, life time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if until, ok := r.until[id]; ok && now.Before(until) {
		return false
	}
	r.insert(id, now, life)
	return true
}

// insert does it. r.mu is held.
func (r *recent) insert(id uuid.UUID, now time.Time, life time.Duration) {
	if r.until == nil {
		r.until = make(map[uuid.UUID]time.Time)
	}
	// Looking at all members when their number has doubled is a constant cost
	// for each that was added.
	if len(r.until) > 2*r.members+1000 {
		for id, until := range r.until {
			if now.After(until) {
				delete(r.until, id)
			}
		}
		r.members = len(r.until)
	}
	r.until[id] = now.Add(life)
}

func (r *recent) remove(id uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.until, id)
}

func (r *recent) has(id uuid.UUID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.until[id]
	return ok && time.Now().Before(until)
}
