//go:build !linux

package soak

// becomeAgents: the agents' process is for where memory can be measured.
func becomeAgents() {}
