//go:build race

package soak

// raceEnabled: the race detector needs memory of its own.
const raceEnabled = true
