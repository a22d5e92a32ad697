package halibut

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/halibut-go/halibut/internal/exchange"
	"github.com/halibut-go/halibut/wire"
)

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
func (rt *Runtime) Poll(ctx context.Context, subscription string, to Endpoint) error {
	subscription, err := normalSubscription(subscription)
	if err != nil {
		return err
	}
	if to.Scheme() != "https" {
		return &Error{Code: CodeConnect, Outcome: NotSent, Endpoint: to.String(),
			Message: "polling " + to.Scheme() + ":// endpoints needs a transport"}
	}
	ctx, done, err := rt.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	for failures := 0; ; {
		connected, err := rt.pollOnce(ctx, subscription, to)
		if connected {
			failures = 0
		}
		switch {
		case rt.isDraining():
			return ErrClosed
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		pause := rt.reconnectPause(failures)
		failures++
		rt.log.Warn("polling interrupted", "subscription", subscription, "endpoint", to, "error", err, "pause", pause)
		if err := rt.pauseUnlessDraining(ctx, pause); err != nil {
			return err
		}
	}
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

// pollOnce polls over one connection until it ends.
func (rt *Runtime) pollOnce(ctx context.Context, subscription string, to Endpoint) (connected bool, err error) {
	self := wire.Identity{Role: wire.RoleSubscriber, Subscription: subscription, Words: capabilityWords}
	session, peer, err := rt.connect(ctx, to, "", self, &rt.polling.Reader)
	if err != nil {
		return false, err
	}
	peer.Role, peer.Subscription = RoleClient, subscription // it opened nothing, but it is who calls
	rt.log.Info("polling", "subscription", subscription, "endpoint", to, "peer", peer)
	return true, rt.serve(contextWithPeer(ctx, peer), session, &rt.polling)
}

// serve answers requests on a connection until it ends.
func (rt *Runtime) serve(ctx context.Context, session *exchange.Session, config *exchange.Config) error {
	service := session.Service(config, (*handler)(rt))
	forget := rt.watchDrain(service)
	defer forget()
	err := service.Serve(ctx)
	if err == nil {
		return exchange.ErrEnded
	}
	return err
}
