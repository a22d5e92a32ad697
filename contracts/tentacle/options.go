package tentacle

import (
	"log/slog"
	"math"
	"time"

	"github.com/halibut-go/halibut"
)

// Options are the choices of [NewClient]. Nil and the zero value are valid.
type Options struct {
	// KeepCapabilities is how long the Tentacle's answer to which services it
	// has is used again: 10 minutes, as in .NET. Negative asks each time.
	KeepCapabilities time.Duration
	// Repeat says how calls are made again whose connection failed: those that
	// certainly did not run, and besides all that change nothing when they run
	// twice, which are asking, cancelling, moving files, and starting a script
	// under a ticket of our own. {Tries: 1, Window: -1} makes each call once.
	Repeat halibut.Repeat
	// Pause is how long to wait before asking a running script's state for the
	// n-th time, n from 1. Nil: 300 ms, growing by 15 % each time to 5 s.
	Pause func(n int) time.Duration
	// Grace is how long after the end of its context RunScript tries to end the
	// script and to clean up after it: 1 minute.
	Grace time.Duration
	// Logger gets what goes wrong and is no error. Nil is silent.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var options Options
	if o != nil {
		options = *o
	}
	if options.KeepCapabilities == 0 {
		options.KeepCapabilities = 10 * time.Minute
	}
	if options.Pause == nil {
		options.Pause = growingPause
	}
	if options.Grace <= 0 {
		options.Grace = time.Minute
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return options
}

func growingPause(n int) time.Duration {
	const first, last = 300 * time.Millisecond, 5 * time.Second
	return time.Duration(min(float64(last), float64(first)*math.Pow(1.15, float64(n-1))))
}
