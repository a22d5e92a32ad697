package refused

import "context"

type Contract interface {
	A(ctx context.Context, x int64) error
	//halibut:method a
	B(ctx context.Context, y *int32) error
	//halibut:method A
	C(ctx context.Context, y float64) error
	//halibut:method A
	D(ctx context.Context, y float32) error
}
