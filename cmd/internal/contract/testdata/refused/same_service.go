// ERROR: 11:6: IContract and Contract (same_service.go:7:6) both have the wire name IContract; give one another with //halibut:service
// OPTIONS: -type Contract,IContract
package refused

import "context"

type Contract interface {
	M(ctx context.Context) error
}

type IContract interface {
	M(ctx context.Context) error
}
