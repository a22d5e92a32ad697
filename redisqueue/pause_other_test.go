//go:build !unix

package redisqueue

import "testing"

func (s *server) pause(t testing.TB) { t.Skip("a process cannot be stopped here") }

func (s *server) resume(testing.TB) {}
