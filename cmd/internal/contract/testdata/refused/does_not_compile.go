// ERROR: 8:25: Contract.M, parameter a has a type that does not compile; see what the compiler says
// ERROR: 8:37: Contract.M, result has a type that does not compile; see what the compiler says
package refused

import "context"

type Contract interface {
	M(ctx context.Context, a Missing) (other.Thing, error)
}
