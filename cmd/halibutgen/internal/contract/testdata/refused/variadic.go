package refused

import "context"

type Contract interface{ M(ctx context.Context, names ...string) error }
