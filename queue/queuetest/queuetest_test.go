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

// node is one of two that meet in one Memory.
type node struct{ *queue.Memory }

func TestTwoNodes(t *testing.T) {
	queuetest.RunNodes(t, func(*testing.T) (senders, collectors queue.Provider) {
		m := queue.NewMemory(nil)
		return node{m}, &node{m}
	})
}
