package halibut

import (
	"context"
	"slices"
	"time"

	"github.com/halibut-go/halibut/queue"
)

// clusterWait is how long Subscribers waits for what other nodes know.
const clusterWait = 2 * time.Second

// lookIntoQueues notes what waits for each of the subscribers.
func (rt *Runtime) lookIntoQueues(subscribers []Subscriber) {
	for i := range subscribers {
		if q, err := rt.queues.Queue(subscribers[i].Subscription); err == nil {
			subscribers[i].waits(q.Stats())
		}
	}
}

func (s *Subscriber) waits(stats queue.Stats) {
	s.QueueLength, s.QueueOldest = stats.Length, stats.Oldest
}

// ofCluster adds the subscribers of the other nodes, and what waits for all.
func (rt *Runtime) ofCluster(cluster queue.Cluster, subscribers []Subscriber) []Subscriber {
	ctx, cancel := context.WithTimeout(rt.life, clusterWait)
	defer cancel()
	others, err := cluster.Attendances(ctx)
	if err != nil {
		rt.log.Warn("the shared queues do not say who is connected to other nodes", "error", err)
	}
	for _, a := range others {
		subscribers = append(subscribers, subscriberOf(a))
	}
	var names []string
	for _, s := range subscribers {
		names = append(names, s.Subscription)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	stats, err := cluster.AllStats(ctx, names)
	if err != nil {
		rt.log.Warn("the shared queues do not say what waits in them", "error", err)
		return subscribers
	}
	for i := range subscribers {
		if at, ok := slices.BinarySearch(names, subscribers[i].Subscription); ok {
			subscribers[i].waits(stats[at])
		}
	}
	return subscribers
}

// subscriberOf is a subscriber of another node. A pin that cannot be read is
// left out.
func subscriberOf(a queue.Attendance) Subscriber {
	thumbprint, _ := ParsePin(a.Peer.Thumbprint)
	sha256, _ := ParsePin(a.Peer.SHA256)
	return Subscriber{
		Subscription: a.Subscription, Node: a.Node, Connections: a.Connections, Busy: a.Busy, Since: a.Since,
		Peer: Peer{
			Thumbprint: thumbprint, SHA256: sha256, Addr: distantAddr(a.Peer.Addr),
			Subscription: a.Subscription, Role: RolePoller,
		},
	}
}

// attend tells the other nodes, where there are some, that a polling service is
// connected here.
func (rt *Runtime) attend(subscription string, peer queue.Peer) (leave func()) {
	if cluster, ok := rt.queues.(queue.Cluster); ok {
		return cluster.Attend(subscription, peer)
	}
	return func() {}
}

// distantAddr is an address as another node has written it.
type distantAddr string

// Network implements net.Addr.
func (distantAddr) Network() string { return "tcp" }

// String implements net.Addr.
func (a distantAddr) String() string { return string(a) }
