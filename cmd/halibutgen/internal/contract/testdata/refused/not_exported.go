// OPTIONS: -type contract
package refused

import "context"

type contract interface{ M(ctx context.Context) error }
