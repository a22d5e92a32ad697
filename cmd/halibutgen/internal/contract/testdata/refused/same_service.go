// OPTIONS: -type Contract,IContract
package refused

import "context"

type Contract interface{ M(ctx context.Context) error }

type IContract interface{ M(ctx context.Context) error }
