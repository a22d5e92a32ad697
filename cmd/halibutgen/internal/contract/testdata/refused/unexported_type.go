package refused

import "context"

type hidden struct{ X int }

type Contract interface{ M(ctx context.Context, a hidden, b []*hidden) (map[string]hidden, error) }
