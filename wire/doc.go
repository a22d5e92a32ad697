// Package wire holds the values of the Halibut protocol and the bytes that
// carry them.
//
// A connection carries, in this order, the dialler's preamble, an identity
// from each side, and then messages with control lines between them. A message
// is a raw DEFLATE stream that holds exactly one BSON document, and behind it
// the message's data streams, each in a frame of its own and uncompressed.
//
// [Reader] takes all of these from one io.Reader, item by item, and consumes
// not one byte more than the item has. The Append functions write them to byte
// slices, so that what belongs together leaves in one write; [WriteStreams]
// writes data streams, which may be larger than memory.
//
// # Hostile bytes
//
// Nothing here trusts a length. [Limits] caps every item, a [Budget] caps what
// all connections of a process hold together, and memory grows only with the
// bytes that have really come. What breaks the protocol is a *[ProtocolError],
// what is over a limit a *[LimitError], and what goes wrong in a data stream a
// *[StreamError] or a *[SpoolError]. Failures of the connection itself are
// handed on as they are, wrapped with what was being read.
//
// # Concurrency
//
// A Reader, an outgoing or incoming Streams and a frame being written belong to
// one goroutine at a time. A Budget and a DataStream may be used by any number
// of goroutines.
package wire
