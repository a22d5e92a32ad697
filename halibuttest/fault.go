package halibuttest

import (
	"fmt"
	"time"
)

// FaultKind is what a [Fault] does.
type FaultKind uint8

const (
	// Delay holds each read or write up for Pause.
	Delay FaultKind = iota
	// Drip lets Size bytes through at a time (1 if that is zero), and pauses for
	// Pause before each of them.
	Drip
	// Drop takes Size bytes away that should have come next, as something
	// broken between the peers does. The bytes after them arrive.
	Drop
	// Cut ends the connection: this side and its peer see the other one close it.
	Cut
	// Reset ends the connection as a TCP reset does, on both sides.
	Reset
	// Stall stops one direction and leaves the other as it is, as a peer does
	// that reads nothing any more: writes wait, or reads, until their deadline
	// or the connection's end.
	Stall
	// BlackHole loses everything in both directions from then on, as when a
	// peer loses its power: writes succeed until 64 KiB stand in the buffer that
	// a system would have, and then wait; nothing is ever read. The peer is not
	// told even that this side closes the connection.
	BlackHole
)

var faultNames = [...]string{"delay", "drip", "drop", "cut", "reset", "stall", "black hole"}

// String is the kind in words, such as "black hole".
func (k FaultKind) String() string {
	if int(k) < len(faultNames) {
		return faultNames[k]
	}
	return fmt.Sprintf("FaultKind(%d)", k)
}

// Flow is a direction of a connection, seen from the side that has the faulty
// end of it.
type Flow uint8

const (
	// Writes are the bytes that this side sends.
	Writes Flow = iota
	// Reads are the bytes that it receives.
	Reads
)

// String is "writes" or "reads".
func (f Flow) String() string {
	switch f {
	case Writes:
		return "writes"
	case Reads:
		return "reads"
	default:
		return fmt.Sprintf("Flow(%d)", f)
	}
}

// Fault is what goes wrong with a connection, and when: as soon as After bytes
// have passed in the direction Flow. Those before them pass unharmed, to the
// byte. Delay, Drip, Drop and Stall harm that direction alone.
type Fault struct {
	Kind  FaultKind
	Flow  Flow
	After int64
	Size  int           // of Drop, and the portions of Drip; bytes
	Pause time.Duration // of Delay and Drip
}

// String is the fault in words, such as "cut after 100 bytes of writes".
func (f Fault) String() string {
	what := f.Kind.String()
	switch f.Kind {
	case Delay:
		what = fmt.Sprintf("delay of %s", f.Pause)
	case Drip:
		what = fmt.Sprintf("drip of %d bytes each %s", max(f.Size, 1), f.Pause)
	case Drop:
		what = fmt.Sprintf("drop of %d bytes", f.Size)
	}
	return fmt.Sprintf("%s after %d bytes of %s", what, f.After, f.Flow)
}
