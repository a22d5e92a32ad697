package halibut

import "github.com/halibut-go/halibut/internal/exchange"

// Compression says which documents are compressed: the arguments and results of
// calls. Data streams never are. A peer reads both, of whatever release.
type Compression int

const (
	// CompressAuto compresses documents of more than 1 KiB that get shorter by
	// it, unless the peer is near: over a connection whose shortest round trip
	// was less than half a millisecond a document of up to 4 MiB is sent sooner
	// than it is compressed. See docs/operations.md,
	// "Sizing".
	CompressAuto Compression = iota
	// CompressAlways compresses for near peers too, where networks are short of
	// capacity rather than processors of time.
	CompressAlways
	// CompressNever compresses nothing.
	CompressNever
)

func (c Compression) exchange() exchange.Compression {
	switch c {
	case CompressAlways:
		return exchange.CompressAlways
	case CompressNever:
		return exchange.CompressNever
	}
	return exchange.CompressAuto
}
