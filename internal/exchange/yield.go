package exchange

import "time"

// yieldAfter is how many bytes of a message a connection reads, or writes, without
// a turn for others, which takes some 50 µs: four records of TLS.
const yieldAfter = 64 << 10

// turns are those that a connection gives to others while it reads, or writes, a
// long message. A stream that is never waited for, because the peer and the network
// are as fast as this side, would keep its processor for 10 ms at a time, and the
// scheduler asks the network for what else has come only when a processor has
// nothing to do, or as rarely: short calls beside the stream would take 30 ms.
type turns struct {
	moved  int           // bytes since the last one
	missed bool          // somebody else was at it
	took   time.Duration // the last one
	again  time.Time     // when the next may be
	gave   time.Duration // all of them together
}

// moves counts bytes, and gives others a turn when it is time for one, which is
// yield. Where turns take long, because others need the processors, there is none
// for as long: the stream would come to a stop.
func (t *turns) moves(n int, turn func(wait bool) bool) {
	if t.moved += n; t.moved < yieldAfter {
		return
	}
	t.moved = 0
	begun := time.Now()
	if begun.Before(t.again) {
		return
	}
	t.missed = !turn(t.missed)
	ended := time.Now()
	took := ended.Sub(begun)
	t.gave += took
	if !t.missed {
		t.again = ended.Add(min(took, t.took)) // one that was long alone means nothing
		t.took = took
	}
}
