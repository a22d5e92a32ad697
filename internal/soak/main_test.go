package soak

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	becomeAgents()
	goleak.VerifyTestMain(m)
}
