package redisqueue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/halibut-go/halibut/queue"
)

var _ queue.Cluster = (*Provider)(nil)

// attendances are the peers that collect on this node, for the others to know.
// Each node has a hash in Redis, which expires when the node has died, and a
// member in a sorted set of nodes.
type attendances struct {
	mu      sync.Mutex
	peers   map[attendanceKey]*attendance
	changed map[attendanceKey]struct{}
	kept    bool // the hash was written and is not empty

	// The watch's own.
	renewed, counted time.Time
}

type attendanceKey struct {
	subscription string
	pins         peerPins
}

// attendance is what is kept of a peer in Redis.
type attendance struct {
	Subscription string    `json:"subscription"`
	Thumbprint   string    `json:"thumbprint,omitempty"`
	SHA256       string    `json:"sha256,omitempty"`
	Addr         string    `json:"addr,omitempty"`
	Connections  int       `json:"connections"`
	Busy         int       `json:"busy,omitempty"`
	Since        time.Time `json:"since"`
}

func (k attendanceKey) field() string {
	return k.subscription + " " + cmp.Or(k.pins.sha256, k.pins.sha1)
}

const (
	attendanceLife  = time.Minute
	attendanceCount = 5 * time.Second // of who is busy
	nodeLife        = 24 * time.Hour  // in the set of nodes
)

// Attend implements queue.Cluster.
func (p *Provider) Attend(subscription string, peer queue.Peer) (leave func()) {
	key := attendanceKey{subscription, pinsOf(peer)}
	p.attendances.add(key, peer, 1)
	return sync.OnceFunc(func() { p.attendances.add(key, peer, -1) })
}

func (a *attendances) add(key attendanceKey, peer queue.Peer, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.peers == nil {
		a.peers, a.changed = make(map[attendanceKey]*attendance), make(map[attendanceKey]struct{})
	}
	at := a.peers[key]
	if at == nil {
		at = &attendance{Subscription: key.subscription, Thumbprint: peer.Thumbprint, SHA256: peer.SHA256, Addr: peer.Addr, Since: time.Now()}
		a.peers[key] = at
	}
	if at.Connections += n; at.Connections == 0 {
		delete(a.peers, key)
	}
	a.changed[key] = struct{}{}
}

// count notes who is busy.
func (a *attendances) count(busy map[attendanceKey]int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, at := range a.peers {
		if n := busy[key]; at.Busy != n {
			at.Busy = n
			a.changed[key] = struct{}{}
		}
	}
}

// changes takes what is to be written: all that has changed, or with all
// everything. With an error give it back.
func (a *attendances) changes(all bool) (set map[string]string, drop []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if all {
		for key := range a.peers {
			a.changed[key] = struct{}{}
		}
	}
	set = make(map[string]string, len(a.changed))
	for key := range a.changed {
		at := a.peers[key]
		if at == nil {
			drop = append(drop, key.field())
		} else if value, err := json.Marshal(at); err == nil {
			set[key.field()] = string(value)
		}
	}
	clear(a.changed)
	return set, drop
}

func (a *attendances) some() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.peers) > 0
}

// watchAttendances writes what has changed, and keeps the rest from expiring.
func (p *Provider) watchAttendances(now time.Time) {
	a := &p.attendances
	if now.Sub(a.counted) >= attendanceCount {
		a.counted = now
		a.count(p.busy())
	}
	renew := now.Sub(a.renewed) >= p.timing.attend && a.some()
	set, drop := a.changes(renew)
	if len(set)+len(drop) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(p.life, p.timing.attempt)
	defer cancel()
	if err := p.storage.attend(ctx, set, drop); err != nil {
		a.renewed = time.Time{} // all is written with the next round
		return
	}
	if renew {
		a.renewed = now
	}
	a.mu.Lock()
	a.kept = true
	a.mu.Unlock()
}

// busy counts the requests that the peers of this node hold.
func (p *Provider) busy() map[attendanceKey]int {
	p.mu.Lock()
	held := slices.Collect(maps.Values(p.deliveries))
	calls := slices.Collect(maps.Values(p.calls))
	p.mu.Unlock()
	for _, c := range calls {
		c.mu.Lock()
		if c.holder != nil {
			held = append(held, c.holder)
		}
		c.mu.Unlock()
	}
	busy := make(map[attendanceKey]int)
	for _, d := range held {
		busy[attendanceKey{d.queue.subscription, pinsOf(d.peer)}]++
	}
	return busy
}

// leaveAll takes this node out of what others see.
func (p *Provider) leaveAll() {
	p.attendances.mu.Lock()
	kept := p.attendances.kept
	p.attendances.mu.Unlock()
	if kept {
		_ = p.timing.try(p.storing, func(ctx context.Context) error { return p.storage.unattend(ctx) }) // otherwise it expires
	}
}

// Attendances implements queue.Cluster. What others have written is believed as
// it is.
func (p *Provider) Attendances(ctx context.Context) ([]queue.Attendance, error) {
	ctx, cancel := p.bind(ctx)
	defer cancel()
	return p.storage.attendances(ctx)
}

// AllStats implements queue.Cluster.
func (p *Provider) AllStats(ctx context.Context, subscriptions []string) ([]queue.Stats, error) {
	ctx, cancel := p.bind(ctx)
	defer cancel()
	all := make([]queue.Stats, len(subscriptions))
	keys := make([]*endpointKeys, len(subscriptions))
	known := make([]*redisQueue, len(subscriptions))
	p.mu.Lock()
	for i, name := range subscriptions {
		known[i] = p.queues[name]
	}
	p.mu.Unlock()
	for i, q := range known {
		if q == nil {
			keys[i] = p.keys.endpoint(subscriptions[i], p.node)
			continue
		}
		all[i], keys[i] = q.own(), q.keys
	}
	lengths, err := p.storage.lengths(ctx, keys)
	for i, l := range lengths {
		all[i].Length, all[i].Oldest = l.entries, l.oldest
	}
	return all, err
}

func (k keyspace) attendances(node string) string {
	return k.prefix + ":hash:" + goNamespace + "Attendance::" + node
}

func (k keyspace) nodes() string { return k.prefix + ":zset:" + goNamespace + "Nodes" }

// fieldsAtOnce is how many fields go into one command.
const fieldsAtOnce = 500

// attend writes what has changed, and puts the expiry off.
func (s *storage) attend(ctx context.Context, set map[string]string, drop []string) error {
	key := s.keys.attendances(s.node)
	var cmds rueidis.Commands
	put := s.client.B().Hset().Key(key).FieldValue()
	n := 0
	for field, value := range set {
		put = put.FieldValue(field, value)
		if n++; n%fieldsAtOnce == 0 {
			cmds = append(cmds, put.Build())
			put = s.client.B().Hset().Key(key).FieldValue()
		}
	}
	if n%fieldsAtOnce != 0 {
		cmds = append(cmds, put.Build())
	}
	for fields := range slices.Chunk(drop, fieldsAtOnce) {
		cmds = append(cmds, s.client.B().Hdel().Key(key).Field(fields...).Build())
	}
	cmds = append(cmds,
		s.client.B().Pexpire().Key(key).Milliseconds(attendanceLife.Milliseconds()).Build(),
		s.client.B().Zadd().Key(s.keys.nodes()).ScoreMember().ScoreMember(float64(time.Now().Unix()), s.node).Build(),
		s.client.B().Expire().Key(s.keys.nodes()).Seconds(int64(nodeLife/time.Second)).Build())
	var errs []error
	for _, reply := range s.client.DoMulti(ctx, cmds...) {
		errs = append(errs, reply.Error())
	}
	return errors.Join(errs...)
}

func (s *storage) unattend(ctx context.Context) error {
	return errors.Join(
		s.client.Do(ctx, s.client.B().Unlink().Key(s.keys.attendances(s.node)).Build()).Error(),
		s.client.Do(ctx, s.client.B().Zrem().Key(s.keys.nodes()).Member(s.node).Build()).Error())
}

// attendances reads what the other nodes have written.
func (s *storage) attendances(ctx context.Context) ([]queue.Attendance, error) {
	nodes, err := s.client.Do(ctx, s.client.B().Zrange().Key(s.keys.nodes()).Min("0").Max("-1").Withscores().Build()).AsZScores()
	if err != nil {
		return nil, &Error{Step: "asking for the nodes", Key: s.keys.nodes(), Err: err, Attempts: 1}
	}
	nodes = slices.DeleteFunc(nodes, func(node rueidis.ZScore) bool { return node.Member == s.node })
	cmds := make(rueidis.Commands, len(nodes))
	for i, node := range nodes {
		cmds[i] = s.client.B().Hgetall().Key(s.keys.attendances(node.Member)).Build()
	}
	var all []queue.Attendance
	var gone []string
	for i, reply := range s.client.DoMulti(ctx, cmds...) {
		fields, err := reply.AsStrMap()
		if err != nil {
			return nil, &Error{Step: "asking who collects", Key: s.keys.attendances(nodes[i].Member), Err: err, Attempts: 1}
		}
		if len(fields) == 0 && nodes[i].Score < float64(time.Now().Add(-time.Hour).Unix()) {
			gone = append(gone, nodes[i].Member) // it has died, or has nobody
		}
		for _, value := range fields {
			var at attendance
			if json.Unmarshal([]byte(value), &at) == nil && at.Connections > 0 {
				all = append(all, at.of(nodes[i].Member))
			}
		}
	}
	if len(gone) > 0 {
		_ = s.client.Do(ctx, s.client.B().Zrem().Key(s.keys.nodes()).Member(gone...).Build()).Error() // the next who asks does it
	}
	slices.SortFunc(all, func(a, b queue.Attendance) int {
		return cmp.Or(strings.Compare(a.Subscription, b.Subscription), a.Since.Compare(b.Since))
	})
	return all, nil
}

func (a *attendance) of(node string) queue.Attendance {
	return queue.Attendance{
		Subscription: a.Subscription, Node: node, Connections: a.Connections, Busy: max(a.Busy, 0), Since: a.Since,
		Peer: queue.Peer{Thumbprint: a.Thumbprint, SHA256: a.SHA256, Addr: a.Addr},
	}
}

// queueLength is how many entries a queue has, and since when the first waits;
// zero if that is not known.
type queueLength struct {
	entries int
	oldest  time.Time
}

// lengths asks for many queues with few round trips.
func (s *storage) lengths(ctx context.Context, keys []*endpointKeys) ([]queueLength, error) {
	all := make([]queueLength, 0, len(keys))
	for some := range slices.Chunk(keys, fieldsAtOnce) {
		lengths, err := s.someLengths(ctx, some)
		if err != nil {
			return nil, err
		}
		all = append(all, lengths...)
	}
	return all, nil
}

func (s *storage) someLengths(ctx context.Context, keys []*endpointKeys) ([]queueLength, error) {
	cmds := make(rueidis.Commands, 0, 2*len(keys))
	for _, e := range keys {
		cmds = append(cmds, s.client.B().Llen().Key(e.list).Build(), s.client.B().Lindex().Key(e.list).Index(0).Build())
	}
	replies := s.client.DoMulti(ctx, cmds...)
	lengths := make([]queueLength, len(keys))
	var oldest rueidis.Commands
	var of []int
	for i, e := range keys {
		n, err := replies[2*i].AsInt64()
		if err != nil {
			return nil, err
		}
		lengths[i].entries = int(n)
		if id, err := replies[2*i+1].ToString(); err == nil { // otherwise it is empty, or was emptied between the two
			oldest = append(oldest, s.client.B().Hget().Key(e.requestKey(id)).Field(fieldQueued).Build())
			of = append(of, i)
		}
	}
	if len(of) == 0 {
		return lengths, nil
	}
	before := time.Now()
	now, err := s.client.Do(ctx, s.client.B().Time().Build()).AsIntSlice()
	if err != nil || len(now) != 2 {
		return lengths, nil
	}
	// The server's clock may be another: what counts is how long ago that was.
	here := before.Add(time.Since(before) / 2)
	for i, reply := range s.client.DoMulti(ctx, oldest...) {
		if queued, err := reply.AsInt64(); err == nil {
			lengths[of[i]].oldest = here.Add(-time.Duration(now[0]*1e6+now[1]-queued) * time.Microsecond)
		}
	}
	return lengths, nil
}
