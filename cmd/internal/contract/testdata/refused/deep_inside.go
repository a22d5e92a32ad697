// ERROR: 15:25: Contract.M, parameter o (Inner[][…].Done) is a channel, which cannot be sent; return a slice, or take a *halibut.DataStream
// ERROR: 15:36: Contract.M, result (Inner[][…].Done) is a channel, which cannot be sent; return a slice, or take a *halibut.DataStream
package refused

import "context"

type Outer struct {
	Name  string
	Inner []map[string]*Inner
}

type Inner struct{ Done chan struct{} }

type Contract interface {
	M(ctx context.Context, o *Outer) (Outer, error)
}
