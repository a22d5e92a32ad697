package refused

import "context"

type Contract interface{ M(ctx context.Context, a Missing) (other.Thing, error) }
