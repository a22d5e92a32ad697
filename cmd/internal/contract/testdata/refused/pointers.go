// ERROR: 10:25: Contract.M, parameter a is a pointer to a pointer; null is null, so one is enough
// ERROR: 10:34: Contract.M, parameter b is a pointer to an interface; an interface can be nil itself
package refused

import "context"

type Shape interface{ M() }

type Contract interface {
	M(ctx context.Context, a **int, b *Shape) error
}
