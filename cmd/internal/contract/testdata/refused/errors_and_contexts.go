// ERROR: 9:25: Contract.M, parameter err is an error, which only the method itself returns; use a string
// ERROR: 9:36: Contract.M, parameter all ([]) is a context, which is not sent; the method's first parameter is its place
// ERROR: 9:60: Contract.M, result ([]) is an error, which only the method itself returns; use a string
package refused

import "context"

type Contract interface {
	M(ctx context.Context, err error, all []context.Context) ([]error, error)
}
