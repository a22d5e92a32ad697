package refused

import "context"

type Contract interface {
	A(ctx context.Context)
	B(ctx context.Context) string
	C(ctx context.Context) (error, string)
	D(ctx context.Context) (string, int, error)
}
