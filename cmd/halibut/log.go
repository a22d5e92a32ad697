package main

import (
	"io"
	"log/slog"

	"github.com/lmittmann/tint"
)

// newLog writes for people where w is a terminal, and JSON where a program reads.
func newLog(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	t := newTerminal(w)
	if !t.isTerminal {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: "15:04:05.000", NoColor: !t.colours}))
}
