package refused

import (
	"context"
	"unsafe"
)

type Contract interface{ M(ctx context.Context, a uintptr, b unsafe.Pointer) error }
