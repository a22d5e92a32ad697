package halibut

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/halibut-go/halibut/queue"
)

// liveConnection is an accepted connection whose peer said who it is.
type liveConnection struct {
	peer       *Peer
	since      time.Time
	conn       net.Conn
	instance   string // the program that it comes from, where it says so
	admitted   bool
	subscriber *subscriber // nil for a client's connection
}

// liveConnections are those of one runtime, and the last that were refused.
type liveConnections struct {
	mu         sync.Mutex
	known      map[*liveConnection]struct{}
	perName    map[string][]*liveConnection // admitted connections of each subscription
	names      map[Pin]int                  // how many subscriptions each certificate polls
	rejections []Rejection                  // a ring: the next one goes to index next
	next       int
	pollers    []*poller // the Polls under way
	clonesTold map[string]time.Time
}

// add makes a connection known, before it is known whether it is trusted.
func (l *liveConnections) add(c *liveConnection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = make(map[*liveConnection]struct{})
		l.perName = make(map[string][]*liveConnection)
		l.names = make(map[Pin]int)
	}
	l.known[c] = struct{}{}
}

// admit counts a connection among those of its subscription. It fails where a
// limit is reached already.
func (l *liveConnections) admit(c *liveConnection, limits *Limits) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if name, pin := c.peer.Subscription, c.peer.SHA256; name != "" {
		first := !l.pollsAlready(name, pin)
		if most := limits.SubscriptionConnections; most > 0 && len(l.perName[name]) >= most {
			return fmt.Errorf("%s has %d connections already, which is the limit (Limits.SubscriptionConnections)", name, most)
		}
		if most := limits.PeerSubscriptions; first && most > 0 && l.names[pin] >= most {
			return fmt.Errorf("%s polls %d subscriptions already, which is the limit (Limits.PeerSubscriptions)", c.peer.Thumbprint, most)
		}
		if first {
			l.names[pin]++
		}
		l.perName[name] = append(l.perName[name], c)
	}
	c.admitted = true
	return nil
}

// pollsAlready reports whether a connection of that certificate polls the
// subscription.
func (l *liveConnections) pollsAlready(name string, pin Pin) bool {
	return slices.ContainsFunc(l.perName[name], func(c *liveConnection) bool { return c.peer.SHA256 == pin })
}

func (l *liveConnections) remove(c *liveConnection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, c)
	name, pin := c.peer.Subscription, c.peer.SHA256
	if !c.admitted || name == "" {
		return
	}
	l.perName[name] = slices.DeleteFunc(l.perName[name], func(other *liveConnection) bool { return other == c })
	if !l.pollsAlready(name, pin) {
		if l.names[pin]--; l.names[pin] == 0 {
			delete(l.names, pin)
		}
	}
	if len(l.perName[name]) == 0 {
		delete(l.perName, name)
		delete(l.clonesTold, name)
	}
}

func (l *liveConnections) all() []*liveConnection {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*liveConnection, 0, len(l.known))
	for c := range l.known {
		all = append(all, c)
	}
	return all
}

// serves tells the connection which subscriber it is.
func (l *liveConnections) serves(c *liveConnection, s *subscriber) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.subscriber = s
}

// changing is an Authorizer whose answers change while connections live.
type changing interface{ Changed() <-chan struct{} }

// watchTrust asks the authoriser again about every live peer whenever it says
// that its answers have changed, and ends the connections of those it refuses.
func (rt *Runtime) watchTrust(ctx context.Context) {
	authorizer, ok := rt.options.Authorizer.(changing)
	if !ok {
		return
	}
	for {
		changed := authorizer.Changed()
		for _, c := range rt.live.all() {
			if err := rt.options.Authorizer.Authorize(ctx, *c.peer); err != nil && ctx.Err() == nil {
				rt.log.Warn("peer dropped: it is trusted no longer", "peer", *c.peer, "error", err)
				_ = c.conn.Close()
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// Rejection is a connection that Serve, or ServeConn, refused after the peer had shown a
// certificate or said who it is, or that broke off before.
type Rejection struct {
	Time         time.Time
	Addr         string
	Thumbprint   Pin // zero if it showed no certificate
	SHA256       Pin
	Role         Role   // RoleUnknown if it did not say
	Subscription string // that it claimed
	Reason       error
}

// LogValue groups the rejection in a log.
func (r Rejection) LogValue() slog.Value {
	return slog.GroupValue(slog.String("addr", r.Addr), slog.Any("thumbprint", r.Thumbprint),
		slog.String("subscription", r.Subscription), slog.Any("reason", r.Reason))
}

const rejectionsKept = 256

func (l *liveConnections) reject(r Rejection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rejections) < rejectionsKept {
		l.rejections = append(l.rejections, r)
		return
	}
	l.rejections[l.next] = r
	l.next = (l.next + 1) % rejectionsKept
}

// Rejections are the last 256 connections that were refused, the oldest
// first: whom to trust, when an agent does not come through.
func (rt *Runtime) Rejections() []Rejection {
	l := &rt.live
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(slices.Clone(l.rejections[l.next:]), l.rejections[:l.next]...)
}

// Subscriber is one polling service that is connected.
type Subscriber struct {
	Subscription string
	Peer         Peer // of the connection that came first
	Connections  int
	Busy         int       // connections with a call under way
	Since        time.Time // when the first of the connections came
	QueueLength  int       // requests that wait
	QueueOldest  time.Time // when the oldest of them was queued; zero where none waits, or it is not known
	// Node is "" for this runtime's own connections. Otherwise it is the id of the
	// node that holds them, whose queues this runtime shares. Of its Peer only
	// pins, address, role and subscription are known, and all of it may be some
	// seconds old.
	Node string
}

// Subscribers are the polling services that are connected to this runtime, and
// to all that share its queues (queue.Cluster), sorted by subscription; two
// certificates under one subscription are two. When the shared queues do not
// answer within two seconds, it is what this runtime knows by itself.
func (rt *Runtime) Subscribers() []Subscriber {
	type key struct {
		subscription string
		pin          Pin
	}
	found := make(map[key]*Subscriber)
	for _, c := range rt.live.all() {
		if c.peer.Role != RolePoller || !rt.live.isAdmitted(c) {
			continue
		}
		k := key{c.peer.Subscription, c.peer.SHA256}
		s := found[k]
		if s == nil {
			s = &Subscriber{Subscription: c.peer.Subscription, Peer: *c.peer, Since: c.since}
			found[k] = s
		}
		if c.since.Before(s.Since) {
			s.Peer, s.Since = *c.peer, c.since
		}
		s.Connections++
		if rt.live.busy(c) {
			s.Busy++
		}
	}
	subscribers := make([]Subscriber, 0, len(found))
	for _, s := range found {
		subscribers = append(subscribers, *s)
	}
	if cluster, ok := rt.queues.(queue.Cluster); ok {
		subscribers = rt.ofCluster(cluster, subscribers)
	} else {
		rt.lookIntoQueues(subscribers)
	}
	slices.SortFunc(subscribers, func(a, b Subscriber) int {
		if by := strings.Compare(a.Subscription, b.Subscription); by != 0 {
			return by
		}
		return a.Since.Compare(b.Since)
	})
	return subscribers
}

func (l *liveConnections) isAdmitted(c *liveConnection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.admitted
}

func (l *liveConnections) busy(c *liveConnection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.subscriber != nil && c.subscriber.busy.Load()
}

// Disconnect ends this runtime's connections to an endpoint, those with a call
// under way too. Calls made later open new ones.
func (rt *Runtime) Disconnect(to Endpoint) {
	for _, conn := range rt.pool.Connections(to) {
		conn.Abort(errDisconnected)
	}
	for _, c := range rt.live.all() {
		if to.Scheme() == "poll" && c.peer.Subscription == to.Subscription() {
			_ = c.conn.Close()
		}
	}
}

var errDisconnected = errors.New("the connection was ended by Disconnect")
