// ERROR: 7:2: Contract.m is not exported, so no other package can implement or call it; start its name with an upper-case letter
package refused

import "context"

type Contract interface {
	m(ctx context.Context) error
}
