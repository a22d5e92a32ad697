package refused

import "context"

type Contract interface{ M(ctx context.Context, callback func(int), all map[string]func()) error }
