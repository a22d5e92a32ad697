package redisqueue

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// Provider is a queue.Provider whose nodes meet in Redis. Each process of a
// cluster is one node and has one Provider.
type Provider struct {
	client   rueidis.Client
	timing   timing
	keys     keyspace
	storage  *storage
	channels *channels
	wrappers wrappers
	streams  StreamStore
	limits   wire.Limits
	length   int
	log      *slog.Logger
	node     string
	sentinel *sentinel

	// closing is closed first; life ends what listens and collects, storing,
	// later, what has still to be stored.
	closing chan struct{}
	life    context.Context
	end     context.CancelFunc
	storing context.Context
	stop    context.CancelFunc

	loops sync.WaitGroup
	work  sync.WaitGroup // of goAlong
	idle  chan func()    // for goroutines of goAlong that have nothing to do
	kept  atomic.Int32   // how many of them
	sends sync.WaitGroup

	handovers *subscription // nil: in a Cluster

	roused  chan struct{} // for the watch: there is a connection again
	untidy  untidy
	orphans time.Time // when the store was last rid of them; the watch's own

	attendances attendances

	ran     recent // requests that were in the hands of a collector of this node
	told    recent // requests that were handed to this node
	unclean recent // ids of calls whose response may still come

	mu         sync.Mutex
	queues     map[string]*redisQueue
	calls      map[uuid.UUID]*call
	deliveries map[uuid.UUID]*delivery // of other nodes' calls
	closed     bool                    // no call and no queue any more
	stopped    bool                    // no work either
	finished   chan struct{}
}

var _ queue.Authenticator = (*Provider)(nil)

func newProvider(client rueidis.Client, opts *Options, t timing) *Provider {
	p := &Provider{
		client: client, timing: t, keys: newKeyspace(opts.Prefix, opts.ChannelPrefix),
		wrappers: opts.Wrappers, streams: opts.streams(), limits: opts.Limits, length: opts.length(), log: opts.logger(),
		node: uuid.NewString(), idle: make(chan func()), closing: make(chan struct{}), roused: make(chan struct{}, 1),
		queues: make(map[string]*redisQueue), calls: make(map[uuid.UUID]*call),
		deliveries: make(map[uuid.UUID]*delivery), finished: make(chan struct{}),
	}
	p.life, p.end = context.WithCancel(context.Background())
	p.storing, p.stop = context.WithCancel(context.Background())
	p.storage = &storage{client: client, timing: &p.timing, keys: p.keys, node: p.node}
	p.channels = newChannels(client, &p.timing, p.log, p.reconnected)
	p.sentinel = newSentinel(p)
	p.channels.subscribe(p.keys.cancelled(), p.cancelled, nil)
	p.channels.subscribe(p.keys.node(p.node), p.answered, p.lookForAnswers)
	return p
}

// start begins what runs as long as the Provider does.
func (p *Provider) start() {
	if !p.storage.cluster {
		p.handovers = p.channels.subscribe(p.keys.handed(p.node), p.handed, nil)
	}
	p.loops.Go(func() { p.channels.run(p.life) })
	p.loops.Go(p.watch)
}

// Queue implements queue.Provider. A subscription is spelled as .NET prints its
// Uri: poll://name/, in lower case and with the slash.
func (p *Provider) Queue(subscription string) (queue.Queue, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, queue.ErrClosed
	}
	q := p.queues[subscription]
	if q == nil {
		q = &redisQueue{
			provider: p, subscription: subscription, keys: p.keys.endpoint(subscription, p.node),
			pulses: 1,
		}
		p.queues[subscription] = q
	}
	return q, nil
}

// Authenticates implements queue.Authenticator: it reports whether one of the
// wrappers is Sealed, or has a method Authenticates that reports true.
func (p *Provider) Authenticates() bool {
	return slices.ContainsFunc(p.wrappers, func(w Wrapper) bool {
		a, ok := w.(interface{ Authenticates() bool })
		return ok && a.Authenticates()
	})
}

// Close implements queue.Provider. Requests of this node that wait are taken
// back, and the callers of those that it had collected are told that they were
// abandoned; when Redis does not answer, that is given up after five seconds.
func (p *Provider) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.finished
		return nil
	}
	p.closed = true
	queues, held := p.queues, make([]*delivery, 0, len(p.deliveries))
	for _, d := range p.deliveries {
		held = append(held, d)
	}
	p.mu.Unlock()
	close(p.closing)
	for _, q := range queues {
		q.close()
	}
	for _, d := range held {
		d.abandon(queue.ErrClosed, true)
	}
	giveUp := time.AfterFunc(p.timing.closing, p.stop)
	p.sends.Wait()
	if p.handovers != nil {
		p.handovers.leave(p.timing.leave) // what was handed to us is put back
	}
	p.end()
	p.loops.Wait()
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.work.Wait()
	p.untidy.flush(p)
	p.leaveAll()
	p.sentinel.remove()
	giveUp.Stop()
	p.stop()
	p.client.Close()
	close(p.finished)
	return nil
}

func (p *Provider) isClosing() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

// goAlong runs do in a goroutine that Close waits for. It reports false when it
// is too late for that.
func (p *Provider) goAlong(do func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	p.work.Add(1)
	select {
	case p.idle <- do:
	default:
		go p.along(do)
	}
	return true
}

// keptAtMost is how many goroutines wait for more to do: a new one would have to
// grow its stack first, and most that is to be done is short.
const keptAtMost = 16

// along does what goAlong was given, and what it is given then.
func (p *Provider) along(do func()) {
	p.doAlong(do)
	defer p.kept.Add(-1)
	if p.kept.Add(1) > keptAtMost {
		return
	}
	for {
		select {
		case do := <-p.idle:
			p.doAlong(do)
		case <-p.storing.Done():
			return
		}
	}
}

func (p *Provider) doAlong(do func()) {
	defer p.work.Done()
	do()
}

// bind returns a context that ends with ctx and when the Provider is closed.
func (p *Provider) bind(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(p.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// sleep waits, or until the Provider is closed.
func (p *Provider) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.closing:
	}
}

func (p *Provider) call(id uuid.UUID) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[id]
}

func (p *Provider) holds(d *delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deliveries[d.id] = d
}

func (p *Provider) lets(d *delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deliveries[d.id] == d {
		delete(p.deliveries, d.id)
	}
}

// rouse wakes the watch.
func (p *Provider) rouse() {
	select {
	case p.roused <- struct{}{}:
	default:
	}
}

// cancelled is told of every request that a Go node has given up.
func (p *Provider) cancelled(id string) {
	parsed, ok := parseID(id)
	if !ok {
		return
	}
	p.mu.Lock()
	d := p.deliveries[parsed]
	p.mu.Unlock()
	if d != nil {
		d.abandon(context.Canceled, false)
	}
}

// answered is told of every answer that a Go node gives to a call of this one.
func (p *Provider) answered(published string) {
	id, a, ok := parsePublication(published)
	if !ok {
		return
	}
	parsed, ok := parseID(id)
	if !ok {
		return
	}
	if c := p.call(parsed); c != nil {
		c.announced.Store(true)
		c.published.Store(a)
		c.order(orderLook)
	}
}

// lookForAnswers looks for what was published while nobody listened.
func (p *Provider) lookForAnswers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		c.order(orderLook)
	}
}

// reconnected looks for what was missed while there was no connection.
func (p *Provider) reconnected() { p.sentinel.due.Store(true); p.rouse() }
