package redisqueue

import (
	"slices"

	"github.com/halibut-go/halibut/queue"
)

// collector is one Next that waits. The queue's lock guards all but ready.
type collector struct {
	peer     queue.Peer
	ready    chan struct{} // one signal, after served is set
	served   bool          // out of the list: delivery is set, or nil if the queue was closed
	delivery *delivery
}

// collectors are in the order they began to wait.
type collectors []*collector

// last is the one that began to wait last among those who may have a request
// that is bound to pins. Its connection is the one most lately known to be
// alive.
func (cs collectors) last(pins []string) *collector {
	for i := len(cs) - 1; i >= 0; i-- {
		if cs[i].peer.MayCollect(pins) {
			return cs[i]
		}
	}
	return nil
}

// remove takes one out, and reports whether it was there.
func (cs *collectors) remove(w *collector) bool {
	for i := len(*cs) - 1; i >= 0; i-- {
		if (*cs)[i] == w {
			*cs = slices.Delete(*cs, i, i+1)
			return true
		}
	}
	return false
}
