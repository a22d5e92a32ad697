package refused

import "context"

type Contract[T any] interface{ M(ctx context.Context, v T) error }
