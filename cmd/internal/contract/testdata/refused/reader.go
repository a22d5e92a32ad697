// ERROR: 10:25: Contract.M, parameter r is an io.Reader, whose length a client cannot know; take a *halibut.DataStream
package refused

import (
	"context"
	"io"
)

type Contract interface {
	M(ctx context.Context, r io.Reader) error
}
