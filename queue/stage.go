package queue

import "fmt"

// Stage is how far a request had come.
type Stage uint8

// The stages. The zero Stage is not known, and must be taken for Started.
const (
	Queued    Stage = iota + 1 // no collector had it
	Collected                  // a collector had it, no byte was written
	Started                    // bytes may have been written
)

// Sent reports whether a byte of the request may have reached a peer.
func (s Stage) Sent() bool { return s != Queued && s != Collected }

// String returns the stage's name, as in "queued".
func (s Stage) String() string {
	switch s {
	case Queued:
		return "queued"
	case Collected:
		return "collected"
	case Started:
		return "started"
	}
	return fmt.Sprintf("stage %d", uint8(s))
}
