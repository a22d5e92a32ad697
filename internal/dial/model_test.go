package dial_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// model is what a pool of one key must do, in the plainest words. Each getter
// is in one of three states: it waits, it opens, or it has a connection.
type model struct {
	maxOpen, maxIdle int
	idle             []*fake // the last used is at the end
	inUse            []*fake
	opening          []*getter
	waiting          []*getter
}

type getter struct {
	ctx    context.Context
	cancel context.CancelFunc
	open   chan *fake // nil: opening fails
	conn   *fake
	reused bool
	err    error
	done   bool
}

func (m *model) open() int { return len(m.idle) + len(m.inUse) + len(m.opening) }

// settle serves those who wait for as long as there is something to serve.
func (m *model) settle() {
	for len(m.waiting) > 0 && (len(m.idle) > 0 || m.open() < m.maxOpen) {
		g := m.waiting[0]
		m.waiting = m.waiting[1:]
		m.serve(g)
	}
}

func (m *model) serve(g *getter) {
	if n := len(m.idle); n > 0 {
		g.conn, g.reused, g.done = m.idle[n-1], true, true
		m.idle = m.idle[:n-1]
		m.inUse = append(m.inUse, g.conn)
		return
	}
	m.opening = append(m.opening, g)
}

func without[T comparable](from []T, what T) []T {
	return slices.DeleteFunc(slices.Clone(from), func(v T) bool { return v == what })
}

// TestPoolModel plays random games with a pool and with the model.
func TestPoolModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		maxOpen, maxIdle := rapid.IntRange(1, 4).Draw(r, "MaxOpen"), rapid.IntRange(0, 3).Draw(r, "MaxIdle")
		moves := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) move {
			return move{rapid.IntRange(0, 5).Draw(r, "kind"), rapid.IntRange(0, 59).Draw(r, "n")}
		}), 150, 300).Draw(r, "moves")
		var failure string
		synctest.Test(t, func(*testing.T) { failure = play(maxOpen, maxIdle, moves) })
		if failure != "" {
			r.Fatal(failure)
		}
	})
}

// game is a pool beside its model.
type game struct {
	pool     pool
	model    model
	getters  []*getter // in the order of their Get
	expected map[*getter]*getter
}

// move is what happens next, and to which of those that it may happen to.
type move struct{ kind, n int }

func play(maxOpen, maxIdle int, moves []move) (failure string) {
	g := &game{
		pool:     pool{MaxOpen: maxOpen, MaxIdle: maxIdle},
		model:    model{maxOpen: maxOpen, maxIdle: maxIdle},
		expected: make(map[*getter]*getter),
	}
	defer g.end()
	for _, move := range moves {
		g.make(move.kind, move.n)
		synctest.Wait()
		if failure = g.compare(); failure != "" {
			return failure
		}
	}
	return ""
}

func pick[T any](from []T, n int) (picked T, ok bool) {
	if len(from) == 0 {
		return picked, false
	}
	return from[n%len(from)], true
}

func (g *game) make(kind, n int) {
	m := &g.model
	switch kind {
	case 0:
		g.get()
	case 1: // an opening ends, well or badly
		if mine, ok := pick(m.opening, n); ok {
			var conn *fake
			m.opening = without(m.opening, mine)
			if n%4 < 3 {
				conn = new(fake)
				m.inUse = append(m.inUse, conn)
			} else {
				mine.err = errGone
			}
			mine.conn, mine.done = conn, true
			m.settle()
			g.expected[mine].open <- conn
		}
	case 2: // a connection is given back, perhaps a dead one
		if conn, ok := pick(m.inUse, n); ok {
			m.inUse = without(m.inUse, conn)
			if n%5 == 4 {
				conn.end()
			}
			if conn.Err() == nil && len(m.idle) < m.maxIdle {
				m.idle = append(m.idle, conn)
			}
			m.settle()
			g.pool.Put("k", conn)
		}
	case 3: // one in use ends
		if conn, ok := pick(m.inUse, n); ok {
			m.inUse = without(m.inUse, conn)
			m.settle()
			conn.end()
			g.pool.Remove("k", conn)
		}
	case 4: // an idle one ends
		if conn, ok := pick(m.idle, n); ok {
			m.idle = without(m.idle, conn)
			m.settle()
			conn.end()
			g.pool.Remove("k", conn)
		}
	case 5: // one who waits gives up
		if mine, ok := pick(m.waiting, n); ok {
			m.waiting = without(m.waiting, mine)
			mine.err, mine.done = context.Canceled, true
			g.expected[mine].cancel()
		}
	}
}

// get begins a Get, in the model and in life.
func (g *game) get() {
	mine := new(getter)
	if len(g.model.idle) > 0 || g.model.open() < g.model.maxOpen {
		g.model.serve(mine)
	} else {
		g.model.waiting = append(g.model.waiting, mine)
	}
	life := &getter{open: make(chan *fake, 1)}
	life.ctx, life.cancel = context.WithCancel(context.Background())
	g.expected[mine] = life
	g.getters = append(g.getters, mine)
	go func() {
		life.conn, life.reused, life.err = g.pool.Get(life.ctx, "k", func(context.Context) (*fake, error) {
			if conn := <-life.open; conn != nil {
				return conn, nil
			}
			return nil, errGone
		})
		life.done = true
	}()
}

func (g *game) compare() string {
	for _, mine := range g.getters {
		life := g.expected[mine]
		switch {
		case life.done != mine.done:
			return "a Get has returned, or has not"
		case !mine.done:
		case !errors.Is(life.err, mine.err):
			return "a Get returned another error"
		case mine.err == nil && (life.conn != mine.conn || life.reused != mine.reused):
			return "a Get returned another connection"
		}
	}
	if len(g.pool.Connections("k")) != len(g.model.idle)+len(g.model.inUse) {
		return "the pool has more connections, or fewer"
	}
	for _, conn := range g.model.idle {
		if conn.isClosed() {
			return "an idle connection was closed"
		}
	}
	return ""
}

// end lets all goroutines of the game end.
func (g *game) end() {
	for _, life := range g.expected {
		life.cancel()
		select {
		case life.open <- nil:
		default:
		}
	}
	synctest.Wait()
	g.pool.Close()
}
