package halibut

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// peerCalls bounds how many calls of one peer run at once, over all of its
// connections. A call beyond the limit waits for another one's end: nothing is
// lost, and only its peer pays for it.
type peerCalls struct {
	limit int // 0: none
	mu    sync.Mutex
	peers map[Pin]*callPlaces
}

// callPlaces are those of one peer.
type callPlaces struct {
	taken       chan struct{}
	connections int       // guarded by peerCalls.mu
	told        time.Time // when it was told last that calls wait; guarded by peerCalls.mu
}

// caller is the context of the calls that come over a connection of a peer.
type caller struct {
	context.Context
	peer   *Peer
	places *callPlaces // nil: no limit
	calls  *peerCalls
}

func (c *caller) Value(key any) any {
	if key == (peerKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// leave is called when the connection has ended.
func (c *caller) leave() { c.calls.leave(c.peer.SHA256) }

// join counts a connection of a peer that calls, until leave.
func (c *peerCalls) join(pin Pin) *callPlaces {
	if c.limit == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	places := c.peers[pin]
	if places == nil {
		places = &callPlaces{taken: make(chan struct{}, c.limit)}
		if c.peers == nil {
			c.peers = make(map[Pin]*callPlaces)
		}
		c.peers[pin] = places
	}
	places.connections++
	return places
}

func (c *peerCalls) leave(pin Pin) {
	if c.limit == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if places := c.peers[pin]; places != nil {
		if places.connections--; places.connections == 0 {
			delete(c.peers, pin)
		}
	}
}

// contextOf is the context of the calls that come over a connection of peer, to
// be left when the connection ends.
func (rt *Runtime) contextOf(ctx context.Context, peer *Peer) *caller {
	return &caller{ctx, peer, rt.peerCalls.join(peer.SHA256), &rt.peerCalls}
}

// placesOf are the places for the calls of a context's peer, nil without a
// limit.
func placesOf(ctx context.Context) *callPlaces {
	if from, ok := ctx.Value(peerKey{}).(*caller); ok {
		return from.places
	}
	return nil
}

// take takes a place for a call, and waits for one where all are taken. waits,
// which may be called by several at once, is told then.
func (p *callPlaces) take(ctx context.Context, waits func(context.Context)) error {
	if p == nil || p.tryTake() != nil {
		return nil
	}
	waits(ctx)
	select {
	case p.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the call waited for others of the same peer, of which %d ran (Limits.PeerCalls): %w", cap(p.taken), context.Cause(ctx))
	}
}

// full reports whether all places are taken.
func (p *callPlaces) full() bool { return p != nil && len(p.taken) == cap(p.taken) }

// tryTake takes a place if there is one. It returns whom to give it back to.
func (p *callPlaces) tryTake() *callPlaces {
	if p == nil {
		return nil
	}
	select {
	case p.taken <- struct{}{}:
		return p
	default:
		return nil
	}
}

// free gives a place back.
func (p *callPlaces) free() {
	if p != nil {
		<-p.taken
	}
}

// callWaits logs that calls of a context's peer wait, at most once a minute.
func (rt *Runtime) callWaits(ctx context.Context) {
	from := ctx.Value(peerKey{}).(*caller) // it has places
	rt.peerCalls.mu.Lock()
	now := time.Now()
	quiet := now.Sub(from.places.told) < waitingPause
	if !quiet {
		from.places.told = now
	}
	rt.peerCalls.mu.Unlock()
	if !quiet {
		rt.log.Warn("calls wait: too many of one peer run at once (Limits.PeerCalls)", "limit", cap(from.places.taken), "peer", *from.peer)
	}
}

// waitingPause is the time between two reports about one peer.
const waitingPause = time.Minute
