// ERROR: 11:25: Contract.M, parameter events is a channel, which cannot be sent; return a slice, or take a *halibut.DataStream
// ERROR: 11:43: Contract.M, result is a channel, which cannot be sent; return a slice, or take a *halibut.DataStream
// ERROR: 12:23: Contract.N, parameter 2 is a channel, which cannot be sent; return a slice, or take a *halibut.DataStream
// ERROR: 12:35: Contract.N, parameter 3 ([]) is a channel, which cannot be sent; return a slice, or take a *halibut.DataStream
// ERROR: 13:21: Contract.O, parameter 2 is a channel, which cannot be sent; return a slice, or take a *halibut.DataStream
package refused

import "context"

type Contract interface {
	M(ctx context.Context, events chan int) (<-chan string, error)
	N(_ context.Context, _ chan int, _ []chan int) error
	O(context.Context, chan int) error
}
