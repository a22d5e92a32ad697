package websocket

import (
	"os"
	"sync"
	"time"
)

// deadline is the deadline of reads or of writes. As with a net.Conn it may be
// moved while one waits, and one that passes while none does harms nobody.
type deadline struct {
	expire func() // ends what waits

	mu      sync.Mutex
	at      time.Time
	timer   *time.Timer
	waiting bool
	expired bool // under the one that waits
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	d.at = t
	if d.timer != nil {
		d.timer.Stop()
	}
	switch left := time.Until(t); {
	case t.IsZero():
	case left <= 0:
		d.mu.Unlock()
		d.fire()
		return
	case d.timer == nil:
		d.timer = time.AfterFunc(left, d.fire)
	default:
		d.timer.Reset(left)
	}
	d.mu.Unlock()
}

// fire ends what waits, if the deadline has not been moved in the meantime.
func (d *deadline) fire() {
	d.mu.Lock()
	over := d.waiting && d.passed()
	d.expired = d.expired || over
	d.mu.Unlock()
	if over {
		d.expire()
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && time.Until(d.at) <= 0 }

// begin fails when the deadline has passed.
func (d *deadline) begin() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.passed() {
		return os.ErrDeadlineExceeded
	}
	d.waiting, d.expired = true, false
	return nil
}

// end reports whether the deadline has passed since begin.
func (d *deadline) end() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = false
	return d.expired
}
