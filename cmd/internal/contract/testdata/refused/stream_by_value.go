// ERROR: 12:25: Contract.M, parameter s is a DataStream by value; use a *halibut.DataStream
// ERROR: 12:48: Contract.M, result ([]) is a DataStream by value; use a *halibut.DataStream
package refused

import (
	"context"

	"github.com/halibut-go/halibut"
)

type Contract interface {
	M(ctx context.Context, s halibut.DataStream) ([]halibut.DataStream, error)
}
