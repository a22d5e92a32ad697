//go:build unix

package redisqueue

import (
	"syscall"
	"testing"
)

// pause stops the server as it stands: connections stay, and nothing is
// answered.
func (s *server) pause(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

func (s *server) resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }
