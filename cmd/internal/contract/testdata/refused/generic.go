// ERROR: 6:6: Contract has type parameters; peers know one contract by one name, so declare an interface without them
package refused

import "context"

type Contract[T any] interface {
	M(ctx context.Context, v T) error
}
