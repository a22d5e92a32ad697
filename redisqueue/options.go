package redisqueue

import (
	"crypto/tls"
	"log/slog"

	"github.com/halibut-go/halibut/wire"
)

// Options are how a Provider uses Redis. What the nodes of a cluster have to
// agree on is said at each field.
type Options struct {
	// Prefix begins the name of every key and channel. All nodes must have the
	// same; .NET nodes call it the key prefix.
	Prefix string

	// ChannelPrefix stands before the names of channels, as .NET nodes have it
	// that set channelPrefix in their connection string. Usually empty.
	ChannelPrefix string

	// Wrappers change messages on their way to Redis and back, the first being
	// the nearest to Redis. All nodes must have the same.
	Wrappers []Wrapper

	// Streams keeps the data streams of messages; nil is InlineStreams{}. All
	// nodes must have the same.
	Streams StreamStore

	// TLS is how to connect to a rediss:// URL; nil verifies the server's
	// certificate against the system's authorities.
	TLS *tls.Config

	// AllowReplicas accepts a Redis that has replicas, as Sentinel and most
	// Clusters do. After a failover to a replica that lags behind, requests
	// that were collected can appear again: a node that ran one remembers it
	// and does not run it again, other nodes may.
	AllowReplicas bool

	// Length is how many requests may wait in one subscription's queue, 10,000
	// by default; negative is no limit. Beyond it Send fails at once with
	// queue.ErrFull. The limit binds the requests of this node only.
	Length int

	// Limits caps the messages that come from Redis.
	Limits wire.Limits

	// Logger is told of what does not concern one call alone. A nil Logger is
	// silent.
	Logger *slog.Logger
}

func (o *Options) length() int {
	switch {
	case o.Length == 0:
		return 10_000
	case o.Length < 0:
		return 0
	}
	return o.Length
}

func (o *Options) streams() StreamStore {
	if o.Streams == nil {
		return InlineStreams{}
	}
	return o.Streams
}

func (o *Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}
