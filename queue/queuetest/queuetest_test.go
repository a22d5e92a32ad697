package queuetest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	queuetest.Run(t, func(*testing.T) queue.Provider { return queue.NewMemory(nil) })
}
