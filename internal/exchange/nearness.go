package exchange

import "time"

// Compression says which documents are compressed.
type Compression uint8

const (
	CompressAuto   Compression = iota // those for a peer that is not near
	CompressAlways                    // all that are long enough and get shorter by it
	CompressNever
)

// What compressing is worth is arithmetic (docs/decisions/018): a byte of a document
// takes some 8 ns to compress and to inflate again, and three of four bytes are saved.
// That is time won where a byte takes longer than 11 ns to send, on links below some
// 750 Mbit/s. Links that are faster are short: round trips of less than nearTrip are
// those of one machine, one rack or one building.
const (
	nearTrip = 500 * time.Microsecond

	// nearMost is the longest document that goes uncompressed, for links that
	// are short and slow all the same, or shared by many.
	nearMost = 4 << 20

	// A longer document than timedFrom tells how fast the link is, or the peer.
	// If a byte took longer than slowByte, the next slowFor such documents are
	// compressed, and then one is tried again.
	timedFrom = 256 << 10
	slowByte  = 16 * time.Nanosecond
	slowFor   = 16
)

// Whoever dialled knows the round trip from the exchange of identities. The other
// side may see none that holds no work of the peer's, and follows the example that
// it is given: a peer that does not compress what it could finds this one near.
// That is no proof, and counts for nothing while every round trip that was seen is
// longer than farTrip.
const farTrip = 2 * time.Millisecond

// nearness is what a connection knows about the way to the peer. The goroutine
// that writes messages has it, which is the one that reads what answers them.
type nearness struct {
	trip  time.Duration // the shortest time between a write and its answer; 0: none is known
	wrote time.Time     // when the write began that is to be answered; zero: none
	slow  int           // so many long documents are compressed yet
	shown bool          // the peer has sent a document that it could have compressed
}

// answered takes the time at which the answer to the last write began to come, or
// zero where nobody looked. That is no less than the round trip, and the shortest is
// close to it.
func (n *nearness) answered(at time.Time) {
	if n.wrote.IsZero() || at.IsZero() {
		return
	}
	if trip := at.Sub(n.wrote); trip > 0 && (n.trip == 0 || trip < n.trip) {
		n.trip = trip
	}
	n.shown = n.shown && !n.far()
	n.wrote = time.Time{}
}

func (n *nearness) far() bool { return n.trip > farTrip }

func (n *nearness) is() bool { return n.shown || (n.trip > 0 && n.trip < nearTrip) }

// compresses decides about a document of about that many bytes.
func (l *link) compresses(length int) bool {
	if compression := l.config.Compression; compression != CompressAuto {
		return compression == CompressAlways
	}
	switch n := &l.near; {
	case !n.is() || length > nearMost:
		return true
	case length > timedFrom && n.slow > 0:
		n.slow--
		return true
	}
	return false
}

// learn takes the example of a document that has come.
func (l *link) learn(document []byte) {
	if l.config.Compression == CompressAuto && !l.near.is() && !l.near.far() {
		l.near.shown = l.reader.Uncompressed(document)
	}
}

// took takes how long the write of a message took that was not compressed.
func (n *nearness) took(length int, d time.Duration) {
	if length > timedFrom && d > time.Duration(length)*slowByte {
		n.slow = slowFor
	}
}
