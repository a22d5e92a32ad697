// Package exchange holds the conversation of docs/protocol.md sections 1 and
// 2: who says what when, on one connection. It knows nothing of sockets, TLS
// or logs; it runs over anything that reads, writes and has deadlines.
//
// A [Client] makes calls, a [Service] answers them; either may have dialled.
// Each has one goroutine that reads, for as long as the connection lives, so
// that the end of a connection is seen when it comes and not when the next
// request is written to it.
package exchange
