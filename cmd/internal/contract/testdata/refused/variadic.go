// ERROR: 7:25: Contract.M, parameter names is variadic, which no peer can call; take a slice
package refused

import "context"

type Contract interface {
	M(ctx context.Context, names ...string) error
}
