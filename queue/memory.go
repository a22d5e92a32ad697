package queue

import (
	"fmt"
	"sync"
)

// Options are the limits of a Memory. Zero is the default, negative is off.
type Options struct {
	// Length is how many requests may wait in one subscription's queue, 10,000
	// by default. Requests that a collector holds do not count. Beyond it Send
	// fails at once with ErrFull.
	Length int

	// Subscriptions is how many queues there may be at once, 100,000 by
	// default. Queues that are empty and unused go away first; beyond it
	// Provider.Queue fails with ErrFull.
	Subscriptions int
}

func (o *Options) length() int {
	if o == nil || o.Length == 0 {
		return 10_000
	}
	return o.Length
}

func (o *Options) subscriptions() int {
	if o == nil || o.Subscriptions == 0 {
		return 100_000
	}
	return o.Subscriptions
}

// Memory is a Provider whose requests live in this process. It has no
// goroutine of its own.
type Memory struct {
	length        int
	subscriptions int

	// The channels on which Send and Next wait. They belong to the Memory, not
	// to the package, because a channel may not leave a testing/synctest bubble.
	signals    sync.Pool
	collectors sync.Pool

	mu     sync.RWMutex
	queues map[string]*memoryQueue
	sweep  int // how many queues there may be before the unused ones are removed
	closed bool
}

var _ Provider = (*Memory)(nil)

// leastSweep is the number of queues up to which it does not pay to look for
// unused ones.
const leastSweep = 64

// NewMemory returns a Provider whose requests live in this process. A nil opts
// is all defaults.
func NewMemory(opts *Options) *Memory {
	return &Memory{
		length:        opts.length(),
		subscriptions: opts.subscriptions(),
		signals:       sync.Pool{New: func() any { return make(chan struct{}, 1) }},
		collectors:    sync.Pool{New: func() any { return &collector{ready: make(chan struct{}, 1)} }},
		queues:        make(map[string]*memoryQueue),
		sweep:         leastSweep,
	}
}

// Queue implements Provider.
func (m *Memory) Queue(subscription string) (Queue, error) {
	m.mu.RLock()
	q := m.queues[subscription]
	m.mu.RUnlock()
	if q != nil {
		return q, nil
	}
	q, err := m.attach(&memoryQueue{memory: m, subscription: subscription})
	if err != nil {
		return nil, err
	}
	return q, nil
}

// attach makes q the queue of its subscription unless there is one, and returns
// the one that there is. A queue that was removed while somebody kept it comes
// back this way.
func (m *Memory) attach(q *memoryQueue) (*memoryQueue, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	if live := m.queues[q.subscription]; live != nil {
		return live, nil
	}
	full := func() bool { return m.subscriptions > 0 && len(m.queues) >= m.subscriptions }
	if len(m.queues) >= m.sweep || full() {
		m.removeUnused()
	}
	if full() {
		return nil, fmt.Errorf("%w: %d subscriptions have a queue in use, which is the limit (Options.Subscriptions)", ErrFull, len(m.queues))
	}
	q.mu.Lock()
	q.removed = false
	q.mu.Unlock()
	m.queues[q.subscription] = q
	return q, nil
}

// removeUnused looks at all queues; as it runs only when their number has
// doubled, that is a constant cost for each queue made. m.mu is held.
func (m *Memory) removeUnused() {
	for name, q := range m.queues {
		if q.removeIfUnused() {
			delete(m.queues, name)
		}
	}
	m.sweep = max(leastSweep, 2*len(m.queues))
}

// Close implements Provider. Its error is always nil.
func (m *Memory) Close() error {
	m.mu.Lock()
	queues := m.queues
	m.queues, m.closed = nil, true
	m.mu.Unlock()
	for _, q := range queues {
		q.close()
	}
	return nil
}
