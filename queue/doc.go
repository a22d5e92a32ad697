// Package queue holds requests for services that dial out for their work.
//
// A caller cannot connect to such a service. It puts its request at the end of
// the queue of the service's subscription and waits; a polling connection of
// that service collects it, carries it over, and hands the response back.
//
//	caller      Send ─────────────────────────────────────────────► response
//	               │ queued                                     ▲
//	               ▼                                            │
//	collector    Next ── collected ── Started ── (on the wire) ── Respond
//	                         │
//	                         └───────────┴─ Return: the connection died before it took a byte
//
// The promises every [Queue] makes, and that package queuetest checks:
//
//   - Each Send has exactly one outcome: the response, or one error.
//   - Each request is with at most one collector at a time, and once its first
//     byte may have been taken it is with no other, ever.
//   - A peer gets the requests that it may have in the order they were queued. A
//     request that is returned takes its old place, before all that were queued
//     after it.
//   - A request bound to pins is given to no peer without one of them.
//   - A request whose Send has ended, by the pick-up limit, by its context or by
//     closing, is not delivered any more. The pick-up limit ends no request that
//     a collector holds.
//   - Requests are told apart by their Send, not by their ID: two requests that
//     carry the same ID are two requests, each with its own response.
//
// [NewMemory] keeps the requests in this process. Other implementations may let
// several nodes meet in one queue; what is less exact then is said at each
// method.
package queue
