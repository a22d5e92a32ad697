package dial_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut/internal/dial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a connection that says how it is.
type fake struct {
	mu     sync.Mutex
	err    error
	closed int
	stuck  chan struct{} // Close waits for it
}

func (f *fake) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

var errGone = errors.New("gone")

func (f *fake) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = errGone
}

func (f *fake) Close() error {
	if f.stuck != nil {
		<-f.stuck
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = errGone
	f.closed++
	return nil
}

func (f *fake) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed > 0
}

type pool = dial.Pool[string, *fake]

func fresh(context.Context) (*fake, error) { return new(fake), nil }

func mustGet(t *testing.T, p *pool, key string, reused bool) *fake {
	t.Helper()
	conn, was, err := p.Get(t.Context(), key, fresh)
	if err != nil || was != reused {
		t.Fatalf("reused %v, %v; want reused %v", was, err, reused)
	}
	return conn
}

// TestLastUsedIsTakenFirst, so that the others grow old and go.
func TestLastUsedIsTakenFirst(t *testing.T) {
	p := &pool{MaxIdle: 3}
	a, b := mustGet(t, p, "k", false), mustGet(t, p, "k", false)
	p.Put("k", a)
	p.Put("k", b)
	if got := mustGet(t, p, "k", true); got != b {
		t.Error("the other one was taken")
	}
	if got := mustGet(t, p, "k", true); got != a {
		t.Error("a third one was taken")
	}
}

func TestKeysAreApart(t *testing.T) {
	p := &pool{MaxIdle: 1, MaxOpen: 1}
	a := mustGet(t, p, "a", false)
	p.Put("a", a)
	mustGet(t, p, "b", false)
	if got := mustGet(t, p, "a", true); got != a {
		t.Error("not the connection of the key")
	}
}

func TestDeadOnesAreNotHandedOut(t *testing.T) {
	p := &pool{MaxIdle: 3}
	a, b := mustGet(t, p, "k", false), mustGet(t, p, "k", false)
	p.Put("k", a)
	p.Put("k", b)
	b.end()
	if got := mustGet(t, p, "k", true); got != a {
		t.Error("a dead connection was handed out")
	}
	a.end()
	p.Put("k", a)
	if !a.isClosed() {
		t.Error("a dead connection was kept")
	}
	mustGet(t, p, "k", false)
}

func TestNoMoreIdleOnesThanTold(t *testing.T) {
	p := &pool{MaxIdle: 1}
	a, b := mustGet(t, p, "k", false), mustGet(t, p, "k", false)
	p.Put("k", a)
	p.Put("k", b)
	if a.isClosed() || !b.isClosed() {
		t.Errorf("closed: %v and %v", a.isClosed(), b.isClosed())
	}
	p.Remove("k", a)
	if all := p.Connections("k"); len(all) != 0 {
		t.Errorf("%d connections are left", len(all))
	}
	p.Remove("unknown", a) // has no effect
	p.Put("k", a)          // was forgotten
	if !a.isClosed() {
		t.Error("a connection that the pool does not know was kept")
	}
}

// TestFailedOpeningsMakeRoom for those who wait.
func TestFailedOpeningsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{MaxOpen: 1, MaxIdle: 1}
		fail := make(chan struct{})
		go func() {
			_, _, err := p.Get(t.Context(), "k", func(context.Context) (*fake, error) { <-fail; return nil, errGone })
			if !errors.Is(err, errGone) {
				t.Errorf("Get: %v", err)
			}
		}()
		synctest.Wait()
		got := make(chan *fake)
		go func() { got <- mustGet(t, p, "k", false) }()
		synctest.Wait()
		close(fail)
		<-got
	})
}

// TestWaitersAreServedInOrder, one for each connection that comes back, and
// those who give up pass their turn on.
func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{MaxOpen: 1, MaxIdle: 1}
		conn := mustGet(t, p, "k", false)
		var order []int
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 4 {
			ctx := ctx
			if i != 1 {
				ctx = t.Context()
			}
			go func() {
				got, _, err := p.Get(ctx, "k", fresh)
				if i == 1 {
					if !errors.Is(err, context.Canceled) {
						t.Errorf("who gave up got %v", err)
					}
					return
				}
				if err != nil {
					t.Error(err)
				}
				order = append(order, i)
				p.Put("k", got)
			}()
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		p.Put("k", conn)
		synctest.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 2 || order[2] != 3 {
			t.Errorf("served in the order %v", order)
		}
	})
}

// TestTurnOfOneWhoGaveUp: the connection came back at the same moment.
func TestTurnOfOneWhoGaveUp(t *testing.T) {
	for range 200 {
		p := &pool{MaxOpen: 1, MaxIdle: 1}
		conn := mustGet(t, p, "k", false)
		ctx, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(func() {
			if got, _, err := p.Get(ctx, "k", fresh); err == nil {
				p.Put("k", got)
			}
		})
		both.Go(func() {
			got, _, err := p.Get(t.Context(), "k", fresh)
			if err != nil {
				t.Error(err)
			}
			p.Put("k", got)
		})
		go cancel()
		p.Put("k", conn)
		both.Wait()
		cancel()
	}
}

func TestDrain(t *testing.T) {
	p := &pool{MaxOpen: 2, MaxIdle: 2}
	idle, used := mustGet(t, p, "k", false), mustGet(t, p, "k", false)
	p.Put("k", idle)
	p.Drain()
	if !idle.isClosed() || used.isClosed() {
		t.Errorf("closed: idle %v, in use %v", idle.isClosed(), used.isClosed())
	}
	late := mustGet(t, p, "k", false)
	for _, conn := range []*fake{used, late} {
		p.Put("k", conn)
		if !conn.isClosed() {
			t.Error("a pool that drains kept a connection")
		}
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{MaxOpen: 2, MaxIdle: 2}
		idle, used := mustGet(t, p, "k", false), mustGet(t, p, "k", false)
		opening, opened := make(chan struct{}), make(chan error)
		late := new(fake)
		go func() {
			_, _, err := p.Get(t.Context(), "other", func(context.Context) (*fake, error) { <-opening; return late, nil })
			opened <- err
		}()
		waited := make(chan error)
		go func() {
			_, _, err := p.Get(t.Context(), "k", fresh)
			waited <- err
		}()
		synctest.Wait()
		p.Close()
		if err := <-waited; !errors.Is(err, dial.ErrPoolClosed) {
			t.Errorf("who waited got %v", err)
		}
		close(opening)
		if err := <-opened; !errors.Is(err, dial.ErrPoolClosed) || !late.isClosed() {
			t.Errorf("who was opening got %v; closed: %v", err, late.isClosed())
		}
		if _, _, err := p.Get(t.Context(), "k", fresh); !errors.Is(err, dial.ErrPoolClosed) {
			t.Errorf("Get afterwards: %v", err)
		}
		if !idle.isClosed() || !used.isClosed() {
			t.Error("a connection is left open")
		}
		p.Put("k", used)
		p.Close()
	})
}

// TestStuckConnectionHoldsUpNoOther: closing happens outside the lock, and all
// at once.
func TestStuckConnectionHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{MaxIdle: 2}
		stuck := &fake{stuck: make(chan struct{})}
		conn, _, err := p.Get(t.Context(), "k", func(context.Context) (*fake, error) { return stuck, nil })
		if err != nil {
			t.Fatal(err)
		}
		other := mustGet(t, p, "k", false)
		p.Put("k", conn)
		p.Put("k", other)
		drained := make(chan struct{})
		go func() { p.Drain(); close(drained) }()
		synctest.Wait()
		if !other.isClosed() {
			t.Error("the other connection waits for the stuck one")
		}
		mustGet(t, p, "k", false)
		close(stuck.stuck)
		<-drained
	})
}

// TestPoolUnderLoad: never more than MaxOpen, never one connection twice.
func TestPoolUnderLoad(t *testing.T) {
	p := &pool{MaxOpen: 3, MaxIdle: 2}
	var open, most atomic.Int32
	inUse := make(map[*fake]bool)
	var mu sync.Mutex
	var callers sync.WaitGroup
	for i := range 20 {
		callers.Go(func() {
			for n := range 200 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(n%7)*50*time.Microsecond)
				if n%7 == 0 {
					ctx, cancel = context.WithCancel(context.Background())
				}
				conn, _, err := p.Get(ctx, "k", fresh)
				cancel()
				if err != nil {
					continue
				}
				if now := open.Add(1); now > most.Load() {
					most.Store(now)
				}
				mu.Lock()
				if inUse[conn] {
					t.Error("a connection was given out twice")
				}
				inUse[conn] = true
				mu.Unlock()
				mu.Lock()
				delete(inUse, conn)
				mu.Unlock()
				open.Add(-1)
				if (n+i)%5 == 0 {
					conn.end()
					p.Remove("k", conn)
				} else {
					p.Put("k", conn)
				}
			}
		})
	}
	callers.Wait()
	if most.Load() > 3 {
		t.Errorf("%d connections in use at once", most.Load())
	}
	if all := p.Connections("k"); len(all) > 2 {
		t.Errorf("%d connections are left", len(all))
	}
}
