// ERROR: 11:25: Contract.M, parameter a is the unexported type hidden, which callers elsewhere cannot name; export it
// ERROR: 11:35: Contract.M, parameter b ([]) is the unexported type hidden, which callers elsewhere cannot name; export it
// ERROR: 11:49: Contract.M, result ([…]) is the unexported type hidden, which callers elsewhere cannot name; export it
package refused

import "context"

type hidden struct{ X int }

type Contract interface {
	M(ctx context.Context, a hidden, b []*hidden) (map[string]hidden, error)
}
