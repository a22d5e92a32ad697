// OPTIONS: -service 7
package refused

import "context"

type Contract interface{ M(ctx context.Context) error }
