package halibut

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/wire"
)

// poller is one Poll: a connection that is always made anew, and extra ones
// while all are busy.
type poller struct {
	rt           *Runtime
	ctx          context.Context // ends the Poll
	done         func()          // lets go of ctx
	subscription string
	to           Endpoint
	options      pollOptions
	extras       sync.WaitGroup

	mu       sync.Mutex
	open     int       // connections
	mainOpen bool      // the one that is always made anew is among them
	busy     int       // those with a call under way
	opening  bool      // an extra one is being opened
	limited  time.Time // until then no extra one is opened: the client refused one
	since    time.Time // when the first of the open connections was made
	heard    time.Time // when a request began or ended, or a connection was made
	failures int       // tries in a row that failed
	lastErr  error
}

// end waits for what else the Poll has started, and forgets it.
func (p *poller) end() {
	p.extras.Wait()
	p.rt.live.pollsNoMore(p)
	p.done()
}

// run keeps one connection open until the runtime or the context ends. It only
// waits, on a small stack.
func (p *poller) run() error {
	for {
		var c *pollerConnection
		err := errPollGone // unless start returns
		elsewhere(func() { c, err = p.start(false) })
		if c != nil {
			err = c.wait()
		}
		reason := err
		err = errPollGone
		elsewhere(func() { err = p.after(c, reason) })
		if err != nil {
			return err
		}
	}
}

// errPollGone: a hook or a policy of the program's own has ended the goroutine
// that it was called in.
var errPollGone = errors.New("a function that Poll has called ended its goroutine (runtime.Goexit) and did not return")

// after books the end of a connection, nil where none could be made, and passes
// the time until the next try, or tells why there is none.
func (p *poller) after(c *pollerConnection, reason error) error {
	if c != nil {
		c.closed(reason)
	}
	return p.pause(p.ctx, c != nil, reason)
}

// pause passes the time until the next try, or tells why there is none.
func (p *poller) pause(ctx context.Context, connected bool, reason error) error {
	failures := p.ended(connected, reason)
	switch {
	case p.rt.isDraining():
		return ErrClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	pause := p.options.reconnect(failures)
	p.rt.log.Warn("polling interrupted", "subscription", p.subscription, "endpoint", p.to, "error", reason, "pause", pause)
	return p.rt.pauseUnlessDraining(ctx, pause)
}

// ended books the end of a connection, or of a try to make one, and tells how
// many tries have failed since there was one.
func (p *poller) ended(connected bool, err error) (failures int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if connected {
		p.failures = 0
	}
	failures = p.failures
	p.failures++
	p.lastErr = err
	return failures
}

// start makes a connection and begins to answer the requests that come over it.
func (p *poller) start(extra bool) (*pollerConnection, error) {
	ctx := p.ctx
	session, peer, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	rt := p.rt
	rt.log.Info("polling", "subscription", p.subscription, "endpoint", p.to, "peer", peer, "extra", extra)
	service := session.Service(&rt.polling, (*handler)(rt))
	c := &pollerConnection{poller: p, service: service, extra: extra}
	service.OnBusy = c.setBusy
	p.opened(extra)
	if extra {
		p.mu.Lock()
		c.heard = time.Now()
		c.leave = time.AfterFunc(extraIdle, c.leaveIfIdle)
		p.mu.Unlock()
	}
	c.made = Connection{Peer: peer, Dialled: true, Since: time.Now()}
	calls := rt.contextOf(ctx, &c.made.Peer)
	c.err = exchange.ErrMethodGone // unless runService returns
	c.answering.Go(func() {        // a method that ends its goroutine must not end that of Poll
		defer calls.leave()
		c.err = rt.runService(calls, service)
	})
	rt.options.Trace.connected(c.made)
	return c, nil
}

// connect dials the client and says which subscription this is.
func (p *poller) connect(ctx context.Context) (session *exchange.Session, peer Peer, err error) {
	rt := p.rt
	self := wire.Identity{Role: wire.RoleSubscriber, Subscription: p.subscription, Words: rt.words}
	connecting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer rt.watchDrain(&drainFunc{func() { cancel(ErrClosed) }})()
	session, peer, err = rt.connect(connecting, p.to, p.options.serverName, self, &rt.polling.Reader)
	peer.Role, peer.Subscription = RoleClient, p.subscription // it opened nothing, but it is who calls
	return session, peer, err
}

func (p *poller) opened(extra bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = time.Now()
	if p.open == 0 {
		p.since = p.heard
	}
	p.open++
	p.failures, p.lastErr = 0, nil
	if extra {
		p.opening = false
	} else {
		p.mainOpen = true
	}
}

// extra opens one more connection and polls over it. That it cannot be opened
// is no error: the others go on.
func (p *poller) extra() {
	c, err := p.start(true)
	if err == nil {
		c.closed(c.wait())
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opening, p.limited = false, time.Now().Add(extraPause)
	p.rt.log.Debug("no further polling connection", "subscription", p.subscription, "endpoint", p.to, "connections", p.open, "error", err)
}

const (
	extraPause = time.Minute // after an extra connection was refused
	extraIdle  = time.Minute // after which one that is not needed leaves
)

// pollerConnection is one connection of a poller.
type pollerConnection struct {
	poller  *poller
	service *exchange.Service
	made    Connection
	extra   bool

	answering sync.WaitGroup
	err       error // why it has ended; answering's, until that is done

	// Guarded by poller.mu.
	busy  bool
	heard time.Time   // when a request began or ended
	leave *time.Timer // of an extra connection
}

// wait waits for the end of the connection, and tells why it came.
func (c *pollerConnection) wait() error {
	c.answering.Wait()
	return c.err
}

// setBusy counts the connection among the busy ones or no longer, and opens
// another when none is left that waits, or the client says that requests do.
func (c *pollerConnection) setBusy(busy, crowded bool) {
	p := c.poller
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard, c.heard = now, now
	c.busy = busy
	if !busy {
		p.busy--
		return
	}
	p.busy++
	if p.busy < p.open && !crowded || p.places() >= p.options.connections || p.opening || now.Before(p.limited) || p.rt.isDraining() {
		return
	}
	p.opening = true
	p.extras.Go(p.extra)
}

// leaveIfIdle ends an extra connection that was idle for long enough, and looks
// again later at one that was not. A timer that is set for each request would cost
// more than the request.
func (c *pollerConnection) leaveIfIdle() {
	p := c.poller
	p.mu.Lock()
	idle := time.Since(c.heard)
	if c.busy || idle < extraIdle {
		if c.busy {
			idle = 0
		}
		c.leave.Reset(extraIdle - idle)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	c.service.Drain()
}

// places are those that connections take up, one that is just being made anew
// counted. The lock is held.
func (p *poller) places() int {
	if p.mainOpen {
		return p.open
	}
	return p.open + 1
}

// closed books that the connection has ended, and why.
func (c *pollerConnection) closed(reason error) {
	p := c.poller
	p.rt.options.Trace.disconnected(c.made, reason)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	if !c.extra {
		p.mainOpen = false
	}
	if c.busy {
		p.busy--
		c.busy = false
	}
	if c.leave != nil {
		c.leave.Stop()
	}
}

// Poller is one Poll under way.
type Poller struct {
	Subscription string
	To           Endpoint
	Connections  int       // open now
	Busy         int       // those with a call under way
	Since        time.Time // when the first of the open connections was made; zero while there is none
	Heard        time.Time // when a connection was made, or a request began or ended on one
	Failures     int       // tries in a row that failed, 0 while connected
	Err          error     // why the last try failed or the last connection ended, nil while connected
}

// Pollers are the Polls of this runtime that are under way.
func (rt *Runtime) Pollers() []Poller {
	rt.live.mu.Lock()
	defer rt.live.mu.Unlock()
	pollers := make([]Poller, 0, len(rt.live.pollers))
	for _, p := range rt.live.pollers {
		pollers = append(pollers, p.state())
	}
	return pollers
}

func (p *poller) state() Poller {
	p.mu.Lock()
	defer p.mu.Unlock()
	state := Poller{
		Subscription: p.subscription, To: p.to, Connections: p.open, Busy: p.busy,
		Since: p.since, Heard: p.heard, Failures: p.failures, Err: p.lastErr,
	}
	if p.open == 0 {
		state.Since = time.Time{}
	}
	return state
}

func (l *liveConnections) polls(p *poller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pollers = append(l.pollers, p)
}

func (l *liveConnections) pollsNoMore(p *poller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pollers = slices.DeleteFunc(l.pollers, func(other *poller) bool { return other == p })
}
