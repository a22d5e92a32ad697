package halibut

import (
	"runtime"
	"time"
)

// Limits are the waits and sizes that a runtime keeps to. Zero fields have the
// defaults told here, negative ones are off. They are fixed by New.
type Limits struct {
	Connect       time.Duration // TCP connect, one try: 1 minute
	ConnectTries  int           // tries of one call or of one reconnect: 5
	ConnectWindow time.Duration // no further try begins after this: 5 minutes
	ConnectPause  time.Duration // between two tries: 1 second

	Handshake time.Duration // TLS handshake, preamble and identity together: 30 seconds
	Read      time.Duration // one read inside a message: 1 minute
	Write     time.Duration // one write: 1 minute
	Response  time.Duration // first byte of a response, unless the context has a deadline: 5 minutes

	NextRequest time.Duration // a listening service's wait for NEXT or a request: 10 minutes
	PollRequest time.Duration // a polling service's wait for a request or null request: 60 seconds
	NullRequest time.Duration // an idle polling client sends a null request after: 30 seconds
	NullAnswer  time.Duration // its wait for NEXT after a null request, which comes at once from a service that is there: 40 seconds
	PickUp      time.Duration // a queued request's wait to be collected: 2 minutes

	ReconnectMin time.Duration // first pause of a polling service that lost its client: 5 seconds
	ReconnectMax time.Duration // where its doubling ends, before jitter: 2 minutes

	PoolIdle            time.Duration // a client keeps an idle connection: 50 seconds
	PoolIdleProceeded   time.Duration // one on which EagerNext has had its PROCEED: 3 minutes
	PoolConnections     int           // open connections of one endpoint: 256
	PoolIdleConnections int           // idle ones among them: 64

	Line         int   // a control line, bytes: 8 KiB
	Document     int64 // a message's document, inflated, bytes: 64 MiB
	Depth        int   // nesting of a document: 100
	Streams      int   // data streams of one message: 10,000
	StreamMemory int64 // of a received data stream kept in memory, bytes: 1 MiB; the rest goes to a temporary file

	DocumentsMemory int64 // all documents being decoded, bytes: 512 MiB
	StreamsMemory   int64 // all received data streams kept in memory, bytes: 128 MiB
	TemporaryFiles  int64 // all received data streams kept in files, bytes: 16 GiB

	Unauthenticated           int // connections that have not said who they are; then accepting pauses: 1,000
	UnauthenticatedPerAddress int // those of them from one IPv4 address or IPv6 /64; further ones wait their turn, and others are served: 500
	Handshakes                int // TLS handshakes at once: 4 for each processor

	QueueLength             int // requests that wait for one subscription: 10,000
	SubscriptionConnections int // connections that poll one subscription: 128
	PeerSubscriptions       int // subscriptions that one certificate polls at once: 100
	PeerCalls               int // calls of one certificate that run at once; further ones wait: 1,000
}

func orDefault[T int | int64 | time.Duration](value *T, standard T) {
	switch {
	case *value == 0:
		*value = standard
	case *value < 0:
		*value = 0
	}
}

// withDefaults returns the limits as they are in force: zero is off.
func (l Limits) withDefaults() Limits {
	orDefault(&l.Connect, time.Minute)
	orDefault(&l.ConnectTries, 5)
	orDefault(&l.ConnectWindow, 5*time.Minute)
	orDefault(&l.ConnectPause, time.Second)
	orDefault(&l.Handshake, 30*time.Second)
	orDefault(&l.Read, time.Minute)
	orDefault(&l.Write, time.Minute)
	orDefault(&l.Response, 5*time.Minute)
	orDefault(&l.NextRequest, 10*time.Minute)
	orDefault(&l.PollRequest, time.Minute)
	orDefault(&l.NullRequest, 30*time.Second)
	orDefault(&l.NullAnswer, 40*time.Second)
	if l.PickUp == 0 {
		l.PickUp = 2 * time.Minute // negative means the same to the queue
	}
	orDefault(&l.ReconnectMin, 5*time.Second)
	orDefault(&l.ReconnectMax, 2*time.Minute)
	orDefault(&l.PoolIdle, 50*time.Second)
	orDefault(&l.PoolIdleProceeded, 3*time.Minute)
	orDefault(&l.PoolConnections, 256)
	orDefault(&l.PoolIdleConnections, 64)
	orDefault(&l.Unauthenticated, 1000)
	orDefault(&l.UnauthenticatedPerAddress, 500)
	orDefault(&l.Handshakes, 4*runtime.NumCPU())
	orDefault(&l.SubscriptionConnections, 128)
	orDefault(&l.PeerSubscriptions, 100)
	orDefault(&l.PeerCalls, 1000)
	return l
}
