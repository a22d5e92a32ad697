package redisqueue

import (
	"context"
	"sync"
	"time"
)

// untidy are keys that nobody needs any more. They are deleted together, since
// nothing waits for it; all of them expire anyway.
type untidy struct {
	mu    sync.Mutex
	keys  []string
	timer *time.Timer
}

// tidyAtOnce is how many keys do not wait for company.
const tidyAtOnce = 256

// tidy deletes a key, soon.
func (p *Provider) tidy(key string) {
	u := &p.untidy
	u.mu.Lock()
	u.keys = append(u.keys, key)
	now := len(u.keys) == tidyAtOnce
	if len(u.keys) == 1 {
		u.timer = time.AfterFunc(p.timing.tidy, func() { p.goAlong(func() { u.flush(p) }) })
	}
	u.mu.Unlock()
	if now {
		p.goAlong(func() { u.flush(p) })
	}
}

func (u *untidy) flush(p *Provider) {
	u.mu.Lock()
	keys := u.keys
	u.keys = nil
	if u.timer != nil {
		u.timer.Stop()
	}
	u.mu.Unlock()
	if len(keys) == 0 {
		return
	}
	err := p.timing.try(p.storing, func(ctx context.Context) error { return p.storage.unlink(ctx, keys) })
	if err != nil {
		p.log.Debug("keys are left to expire", "keys", len(keys), "error", err)
	}
}
