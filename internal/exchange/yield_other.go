//go:build !unix

package exchange

import "runtime"

// yield lets others run that are ready.
func yield(bool) bool {
	runtime.Gosched()
	return true
}
