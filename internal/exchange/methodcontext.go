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

	mu        sync.Mutex
	ended     bool
	cause     error           // why it has ended
	own       context.Context // nil until somebody asks
	cancelOwn context.CancelCauseFunc
}

func (m *methodContext) cancel(cause error) {
	m.mu.Lock()
	if !m.ended {
		m.ended, m.cause = true, cause
	}
	cancel := m.cancelOwn
	m.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
}

func (m *methodContext) asked() context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.own == nil {
		m.own, m.cancelOwn = context.WithCancelCause(m.Context)
		if m.ended {
			m.cancelOwn(m.cause)
		}
	}
	return m.own
}

func (m *methodContext) Done() <-chan struct{} { return m.asked().Done() }

func (m *methodContext) Err() error {
	m.mu.Lock()
	unasked := m.own == nil && !m.ended
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
		asked = m.own
	}
	m.mu.Unlock()
	return asked.Value(key)
}
