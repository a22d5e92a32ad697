package refused

import (
	"context"
	"io"
)

type Contract interface{ M(ctx context.Context, r io.Reader) error }
