package queue

// Authenticator is a Provider that can say who may have queued a request. For
// one that does not implement it, anybody may have.
type Authenticator interface {
	Provider

	// Authenticates reports whether every request that Next returns was queued
	// by a program that may make calls: by this process, or by one that has
	// proved it by a key. What Authenticates reports does not change.
	Authenticates() bool
}

var _ Authenticator = (*Memory)(nil)

// Authenticates implements Authenticator: nobody outside of this process reaches
// the queues.
func (m *Memory) Authenticates() bool { return true }
