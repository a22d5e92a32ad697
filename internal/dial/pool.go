package dial

import (
	"context"
	"errors"
	"sync"
)

// Conn is a connection that a pool can keep.
type Conn interface {
	comparable
	// Err is why the connection ended, nil while it is alive.
	Err() error
	Close() error
}

// ErrPoolClosed is what Get returns after Close.
var ErrPoolClosed = errors.New("the pool is closed")

// Pool keeps the connections of each key: those in use, counted against
// MaxOpen, and idle ones, of which the last used is taken first. The zero
// value with limits set is ready. It never closes a connection under its lock:
// a peer that takes nothing holds up nobody else.
type Pool[K comparable, C Conn] struct {
	MaxOpen int // connections of one key, in use and idle; further callers wait. 0: no limit
	MaxIdle int // idle connections of one key. 0: none is kept

	mu       sync.Mutex
	keys     map[K]*shelf[C]
	draining bool // no connection is kept any more
	closed   bool // nor opened
}

// shelf is what the pool has of one key.
type shelf[C Conn] struct {
	idle    []C // the last used is at the end
	inUse   map[C]struct{}
	opening int
	waiters []chan struct{} // first come, first served; each is told once that there may be room
}

func (s *shelf[C]) open() int { return len(s.idle) + len(s.inUse) + s.opening }

// Get takes an idle connection, or opens one; it waits while MaxOpen are in
// use. reused tells an idle connection from a new one.
func (p *Pool[K, C]) Get(ctx context.Context, key K, open func(context.Context) (C, error)) (conn C, reused bool, err error) {
	for {
		conn, reused, wait, err := p.take(key)
		if err != nil || reused {
			return conn, reused, err
		}
		if wait == nil {
			break
		}
		select {
		case <-wait:
		case <-ctx.Done():
			p.giveUp(key, wait)
			return conn, false, ctx.Err()
		}
	}
	conn, err = open(ctx)
	return conn, false, p.opened(key, conn, err)
}

// take takes an idle connection, or the right to open one (no wait), or a
// place among those who wait.
func (p *Pool[K, C]) take(key K) (conn C, reused bool, wait chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return conn, false, nil, ErrPoolClosed
	}
	s := p.keys[key]
	if s == nil {
		s = &shelf[C]{inUse: make(map[C]struct{})}
		if p.keys == nil {
			p.keys = make(map[K]*shelf[C])
		}
		p.keys[key] = s
	}
	for len(s.idle) > 0 {
		last := len(s.idle) - 1
		conn = s.idle[last]
		s.idle = s.idle[:last]
		if conn.Err() == nil {
			s.inUse[conn] = struct{}{}
			return conn, true, nil, nil
		}
	}
	if p.MaxOpen > 0 && s.open() >= p.MaxOpen {
		wait = make(chan struct{})
		s.waiters = append(s.waiters, wait)
		var none C
		return none, false, wait, nil
	}
	s.opening++
	var none C
	return none, false, nil, nil
}

// opened books what came of opening a connection.
func (p *Pool[K, C]) opened(key K, conn C, err error) error {
	p.mu.Lock()
	s := p.keys[key]
	s.opening--
	closed := p.closed
	if err == nil && !closed {
		s.inUse[conn] = struct{}{}
	} else {
		p.roomLocked(key, s)
	}
	p.mu.Unlock()
	if err == nil && closed {
		_ = conn.Close()
		return ErrPoolClosed
	}
	return err
}

// Put gives a connection back that can be used again.
func (p *Pool[K, C]) Put(key K, conn C) {
	p.mu.Lock()
	s := p.keys[key]
	if s == nil {
		p.mu.Unlock()
		_ = conn.Close()
		return
	}
	delete(s.inUse, conn)
	keep := !p.draining && conn.Err() == nil && len(s.idle) < p.MaxIdle
	if keep {
		s.idle = append(s.idle, conn)
	}
	p.roomLocked(key, s)
	p.mu.Unlock()
	if !keep {
		_ = conn.Close()
	}
}

// Remove forgets a connection, in use or idle, that has ended.
func (p *Pool[K, C]) Remove(key K, conn C) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.keys[key]
	if s == nil {
		return
	}
	delete(s.inUse, conn)
	for i, idle := range s.idle {
		if idle == conn {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			break
		}
	}
	p.roomLocked(key, s)
}

// giveUp leaves the queue of those who wait; if its turn had come already, the
// next one is told instead.
func (p *Pool[K, C]) giveUp(key K, wait chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.keys[key]
	if s == nil {
		return
	}
	for i, w := range s.waiters {
		if w == wait {
			s.waiters = append(s.waiters[:i], s.waiters[i+1:]...)
			p.roomLocked(key, s)
			return
		}
	}
	p.roomLocked(key, s)
}

// roomLocked tells the first who waits that there may be room, and drops a
// shelf that holds nothing.
func (p *Pool[K, C]) roomLocked(key K, s *shelf[C]) {
	if len(s.waiters) > 0 && (len(s.idle) > 0 || p.closed || s.open() < p.MaxOpen) {
		close(s.waiters[0])
		s.waiters = s.waiters[1:]
	}
	if s.open() == 0 && len(s.waiters) == 0 {
		delete(p.keys, key)
	}
}

// Connections are the open connections of key, idle and in use.
func (p *Pool[K, C]) Connections(key K) []C {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[key].all()
}

func (s *shelf[C]) all() []C {
	if s == nil {
		return nil
	}
	all := append([]C(nil), s.idle...)
	for conn := range s.inUse {
		all = append(all, conn)
	}
	return all
}

// Drain closes the idle connections and keeps none from now on: what is given
// back is closed. Get goes on opening connections, for what is under way.
func (p *Pool[K, C]) Drain() {
	p.mu.Lock()
	p.draining = true
	var idle []C
	for key, s := range p.keys {
		idle = append(idle, s.idle...)
		s.idle = nil
		p.roomLocked(key, s)
	}
	p.mu.Unlock()
	closeAll(idle)
}

// Close closes every connection, those in use too, and Get fails from now on.
func (p *Pool[K, C]) Close() {
	p.mu.Lock()
	p.draining, p.closed = true, true
	var conns []C
	for _, s := range p.keys {
		conns = append(conns, s.all()...)
		for _, w := range s.waiters {
			close(w)
		}
		s.waiters = nil
	}
	p.mu.Unlock()
	closeAll(conns)
}

// closeAll closes connections at the same time: one whose peer takes nothing
// holds up no other.
func closeAll[C Conn](conns []C) {
	var closing sync.WaitGroup
	for _, conn := range conns {
		closing.Go(func() { _ = conn.Close() })
	}
	closing.Wait()
}
