package redisqueue

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/queue"
)

// Between Go nodes a request need not be asked for. While a queue is in use,
// the nodes whose collectors wait are in a list, once for each collector. Who
// queues a request when no other waits takes a node out of the list and claims
// the request for it, all in one script, and tells that node on a channel of its
// own: a trip to Redis less. .NET nodes see nothing of such a request, as if
// they had come too late.
//
// The message may be lost with its connection. The sender therefore tells the
// node again until it has heard of it, and the node takes each request once.

// handedAtMost is the length up to which a request, with the metadata of its
// data streams, is in the message itself.
const handedAtMost = 32 << 10

// handover is the message that tells a node of a request that is now its own.
type handover struct {
	id                     string
	endpoint, pins, sender string
	life                   time.Duration
	payload                payload
	whole                  bool // the payload is there; otherwise it is in Redis
}

// newHandover is what a node is told of a request, and whether the payload's own
// message follows.
func newHandover(e *endpointKeys, sender string, r newRequest) (h *handover, follows bool) {
	h = &handover{id: r.id, endpoint: e.endpoint, pins: r.pins, sender: sender, life: r.life, payload: r.payload}
	if len(r.payload.message)+len(r.payload.metadata) > handedAtMost {
		h.payload = payload{}
		return h, false
	}
	return h, true
}

// head is the message up to the payload's own message, which may follow.
func (h *handover) head() []byte {
	var numbers [12]byte
	binary.LittleEndian.PutUint64(numbers[:], uint64(h.life.Milliseconds()))
	binary.LittleEndian.PutUint32(numbers[8:], uint32(len(h.payload.message)))
	b := make([]byte, 0, idLength+5*4+len(h.endpoint)+len(h.pins)+len(h.sender)+len(h.payload.metadata)+len(numbers))
	b = append(b, h.id...)
	for _, part := range []string{h.endpoint, h.pins, h.sender, text(h.payload.metadata), text(numbers[:])} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}

func parseHandover(published string) (*handover, bool) {
	if len(published) < idLength {
		return nil, false
	}
	h := &handover{id: published[:idLength]}
	rest := []byte(published[idLength:])
	var parts [5][]byte
	for i := range parts {
		var ok bool
		if parts[i], rest, ok = cutPart(rest); !ok {
			return nil, false
		}
	}
	h.endpoint, h.pins, h.sender, h.payload.metadata = string(parts[0]), string(parts[1]), string(parts[2]), parts[3]
	numbers := parts[4]
	if len(numbers) != 12 {
		return nil, false
	}
	h.life = time.Duration(min(binary.LittleEndian.Uint64(numbers), uint64(endlessPickUp/time.Millisecond*2))) * time.Millisecond
	h.payload.message, h.whole = rest, len(rest) > 0
	return h, len(rest) == 0 || uint64(len(rest)) == uint64(binary.LittleEndian.Uint32(numbers[8:]))
}

// handed is told of every request that is now this node's.
func (p *Provider) handed(published string) {
	h, ok := parseHandover(published)
	if !ok {
		return
	}
	id, ok := parseID(h.id)
	// The sender may tell us again for as long as it waits for a heartbeat.
	if !ok || p.ran.has(id) || !p.told.addNew(id, requestGrace) {
		return
	}
	if !p.goAlong(func() { p.take(id, h) }) {
		p.told.remove(id)
	}
}

// take gives a request that was handed to this node to a collector.
func (p *Provider) take(id uuid.UUID, h *handover) {
	p.mu.Lock()
	q := p.queues[h.endpoint]
	p.mu.Unlock()
	if q == nil {
		p.told.remove(id)
		return // we have never said that we are ready for it
	}
	found := &claimed{id: h.id, payload: h.payload, pins: h.pins, sender: h.sender, life: h.life}
	if !h.whole {
		var err error
		if found, err = p.storage.handed(p.storing, q.keys, h.id); err != nil || found == nil {
			p.told.remove(id) // it is somebody else's by now, or its sender tells us again
			return
		}
	}
	if r := q.accept(id, found, h.id); r != nil {
		q.offer(r)
	}
}

// readyEntry is what a list of nodes that are ready has for a node's peer.
func readyEntry(node string, peer queue.Peer) string {
	return strings.Join([]string{node, peer.Thumbprint, peer.SHA256}, " ")
}

// mayBeReady reports whether requests can be handed to this node.
func (p *Provider) mayBeReady() bool {
	return !p.isClosing() && p.handovers != nil && p.handovers.isLive()
}

// readiness is what is said about the collectors of a peer.
type readiness struct {
	entry string
	times int
}

// announce counts the collectors like peer which other nodes do not know of,
// and marks them as known. q.mu is held.
func (q *redisQueue) announce(peer queue.Peer) (r readiness) {
	if q.closed || !q.provider.mayBeReady() {
		return r
	}
	for _, w := range q.collectors {
		if w.waits && !w.announced && pinsOf(w.peer) == pinsOf(peer) {
			w.announced = true
			r.times++
		}
	}
	if r.times > 0 {
		r.entry = readyEntry(q.provider.node, peer)
	}
	return r
}

// isReady tells the others of collectors that wait while the queue is in use,
// as far as no response does that is on its way to Redis.
func (q *redisQueue) isReady() {
	for {
		q.mu.Lock()
		r := q.unannounced()
		q.mu.Unlock()
		if r.times == 0 {
			return
		}
		_ = q.provider.storage.ready(q.provider.life, q.keys, r) // without it requests are asked for
	}
}

// announces reports whether collectors that wait are told of by themselves: the
// queue is in use, and nothing is under way that tells of them. q.mu is held.
func (q *redisQueue) announces() bool {
	return q.storing == 0 && !q.claiming && time.Since(q.answered) < q.provider.timing.ready
}

// unannounced announces collectors that nobody else will. q.mu is held.
func (q *redisQueue) unannounced() readiness {
	if q.announces() {
		for _, w := range q.collectors {
			if w.waits && !w.announced {
				return q.announce(w.peer)
			}
		}
	}
	return readiness{}
}

// answers notes that responses are being stored: the queue is in use.
func (q *redisQueue) answers(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.storing += n
	q.answered = time.Now()
}
