//go:build unix

package main

import (
	"syscall"
	"testing"
)

// TestSignal presses Ctrl-C. The generated file is still to be sent then.
func TestSignal(t *testing.T) {
	ctx, stop := interruptible()
	defer stop()
	status, stdout, stderr := runWatched(t, ctx, []string{"demo"}, "Two throwaway identities", 1, func() {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
			t.Error(err)
		}
	})
	checkInterrupted(t, status, stdout, stderr)
}
