// ERROR: 10:2: Contract.B and Contract.A (same_wire_name.go:8:2) have the same name on the wire and parameters that peers cannot tell apart; give one another name with //halibut:method
// ERROR: 14:2: Contract.D and Contract.C (same_wire_name.go:12:2) have the same name on the wire and parameters that peers cannot tell apart; give one another name with //halibut:method
package refused

import "context"

type Contract interface {
	A(ctx context.Context, x int64) error
	//halibut:method a
	B(ctx context.Context, y *int32) error
	//halibut:method A
	C(ctx context.Context, y float64) error
	//halibut:method A
	D(ctx context.Context, y float32) error
}
