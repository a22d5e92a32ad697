package halibuttest

import (
	"sync"
	"time"
)

// deadline is a point in time that may be moved while somebody waits for it.
type deadline struct {
	mu      sync.Mutex
	timer   *time.Timer
	reached chan struct{}
}

func (d *deadline) init() { d.reached = make(chan struct{}) }

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.reached // the timer has fired: let it have closed the channel
	}
	d.timer = nil
	select {
	case <-d.reached:
		d.reached = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	if left := time.Until(t); left > 0 {
		reached := d.reached
		d.timer = time.AfterFunc(left, func() { close(reached) })
		return
	}
	close(d.reached)
}

// wait is closed when the deadline has passed. Whoever waits while it is moved
// goes on waiting for the earlier one, unless that had not passed.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reached
}

func (d *deadline) passed() bool {
	select {
	case <-d.wait():
		return true
	default:
		return false
	}
}
