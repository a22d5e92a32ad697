package wire

import "unsafe"

const (
	// textsBlock is how many bytes of text share one allocation. A program that
	// keeps one of them keeps the others too, and no more than these.
	textsBlock = 1 << 10

	// textsShort is the longest text that shares one, textsShared the fewest
	// items of a list whose texts do.
	textsShort  = 64
	textsShared = 8
)

// texts makes the strings of a decoded value. The short ones of a list are many,
// and share their storage.
type texts struct {
	block []byte // its length is what is used of it
	left  int    // bytes of the list whose texts are shared; 0: none is
}

// share has the texts of a list of n items share storage, unless those of a list
// around it do. The list is that many bytes long on the wire.
func (t *texts) share(length, n int) (begun bool) {
	if t.left > 0 || n < textsShared {
		return false
	}
	t.left = length
	return true
}

// end ends what share has begun.
func (t *texts) end() { *t = texts{} }

func (t *texts) text(b []byte) string {
	if t.left == 0 || len(b) > textsShort || len(b) == 0 {
		return string(b)
	}
	if len(b) > cap(t.block)-len(t.block) {
		n := min(textsBlock, t.left)
		if n < len(b) {
			return string(b)
		}
		t.block = make([]byte, 0, n)
		t.left = max(1, t.left-n)
	}
	start := len(t.block)
	t.block = append(t.block, b...)
	return unsafe.String(&t.block[start], len(b)) // which nobody writes to again
}
