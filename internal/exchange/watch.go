package exchange

import "time"

// watchAfter is how long a method runs before its connection is watched. Most
// have ended by then, and cost no second goroutine.
const watchAfter = 5 * time.Millisecond

// watch reads a connection while the goroutine that owns it does something
// else for long, so that the end of the connection is seen when it comes.
type watch struct {
	link  *link
	ended func(error) // told once why nothing more comes, in the watching goroutine
	timer *time.Timer
	done  chan error // one for each time that the timer fired
	fired bool       // the owner's: a watching goroutine has the reader
}

// start has the connection watched from watchAfter on. The reader then belongs
// to the watching goroutine until settle or wait.
func (w *watch) start() {
	w.link.perRead = 0
	if w.timer == nil {
		w.done = make(chan error, 1)
		w.timer = time.AfterFunc(watchAfter, w.run)
		return
	}
	w.timer.Reset(watchAfter)
}

func (w *watch) run() {
	err := w.link.reader.Wait()
	if err != nil {
		w.ended(err)
	}
	w.done <- err
}

// stop ends the watch if it has not begun.
func (w *watch) stop() { w.fired = !w.timer.Stop() }

// wait gives the reader back: when a byte is there, if the watch had begun.
func (w *watch) wait() error {
	if !w.fired {
		return nil
	}
	w.fired = false
	return <-w.done
}
