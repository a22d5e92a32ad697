package redisqueue_test

import (
	"testing"
	"time"

	"github.com/halibut-go/halibut/redisqueue"
	"github.com/halibut-go/halibut/redisqueue/storetest"
)

func TestStreamStores(t *testing.T) {
	t.Run("InlineStreams", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) redisqueue.StreamStore { return redisqueue.InlineStreams{} })
	})
	t.Run("SharedDirectory", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) redisqueue.StreamStore {
			s, err := redisqueue.OpenSharedDirectory(t.TempDir(), time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		})
	})
}
