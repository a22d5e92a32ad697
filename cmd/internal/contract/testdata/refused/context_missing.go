// ERROR: 11:2: Contract.A does not take a context first; write A(ctx context.Context, …)
// ERROR: 12:2: Contract.B does not take a context first; write B(ctx context.Context, …)
// ERROR: 12:17: Contract.B, parameter ctx: the context goes first
// ERROR: 13:9: Contract.C, parameter again: the context goes first
// ERROR: 14:2: Contract.D does not take a context first; write D(ctx context.Context, …)
package refused

import "context"

type Contract interface {
	A() error
	B(name string, ctx context.Context) error
	C(ctx, again context.Context) error
	D(name string) error
}

var _ context.Context
