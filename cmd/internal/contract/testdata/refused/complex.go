// ERROR: 8:25: Contract.M, parameter a is a complex number, which the wire does not have; use a struct of two float64
// ERROR: 8:40: Contract.M, result is a complex number, which the wire does not have; use a struct of two float64
package refused

import "context"

type Contract interface {
	M(ctx context.Context, a complex128) (complex64, error)
}
