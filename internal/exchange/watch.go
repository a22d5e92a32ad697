package exchange

import (
	"sync/atomic"
	"time"
)

// watchAfter is how long a method runs before its connection is watched. Most
// have ended by then, and cost no second goroutine.
const watchAfter = 5 * time.Millisecond

// watch reads a connection while the goroutine that owns it does something
// else for long, so that the end of the connection is seen when it comes.
type watch struct {
	link  *link
	owner interface {
		gone(error) // told once why nothing more comes, in the watching goroutine
	}
	timer *time.Timer
	done  chan error // one for each time that somebody watched
	fired bool       // the owner's: a watching goroutine has the reader

	// The timer is not set for each method and stopped after it: it runs on
	// while methods come and go, and finds none that it has seen before.
	state atomic.Uint32
	runs  atomic.Uint64 // how often start was called
	seen  atomic.Uint64 // runs when the timer fired last
	armed atomic.Bool   // the timer runs
}

// What a watch is there for at the moment.
const (
	unneeded uint32 = iota
	needed          // between start and stop
	watching        // a goroutine reads
)

// start has the connection watched when it takes longer than watchAfter until
// stop, and at most twice as long. The reader then belongs to the watching
// goroutine until wait.
func (w *watch) start() {
	w.link.perRead = 0
	if w.timer == nil {
		w.done = make(chan error, 1)
		w.timer = time.AfterFunc(time.Hour, w.run)
		w.timer.Stop()
	}
	w.runs.Add(1)
	w.state.Store(needed)
	w.arm()
}

func (w *watch) arm() {
	if !w.armed.Swap(true) {
		w.timer.Reset(watchAfter)
	}
}

// run is what the timer does.
func (w *watch) run() {
	w.armed.Store(false)
	if w.state.Load() != needed {
		return // who starts from here on finds that the timer does not run
	}
	if runs := w.runs.Load(); w.seen.Swap(runs) != runs {
		w.arm()
		return
	}
	if !w.state.CompareAndSwap(needed, watching) {
		return
	}
	err := w.link.reader.Wait()
	if err != nil {
		w.owner.gone(err)
	}
	w.done <- err
}

// stop ends the watch if it has not begun.
func (w *watch) stop() { w.fired = !w.state.CompareAndSwap(needed, unneeded) }

// wait gives the reader back: when a byte is there, if the watch had begun.
func (w *watch) wait() error {
	if !w.fired {
		return nil
	}
	w.fired = false
	return <-w.done
}
