// ERROR: 10:2: Contract.A does not return an error last; a call can always fail, so write (…, error)
// ERROR: 11:2: Contract.B does not return an error last; a call can always fail, so write (…, error)
// ERROR: 12:2: Contract.C does not return an error last; a call can always fail, so write (…, error)
// ERROR: 13:2: Contract.D returns 2 values besides the error; a call has one result, so put them in a struct
package refused

import "context"

type Contract interface {
	A(ctx context.Context)
	B(ctx context.Context) string
	C(ctx context.Context) (error, string)
	D(ctx context.Context) (string, int, error)
}
