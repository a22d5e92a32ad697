package halibuttest

import "fmt"

// Direction says which side opens the connection.
type Direction uint8

const (
	// Listening is a service that listens: its client connects to it.
	Listening Direction = iota
	// Polling is a service that connects to its client and asks for work.
	Polling
)

// Directions are both of them, for tests that must hold either way.
func Directions() []Direction { return []Direction{Listening, Polling} }

// String is "listening" or "polling".
func (d Direction) String() string {
	switch d {
	case Listening:
		return "listening"
	case Polling:
		return "polling"
	default:
		return fmt.Sprintf("Direction(%d)", d)
	}
}
