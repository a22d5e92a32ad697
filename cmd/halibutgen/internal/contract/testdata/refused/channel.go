package refused

import "context"

type Contract interface {
	M(ctx context.Context, events chan int) (<-chan string, error)
	N(context.Context, chan int, _ []chan int) error
}
