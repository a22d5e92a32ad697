package queue

import (
	"context"
	"time"
)

// Attendance is a peer that collects the requests of a subscription on one node
// of those that share the queues.
type Attendance struct {
	Subscription string
	Peer         Peer   // its Addr is that of the connection that came first
	Node         string // which node that is, by an id of its own
	Connections  int
	Busy         int       // connections that hold a request
	Since        time.Time // when the first of the connections came
}

// Cluster is a Provider whose queues several nodes share, and which knows who
// collects on each. All methods may be called from any goroutine.
type Cluster interface {
	Provider

	// Attend says that a peer collects the requests of a subscription on this
	// node, by one connection, until leave is called. It returns at once; other
	// nodes hear of it soon.
	Attend(subscription string, peer Peer) (leave func())

	// Attendances are the peers that collect on the other nodes. They may be
	// some seconds old, and those of a node that has died are told for a minute
	// at most.
	Attendances(ctx context.Context) ([]Attendance, error)

	// AllStats is Queue.Stats of many subscriptions at once, in their order.
	AllStats(ctx context.Context, subscriptions []string) ([]Stats, error)
}
