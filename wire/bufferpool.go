package wire

import (
	"math/bits"
	"sync"
)

// bufferPool keeps buffers that were used, of any length in between, for whoever
// needs one as long. What nobody asks for is given to the garbage collector, as
// with any sync.Pool.
type bufferPool struct {
	byLength [maxPooledBits - minPooledBits + 1]sync.Pool // of *[]byte, by the length of their capacity in bits
}

// Shorter buffers are not worth it; longer ones are not kept for those who send
// something that long once.
const (
	minPooledBits = 12 // 2 KiB
	maxPooledBits = 22 // 4 MiB - 1
)

func (p *bufferPool) of(n int) *sync.Pool {
	length := bits.Len(uint(n))
	if length < minPooledBits || length > maxPooledBits {
		return nil
	}
	return &p.byLength[length-minPooledBits]
}

// get returns an empty buffer with room for n bytes: one that was used, if there
// is one, and no more than twice as long.
func (p *bufferPool) get(n int) []byte {
	if pool := p.of(n); pool != nil {
		if pooled, _ := pool.Get().(*[]byte); pooled != nil {
			if cap(*pooled) >= n {
				return (*pooled)[:0]
			}
			pool.Put(pooled)
		}
	}
	return make([]byte, 0, n)
}

// put takes a buffer that nobody uses any more.
func (p *bufferPool) put(b []byte) {
	if pool := p.of(cap(b)); pool != nil {
		pooled := b[:0]
		pool.Put(&pooled)
	}
}
