// ERROR: 7:6: "7" cannot be the wire name of Contract; a name has letters and digits, as IEchoService
// OPTIONS: -service 7
package refused

import "context"

type Contract interface {
	M(ctx context.Context) error
}
