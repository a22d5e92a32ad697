package wire

import (
	"hash/maphash"
	"sync/atomic"
)

// The names of services and methods come with every request. The table keeps
// the last one for each of its places, so that it holds no more than a fixed
// amount whatever peers send.
const (
	internPlaces  = 512
	internLongest = 64
)

var (
	interned   [internPlaces]atomic.Pointer[string]
	internSeed = maphash.MakeSeed()
)

// intern returns the text as a string, without a copy if it came before.
func intern(text []byte) string {
	if len(text) > internLongest {
		return string(text)
	}
	place := &interned[maphash.Bytes(internSeed, text)%internPlaces]
	if known := place.Load(); known != nil && *known == string(text) {
		return *known
	}
	s := string(text)
	place.Store(&s)
	return s
}
