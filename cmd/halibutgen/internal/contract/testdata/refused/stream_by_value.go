package refused

import (
	"context"

	"github.com/halibut-go/halibut"
)

type Contract interface{ M(ctx context.Context, s halibut.DataStream) ([]halibut.DataStream, error) }
