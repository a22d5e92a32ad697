package refused

import "context"

type Contract interface{ M(ctx context.Context, a complex128) (complex64, error) }
