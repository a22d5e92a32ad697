// ERROR: 7:6: contract is not exported; start its name with an upper-case letter
// OPTIONS: -type contract
package refused

import "context"

type contract interface {
	M(ctx context.Context) error
}
