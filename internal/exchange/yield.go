package exchange

// yieldAfter is how many bytes a connection reads, or writes, without a turn for
// others, which takes some 50 µs: four records of TLS.
const yieldAfter = 64 << 10

// moved counts the bytes that a connection has read, or written, since others
// had a turn. A stream that is never waited for, because the peer and the network
// are as fast as this side, would keep its processor for 10 ms at a time, and the
// scheduler asks the network for what else has come only when a processor has
// nothing to do, or as rarely: short calls beside the stream would take 30 ms.
type moved int

func (m *moved) add(n int) {
	if *m += moved(n); *m >= yieldAfter {
		*m = 0
		yield()
	}
}
