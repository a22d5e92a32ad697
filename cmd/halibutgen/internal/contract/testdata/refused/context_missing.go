package refused

import "context"

type Contract interface {
	A() error
	B(name string, ctx context.Context) error
	C(ctx, again context.Context) error
	D(name string) error
}

var _ context.Context
