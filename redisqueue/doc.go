// Package redisqueue keeps the queues of polling services in Redis, so that
// any node of a cluster can call any service: the node that makes the call and
// the node that holds the service's connection meet there. .NET Halibut nodes
// from 8.1.1681 on can share the same Redis.
//
//	caller's node                     Redis                      service's node
//	put, push ──────────► request, its id in a list ──────────────────► claim
//	                                                              (on the wire)
//	look ◄─────────────────────── response ◄─────────────────────────── respond
//
// A Provider goes into halibut.Options.Queues. Without it, requests wait in the
// process that made them, which needs nothing (package queue).
//
// # What nodes must agree on
//
// All nodes use the same Redis and database, the same Options.Prefix, the same
// wrappers, and spell subscriptions as .NET prints them (poll://name/).
//
// # What is promised
//
// Each request is collected by one node at most: it is taken out by renaming
// its key, or queued under the name that it would have then, for a node that has
// said that it is ready. No other node runs it. Every step can be repeated
// when its reply was lost. The promises of package queue hold, with these
// differences where caller and collector are on different nodes:
//
//   - Once another node has collected a request, the caller's node does not know
//     whether a byte was sent: the Stage of its error is then Started.
//   - Respond reports true although the caller may have left a moment before.
//   - Send takes as long as Redis takes to answer, a second at most, to find out
//     whether a request whose context ended was collected.
//   - .NET nodes do not know of SendOptions.Pins: they hand a bound request to
//     whoever polls the subscription. Go nodes do not.
//
// # When Redis is away
//
// Whatever does not get an answer is tried again: half a minute for a request
// that is to be queued, ten minutes for a response. Waiting callers and
// collectors go on waiting, and the connections of services stay. When Redis
// comes back without its data, calls that waited fail with ErrDataLoss within
// seconds.
//
// Redis needs no persistence, and must not evict keys (maxmemory-policy
// noeviction). Whoever can write to it can call services, unless messages are
// Sealed: halibut.Runtime.ServeQueue, which takes calls straight from Redis,
// insists on that.
//
// docs/clustering.md is about running a cluster. The protocol is described in
// docs/redis-queue.md; comments here cite its sections.
package redisqueue
