// ERROR: 8:25: Contract.M, parameter callback is a function, which cannot be sent; make it a method of a contract that the peer serves
// ERROR: 8:45: Contract.M, parameter all ([…]) is a function, which cannot be sent; make it a method of a contract that the peer serves
package refused

import "context"

type Contract interface {
	M(ctx context.Context, callback func(int), all map[string]func()) error
}
