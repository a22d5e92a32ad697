//go:build !linux

// Package pseudoterminal runs programs on a terminal, for tests and pictures.
package pseudoterminal

import (
	"errors"
	"os/exec"
)

// Terminal is a pseudo-terminal, which is made on Linux alone.
type Terminal struct{}

// Open fails.
func Open(_, _ int) (*Terminal, error) {
	return nil, errors.New("terminals for programs are made on Linux alone")
}

// Close does nothing.
func (*Terminal) Close() error { return nil }

// Type does nothing.
func (*Terminal) Type(string) error { return nil }

// TypeUnseen does nothing.
func (*Terminal) TypeUnseen(string) error { return nil }

// Run does nothing.
func (*Terminal) Run(*exec.Cmd, func(string)) error { return nil }
