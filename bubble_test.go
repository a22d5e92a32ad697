package halibut

import (
	"crypto/fips140"
	"testing"
	"testing/synctest"
)

// bubble runs a test in virtual time. Go's FIPS module takes its entropy from
// the processor's jitter, which virtual time hides: with it on, such a test
// cannot run.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if fips140.Enabled() {
		t.Skip("FIPS mode has no entropy in virtual time")
	}
	synctest.Test(t, test)
}
