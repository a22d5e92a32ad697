package exchange

import (
	"context"
	"sync"
)

// methodContext is the context of a method that runs. It ends with that of its
// connection, or by cancel. Most methods never wait for its end: only for those
// that ask is a context made that can tell.
type methodContext struct {
	context.Context // of the connection

	mu    sync.Mutex
	cause error   // why it has ended; nil while it has not
	own   *ending // nil until somebody asks
}

// ending is a context that can tell of its end.
type ending struct {
	context.Context
	cancel context.CancelCauseFunc
}

func (m *methodContext) cancel(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	m.mu.Lock()
	if m.cause == nil {
		m.cause = cause
	}
	own := m.own
	m.mu.Unlock()
	if own != nil {
		own.cancel(cause)
	}
}

func (m *methodContext) asked() context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.own == nil {
		m.own = new(ending)
		m.own.Context, m.own.cancel = context.WithCancelCause(m.Context)
		if m.cause != nil {
			m.own.cancel(m.cause)
		}
	}
	return m.own.Context
}

func (m *methodContext) Done() <-chan struct{} { return m.asked().Done() }

func (m *methodContext) Err() error {
	m.mu.Lock()
	unasked := m.own == nil && m.cause == nil
	m.mu.Unlock()
	if unasked {
		return m.Context.Err()
	}
	return m.asked().Err()
}

// Value asks the context that was made, by whose value package context knows it.
func (m *methodContext) Value(key any) any {
	m.mu.Lock()
	asked := m.Context
	if m.own != nil {
		asked = m.own.Context
	}
	m.mu.Unlock()
	return asked.Value(key)
}
