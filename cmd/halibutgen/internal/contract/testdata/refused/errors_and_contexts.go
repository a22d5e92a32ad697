package refused

import "context"

type Contract interface{ M(ctx context.Context, err error, all []context.Context) ([]error, error) }
