package redisqueue

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"
)

// sentinel is a key by which a node finds out that Redis has lost its data
// (Redis queue protocol, section 7). All but due belongs to the watch.
type sentinel struct {
	provider *Provider
	id       string
	written  bool
	checked  time.Time
	due      atomic.Bool // look at once
}

func newSentinel(p *Provider) *sentinel { return &sentinel{provider: p} }

// write puts the sentinel in its place.
func (s *sentinel) write(ctx context.Context) error {
	p := s.provider
	if s.id == "" {
		s.id = uuid.NewString()
	}
	err := p.timing.try(ctx, func(ctx context.Context) error {
		return p.client.Do(ctx, p.client.B().Set().Key(p.keys.sentinel(s.id)).Value(s.id).Ex(sentinelLife).Build()).Error()
	})
	s.written = err == nil
	s.checked = time.Now()
	return err
}

// check reports whether the sentinel is lost. When Redis does not answer, it is
// not.
func (s *sentinel) check(ctx context.Context) (lost bool) {
	p := s.provider
	s.checked = time.Now()
	if !s.written {
		_ = s.write(ctx) // tried again by the next check
		return false
	}
	err := p.timing.try(ctx, func(ctx context.Context) error {
		found, err := p.client.Do(ctx, p.client.B().Getex().Key(p.keys.sentinel(s.id)).Ex(sentinelLife).Build()).ToString()
		lost = rueidis.IsRedisNil(err) || err == nil && found != s.id
		return err
	})
	if err != nil || !lost {
		return false
	}
	p.log.Error("Redis has lost its data: the calls that waited fail", "key", p.keys.sentinel(s.id))
	s.id, s.written = "", false
	_ = s.write(ctx)
	return true
}

// remove takes the sentinel away when the node goes.
func (s *sentinel) remove() {
	if s.written {
		p := s.provider
		_ = p.timing.try(p.storing, func(ctx context.Context) error {
			return p.client.Do(ctx, p.client.B().Del().Key(p.keys.sentinel(s.id)).Build()).Error()
		})
	}
}
