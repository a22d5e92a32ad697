package halibut

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// PollOption is an option of one Poll.
type PollOption func(*pollOptions)

type pollOptions struct {
	serverName  string
	connections int
	reconnect   func(failures int) time.Duration
}

// PollConnections lets a polling service open up to n connections: one waits
// for requests, and another is opened when all are busy, or a client that is
// written in Go says that requests wait, and closed again when it was idle for a
// minute. The default is 1, with which calls run one after
// another in the order they were queued; with more they are only started in
// that order, and run side by side. A client that allows fewer is not pressed:
// that an extra connection is refused is taken as its limit.
func PollConnections(n int) PollOption { return func(o *pollOptions) { o.connections = max(n, 1) } }

// PollServerName is the name that a polling service asks for in the TLS handshake
// (SNI), in place of the endpoint's host: for a port that several hosts share.
func PollServerName(name string) PollOption { return func(o *pollOptions) { o.serverName = name } }

// PollReconnect stands in for the pauses before a connection is made anew:
// policy is told how many tries have failed since there was one, 0 for one
// that has just been lost.
func PollReconnect(policy func(failures int) time.Duration) PollOption {
	return func(o *pollOptions) { o.reconnect = policy }
}

// Poll offers this runtime's services to the client at an endpoint: it dials,
// says which subscription it is, and answers the requests that the client has
// queued for it, one after another. The client trusts this runtime's
// certificate to poll; this side trusts the endpoint's pins, and whoever they
// belong to may call its services.
//
// When the connection ends or cannot be made it is made anew, after a pause
// that doubles up to Limits.ReconnectMax and is spread by half either way.
// Poll blocks and owns everything that it starts: it returns ErrClosed after
// Shutdown or Close, the error of ctx when that ended, and at once where the
// subscription or the endpoint cannot be polled.
func (rt *Runtime) Poll(ctx context.Context, subscription string, to Endpoint, opts ...PollOption) error {
	var (
		p   *poller
		err error
	)
	elsewhere(func() { p, err = rt.newPoller(ctx, subscription, to, opts) })
	if err != nil {
		return err
	}
	defer p.end()
	return p.run()
}

// elsewhere runs f in a goroutine of its own and waits for it. What needs a large
// stack for a moment leaves it with that: the goroutine of Poll waits for months.
func elsewhere(f func()) {
	var other sync.WaitGroup
	other.Go(f)
	other.Wait()
}

func (rt *Runtime) newPoller(ctx context.Context, subscription string, to Endpoint, opts []PollOption) (*poller, error) {
	subscription, err := normalSubscription(subscription)
	if err != nil {
		return nil, err
	}
	if stream, _ := rt.reaches(to.Scheme()); !stream {
		return nil, rt.cannotPoll(to)
	}
	ctx, done, err := rt.begin(ctx, &rt.work)
	if err != nil {
		return nil, err
	}
	p := &poller{rt: rt, ctx: ctx, done: done, subscription: subscription, to: to}
	p.options = pollOptions{connections: 1, reconnect: rt.reconnectPause}
	for _, option := range opts {
		option(&p.options)
	}
	rt.live.polls(p)
	return p, nil
}

// cannotPoll is the error for an endpoint with nobody who could be polled.
func (rt *Runtime) cannotPoll(to Endpoint) error {
	if _, calls := rt.reaches(to.Scheme()); calls == nil && (to.Scheme() == schemeWSS || to.Scheme() == schemeRPC) {
		return noTransport(to)
	}
	return &Error{Code: CodeConnect, Outcome: NotSent, Endpoint: to.String(), Message: to.Scheme() + ":// endpoints cannot be polled"}
}

// reconnectPause doubles from ReconnectMin to ReconnectMax. The jitter comes
// after that bound, or services that were all lost at once would come back at
// once too.
func (rt *Runtime) reconnectPause(failures int) time.Duration {
	pause := rt.limits.ReconnectMin
	for range failures {
		if pause *= 2; pause >= rt.limits.ReconnectMax {
			pause = rt.limits.ReconnectMax
			break
		}
	}
	return time.Duration(float64(pause) * (0.5 + rand.Float64()))
}

func (rt *Runtime) pauseUnlessDraining(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-rt.draining:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
