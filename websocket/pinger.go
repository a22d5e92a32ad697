package websocket

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	defaultPing = 30 * time.Second
	pongWait    = 20 * time.Second
)

// pinger sends pings: they keep proxies between from taking the connection for
// dead, and find out when it is. It holds no goroutine while it waits.
type pinger struct {
	c     *conn
	every time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	running sync.WaitGroup
}

// start begins; every is the pause between pings, 0 the default, negative none.
func (p *pinger) start(c *conn, every time.Duration) {
	if every == 0 {
		every = defaultPing
	}
	p.c, p.every = c, every
	if every > 0 {
		p.mu.Lock()
		p.timer = time.AfterFunc(every, p.ping)
		p.mu.Unlock()
	}
}

func (p *pinger) ping() {
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return
	}
	p.running.Add(1)
	p.mu.Unlock()
	defer p.running.Done()

	before := p.c.reads.Load()
	ctx, cancel := context.WithTimeout(p.c.ctx, pongWait)
	err := p.c.ws.Ping(ctx)
	cancel()
	// A pong is seen by whoever reads. That none was seen means something only
	// when somebody has waited for bytes all the time.
	if errors.Is(err, context.DeadlineExceeded) && before%2 == 1 && p.c.reads.Load() == before {
		p.c.cut(fmt.Errorf("the peer has answered no ping within %s", pongWait))
		return
	}
	p.mu.Lock()
	if !p.stopped {
		p.timer.Reset(p.every)
	}
	p.mu.Unlock()
}

// stop returns when no ping is under way.
func (p *pinger) stop() {
	p.mu.Lock()
	p.stopped = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	p.running.Wait()
}
