package refused

import "context"

type Outer struct {
	Name  string
	Inner []map[string]*Inner
}

type Inner struct{ Done chan struct{} }

type Contract interface{ M(ctx context.Context, o *Outer) (Outer, error) }
