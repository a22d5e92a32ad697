package redisqueue

import (
	"crypto/rand"
	"testing"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/queue/queuetest"
)

func TestOneNode(t *testing.T) {
	s := shared(t)
	queuetest.Run(t, func(t *testing.T) queue.Provider { return s.node(t, &Options{Prefix: rand.Text()}) })
}

func TestTwoNodes(t *testing.T) {
	s := shared(t)
	queuetest.RunNodes(t, func(t *testing.T) (senders, collectors queue.Provider) {
		opts := &Options{Prefix: rand.Text()}
		return s.node(t, opts), s.node(t, opts)
	})
}
