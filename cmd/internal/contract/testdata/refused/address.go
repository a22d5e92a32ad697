// ERROR: 11:25: Contract.M, parameter a is an address, which means nothing to a peer; remove it
// ERROR: 11:36: Contract.M, parameter b is an address, which means nothing to a peer; remove it
package refused

import (
	"context"
	"unsafe"
)

type Contract interface {
	M(ctx context.Context, a uintptr, b unsafe.Pointer) error
}
