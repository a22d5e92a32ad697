package refused

import "context"

type Key struct{ A, B int }

type Contract interface{ M(ctx context.Context, a map[Key]int, b map[*int]string) error }
