// Package clash has names that generated code would like to use.
package clash

import (
	"context"

	"github.com/halibut-go/halibut/wire"
)

func halibut() string { return "a name of this package" }

var _ = halibut

// Service is a contract.
//
//halibut:service IService
type Service interface {
	Call(ctx context.Context, uri wire.URI) (wire.Version, error)
}
