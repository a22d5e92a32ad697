package refused

import "context"

type Contract interface{ m(ctx context.Context) error }
