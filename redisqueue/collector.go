package redisqueue

import (
	"slices"

	"github.com/halibut-go/halibut/queue"
)

// collector is one Next, or one TryNext. The queue's lock guards delivery, until
// ready.
type collector struct {
	peer      queue.Peer
	waits     bool          // for as long as it takes: it is a Next
	ready     chan struct{} // one signal, when the collector is out of the list
	announced bool          // other nodes know that it waits
	delivery  *delivery     // nil: the queue was closed, or there is nothing for a TryNext
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

// waiting is how many wait for as long as it takes.
func (cs collectors) waiting() int {
	n := 0
	for _, w := range cs {
		if w.waits {
			n++
		}
	}
	return n
}

// like is how many have the pins of a peer.
func (cs collectors) like(peer queue.Peer) int {
	n := 0
	for _, w := range cs {
		if pinsOf(w.peer) == pinsOf(peer) {
			n++
		}
	}
	return n
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
