package refused

import "context"

type Shape interface{ M() }

type Contract interface{ M(ctx context.Context, a **int, b *Shape) error }
