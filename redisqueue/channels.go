package redisqueue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// channels are the subscriptions of a node. One connection carries them all,
// and one goroutine writes to it; whatever was asked for while it waited for
// the server goes into its next command.
type channels struct {
	client rueidis.Client
	timing *timing
	log    *slog.Logger
	// connected is called, in the goroutine of run, when there is a connection
	// again after one was lost.
	connected func()

	mu   sync.Mutex
	subs map[string]*subscription
	add  []string
	drop []string
	lazy bool // a timer runs until what is in drop has waited for company long enough
	due  bool // it has
	wake chan struct{}
}

// subscription is the one subscription of a node to a channel.
type subscription struct {
	channels *channels
	name     string
	// message is called for each message, one after another in the
	// connection's reading goroutine: it must not wait.
	message func(text string)
	// established is called, there too, whenever the server has confirmed the
	// subscription: what was published before is lost.
	established func()
	live        bool          // it was confirmed on the present connection
	left        chan struct{} // closed when its end was; nil: it goes on
}

func newChannels(client rueidis.Client, timing *timing, log *slog.Logger, connected func()) *channels {
	return &channels{
		client: client, timing: timing, log: log, connected: connected,
		subs: make(map[string]*subscription), wake: make(chan struct{}, 1),
	}
}

func (c *channels) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// subscribe adds a subscription. There must be none to this channel.
func (c *channels) subscribe(name string, message func(string), established func()) *subscription {
	s := &subscription{channels: c, name: name, message: message, established: established}
	c.mu.Lock()
	c.subs[name] = s
	c.add = append(c.add, name)
	c.mu.Unlock()
	c.signal()
	return s
}

// cancel ends the subscription. Nothing is called any more, but for what is
// being called. A nil subscription has nothing to end.
func (s *subscription) cancel() {
	if s == nil {
		return
	}
	c := s.channels
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs[s.name] != s {
		return
	}
	delete(c.subs, s.name)
	c.drop = append(c.drop, s.name)
	if !c.lazy {
		c.lazy = true
		time.AfterFunc(c.timing.tidy, c.tidy)
	}
}

// isLive reports whether the server sends this subscription's messages.
func (s *subscription) isLive() bool {
	s.channels.mu.Lock()
	defer s.channels.mu.Unlock()
	return s.live
}

// leave ends the subscription when the server has confirmed that nothing more
// comes, which it waits for up to limit.
func (s *subscription) leave(limit time.Duration) {
	c := s.channels
	c.mu.Lock()
	live := s.live && c.subs[s.name] == s
	if live {
		s.left = make(chan struct{})
		c.drop, c.due = append(c.drop, s.name), true
	}
	c.mu.Unlock()
	if live {
		c.signal()
		timer := time.NewTimer(limit)
		defer timer.Stop()
		select {
		case <-s.left:
		case <-timer.C:
		}
	}
	s.cancel()
}

func (c *channels) tidy() {
	c.mu.Lock()
	c.due = true
	c.mu.Unlock()
	c.signal()
}

// dropsAtOnce is how many ended subscriptions are not left to wait for company.
const dropsAtOnce = 256

// run keeps the connection until ctx ends.
func (c *channels) run(ctx context.Context) {
	for first := true; ctx.Err() == nil; first = false {
		connected, err := c.once(ctx, !first)
		if ctx.Err() != nil {
			return
		}
		if connected {
			c.log.Warn("the connection for Redis messages was lost", "error", err)
		}
		pause := time.NewTimer(c.timing.pause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

// once subscribes to everything on a new connection and keeps it.
func (c *channels) once(ctx context.Context, again bool) (connected bool, err error) {
	conn, release := c.client.Dedicate()
	defer release()
	lost := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: c.onMessage, OnSubscription: c.onSubscription})
	// The first command of a connection opens it.
	if err := c.do(ctx, conn, conn.B().Arbitrary("PING").Build()); err != nil {
		return false, err
	}
	if again {
		c.connected()
	}
	c.mu.Lock()
	c.add, c.drop = c.add[:0], c.drop[:0]
	for name, s := range c.subs {
		s.live = false
		c.add = append(c.add, name)
	}
	c.mu.Unlock()
	c.signal()
	for {
		select {
		case err := <-lost:
			if err == nil {
				err = errors.New("closed")
			}
			return true, err
		case <-ctx.Done():
			conn.SetPubSubHooks(rueidis.PubSubHooks{})
			conn.Close()
			return true, ctx.Err()
		case <-c.wake:
			if err := c.flush(ctx, conn); err != nil {
				conn.Close()
				return true, err
			}
		}
	}
}

// flush sends what was asked for.
func (c *channels) flush(ctx context.Context, conn rueidis.DedicatedClient) error {
	const most = 1000 // names in one command
	for {
		c.mu.Lock()
		add := c.take(&c.add, most, true)
		var drop []string
		if c.due || len(c.drop) >= dropsAtOnce {
			drop = c.take(&c.drop, most, false)
			if len(c.drop) == 0 {
				c.lazy, c.due = false, false
			}
		}
		c.mu.Unlock()
		if len(add) == 0 && len(drop) == 0 {
			return nil
		}
		if len(drop) > 0 {
			if err := c.do(ctx, conn, conn.B().Unsubscribe().Channel(drop...).Build()); err != nil {
				return err
			}
		}
		if len(add) > 0 {
			if err := c.do(ctx, conn, conn.B().Subscribe().Channel(add...).Build()); err != nil {
				return err
			}
		}
	}
}

// take takes names out of a list: those that are subscribed to, or those that
// are not. c.mu is held.
func (c *channels) take(list *[]string, most int, subscribed bool) []string {
	var names []string
	for len(*list) > 0 && len(names) < most {
		name := (*list)[0]
		*list = (*list)[1:]
		if s := c.subs[name]; (s != nil && s.left == nil) == subscribed {
			names = append(names, name)
		}
	}
	return names
}

func (c *channels) do(ctx context.Context, conn rueidis.DedicatedClient, cmd rueidis.Completed) error {
	ctx, cancel := context.WithTimeout(ctx, c.timing.attempt)
	defer cancel()
	return conn.Do(ctx, cmd).Error()
}

func (c *channels) find(name string) *subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs[name]
}

func (c *channels) onMessage(m rueidis.PubSubMessage) {
	if s := c.find(m.Channel); s != nil {
		s.message(m.Message)
	}
}

func (c *channels) onSubscription(confirmed rueidis.PubSubSubscription) {
	c.mu.Lock()
	s := c.subs[confirmed.Channel]
	switch {
	case s == nil:
	case confirmed.Kind == "subscribe":
		s.live = true
	case confirmed.Kind == "unsubscribe" && s.left != nil && s.live:
		s.live = false
		close(s.left)
	}
	c.mu.Unlock()
	if confirmed.Kind != "subscribe" {
		return
	}
	if s != nil && s.established != nil {
		s.established()
	}
}
