package exchange

// turn is held by one goroutine at a time. It is a lock for those who may hold
// it while they wait for the peer: a sync.Mutex is for moments, and time in a
// testing/synctest bubble stands still while somebody waits for one.
type turn chan struct{}

func (t turn) take() { t <- struct{}{} }

func (t turn) tryTake() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t turn) give() { <-t }
