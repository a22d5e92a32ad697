package redisqueue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/halibut-go/halibut/queue"
)

// storage does the steps of the protocol in Redis. Each can be repeated.
type storage struct {
	client rueidis.Client
	timing *timing
	keys   keyspace
	node   string // this node's id
	// cluster: keys are in slots, and a command may touch those of one only.
	cluster bool
}

// payload is what is stored of a message.
type payload struct {
	message  []byte
	metadata []byte // of its data streams
}

func text(b []byte) string { return rueidis.BinaryString(b) }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// exec runs a script once.
func (s *storage) exec(ctx context.Context, script *rueidis.Lua, keys, args []string) rueidis.RedisResult {
	return script.Exec(ctx, s.client, keys, args)
}

// newRequest is what is needed to queue a request.
type newRequest struct {
	id      string
	payload payload
	pins    string
	life    time.Duration
	limit   int // on the queue's length; 0: none
}

var errListFull = errors.New("the list has reached its limit")

// guardLife is longer than a request is tried to be queued.
const guardLife = 2 * time.Minute

// enqueue stores a request and puts it at the end of the queue, unless it goes
// to a node that is ready for it, which is returned then.
func (s *storage) enqueue(ctx context.Context, e *endpointKeys, r newRequest) (claimer string, err error) {
	if s.cluster {
		return "", s.enqueueInCluster(ctx, e, r)
	}
	key := e.requestKey(r.id)
	told, follows := newHandover(e, s.node, r)
	keys := []string{key, e.list, e.guardKey(r.id), e.claimKey(r.id), e.ready}
	args := []string{
		milliseconds(r.life), text(r.payload.message), text(r.payload.metadata), r.pins, s.node,
		r.id, seconds(listLife), e.pulse, strconv.Itoa(r.limit), milliseconds(guardLife),
		s.keys.handedHead(), text(told.head()), strconv.FormatBool(follows), milliseconds(s.timing.ready),
	}
	err = s.timing.retry(ctx, step{name: "queuing a request", key: key + ", " + e.list}, func(ctx context.Context) (err error) {
		if claimer, err = s.exec(ctx, scriptEnqueue, keys, args).ToString(); err == nil && claimer == "full" {
			err = errListFull
		}
		return err
	})
	return claimer, err
}

// ready says that collectors of this node wait.
func (s *storage) ready(ctx context.Context, e *endpointKeys, r readiness) error {
	return s.timing.try(ctx, func(ctx context.Context) error {
		return s.exec(ctx, scriptReady, []string{e.ready}, []string{milliseconds(s.timing.ready), r.entry, strconv.Itoa(r.times)}).Error()
	})
}

// handed finds a request that was handed to this node; nil when it is not its
// own any more.
func (s *storage) handed(ctx context.Context, e *endpointKeys, id string) (c *claimed, err error) {
	key := e.claimKey(id)
	err = s.timing.retry(ctx, step{name: "reading a request", key: key}, func(ctx context.Context) error {
		reply, err := s.exec(ctx, scriptHanded, []string{key}, []string{id}).ToArray()
		if err == nil && len(reply) == 6 {
			c, err = parseClaim(id, reply)
		}
		return err
	})
	return c, err
}

func fullOr(n int64, err error) error {
	if err == nil && n < 0 {
		return errListFull
	}
	return err
}

// claimed is a request that this node has collected.
type claimed struct {
	id      string
	payload payload
	pins    string
	sender  string        // node, "" if it is a .NET one
	age     time.Duration // since it was queued; negative if not known
	life    time.Duration // until Redis forgets it
}

// unreadable is an entry of the queue that holds something else.
type unreadable struct{ id, reason string }

// claim is an attempt to collect a request. The same attempt can be made again
// until it has a reply; it then finds the same request.
type claim struct {
	token string
	id    string // in a Cluster: of the request that may have been claimed
}

// scan is how many entries of a queue a claim looks at.
const scan = 1000

// claims is what one attempt has collected.
type claims struct {
	claims []*claimed
	bad    *unreadable
	left   int64 // entries that stay
}

// claim takes the first requests that a peer may have, most at most.
func (s *storage) claim(ctx context.Context, e *endpointKeys, attempt *claim, peer queue.Peer, most int) (*claims, error) {
	if s.cluster {
		return s.claimInCluster(ctx, e, attempt, peer)
	}
	reply, err := s.exec(ctx, scriptClaim, []string{e.list, e.last, e.ready}, []string{
		attempt.token, s.node, e.request, e.claimHead, e.claimTail, e.marker, peer.Thumbprint, peer.SHA256, strconv.Itoa(scan), strconv.Itoa(most),
		readyEntry(s.node, peer),
	}).ToArray()
	if err != nil {
		return nil, err
	}
	if len(reply) == 0 {
		return nil, errors.New("the claim got an empty reply")
	}
	batch := &claims{}
	if batch.left, err = reply[0].AsInt64(); err != nil {
		return nil, err
	}
	for _, item := range reply[1:] {
		if err := batch.add(item); err != nil {
			return nil, err
		}
	}
	return batch, nil
}

func (b *claims) add(item rueidis.RedisMessage) error {
	values, err := item.ToArray()
	if err != nil {
		return err
	}
	if len(values) != 2 && len(values) != 7 {
		return fmt.Errorf("the claim got a reply of %d values", len(values))
	}
	id, err := values[0].ToString()
	if err != nil {
		return err
	}
	if len(values) == 2 {
		reason, err := values[1].ToString()
		b.bad = &unreadable{id, reason}
		return err
	}
	c, err := parseClaim(id, values[1:])
	b.claims = append(b.claims, c)
	return err
}

// parseClaim reads message, metadata, pins, sender, age and life.
func parseClaim(id string, reply []rueidis.RedisMessage) (*claimed, error) {
	var err error
	str := func(i int) string {
		v, e := reply[i].ToString()
		err = errors.Join(err, e)
		return v
	}
	c := &claimed{id: id, pins: str(2), sender: str(3)}
	c.payload.message, c.payload.metadata = []byte(str(0)), []byte(str(1))
	age, ageErr := strconv.ParseInt(str(4), 10, 64)
	life, lifeErr := reply[5].AsInt64()
	c.age, c.life = time.Duration(age)*time.Microsecond, time.Duration(life)*time.Millisecond
	return c, errors.Join(err, ageErr, lifeErr)
}

// What became of a request that was to be put back.
const (
	released     = 1
	releaseLate  = -1 // its pick-up time is over
	releaseGone  = 0  // Redis does not know the claim
	releaseError = -2
	releaseLeft  = -3 // its caller has left
)

// release puts a claimed request back to its old place.
func (s *storage) release(ctx context.Context, e *endpointKeys, id, token, pins string, budget time.Duration) (int64, error) {
	key := e.claimKey(id)
	if s.cluster {
		return s.releaseInCluster(ctx, e, id, token, pins, budget)
	}
	var n int64
	unsure := false
	err := s.timing.retry(ctx, step{name: "putting a request back", key: key, budget: budget}, func(ctx context.Context) (err error) {
		n, err = s.exec(ctx, scriptRelease, []string{e.list, e.requestKey(id), key},
			[]string{id, token, milliseconds(requestGrace), seconds(listLife), e.pulse, e.request, pins, e.markerKey(id)}).AsInt64()
		if err == nil && n == releaseGone && unsure {
			n = released // by an attempt whose reply was lost
		}
		unsure = unsure || err != nil
		return err
	})
	if err != nil {
		return releaseError, err
	}
	return n, nil
}

// withdrawn stands for the sender itself where a claimer is named.
const withdrawn = "withdrawn"

// withdraw takes back a request that nobody has collected. It returns
// withdrawn, or the node that has collected it, "" if that is not known. With
// guarded it is not known whether the request was queued: if not, it cannot be
// any more.
func (s *storage) withdraw(ctx context.Context, e *endpointKeys, id string, guarded bool, budget time.Duration) (claimer string, err error) {
	key := e.requestKey(id)
	err = s.timing.retry(ctx, step{name: "taking a request back", key: key, budget: budget}, func(ctx context.Context) (err error) {
		keys := []string{key, e.claimKey(id)}
		if guarded && !s.cluster {
			keys = append(keys, e.guardKey(id))
		}
		claimer, err = s.exec(ctx, scriptWithdraw, keys, []string{milliseconds(guardLife)}).ToString()
		return err
	})
	return claimer, err
}

// unlist removes the entry of a request that is gone. Without it a claim
// removes the entry; until then the queue looks longer than it is.
func (s *storage) unlist(ctx context.Context, e *endpointKeys, id string) error {
	return s.timing.try(ctx, func(ctx context.Context) error {
		return s.client.Do(ctx, s.client.B().Lrem().Key(e.list).Count(1).Element(id).Build()).Error()
	})
}

// respond stores a response, or how the call ended without one. The sender is
// told by its node's channel if it is a Go node, with the answer itself if that
// is short. Besides the others hear of collectors that wait.
func (s *storage) respond(ctx context.Context, e *endpointKeys, id, sender string, a *answer, r readiness) error {
	key, channel, message := e.responseKey(id), e.responseAvailable(id), "{}"
	if sender != "" {
		channel, message = s.keys.node(sender), a.publication(id)
	}
	keys := []string{key}
	args := []string{milliseconds(responseLife), channel, text(a.payload.message), text(a.payload.metadata), text(a.failure), message}
	if r.times > 0 {
		keys, args = append(keys, e.ready), append(args, milliseconds(s.timing.ready), r.entry, strconv.Itoa(r.times))
	}
	return s.timing.retry(ctx, step{name: "storing a response", key: key, budget: s.timing.respond, patient: true}, func(ctx context.Context) error {
		err := s.exec(ctx, scriptRespond, keys, args).Error()
		if err != nil {
			keys = keys[:1] // who waited then may have been served since
		}
		return err
	})
}

// answer is what is stored as the response to a request.
type answer struct {
	payload payload
	failure []byte
}

// response reads the response to a request; nil when there is none yet.
func (s *storage) response(ctx context.Context, e *endpointKeys, id string) (*answer, error) {
	key := e.responseKey(id)
	var a *answer
	err := s.timing.retry(ctx, step{name: "reading a response", key: key}, func(ctx context.Context) error {
		reply, err := s.client.Do(ctx, s.client.B().Hmget().Key(key).Field(fieldMessage, fieldMetadata, fieldFailure).Build()).ToArray()
		if err != nil {
			return err
		}
		if len(reply) != 3 || reply[0].IsNil() && reply[2].IsNil() {
			return nil
		}
		a = &answer{}
		for i, field := range []*[]byte{&a.payload.message, &a.payload.metadata, &a.failure} {
			if v, err := reply[i].ToString(); err == nil {
				*field = []byte(v)
			}
		}
		return nil
	})
	return a, err
}

// waits reports whether a request is still there to be collected.
func (s *storage) waits(ctx context.Context, e *endpointKeys, id string) (there bool, err error) {
	key := e.requestKey(id)
	err = s.timing.try(ctx, func(ctx context.Context) (err error) {
		there, err = s.client.Do(ctx, s.client.B().Hexists().Key(key).Field(fieldMessage).Build()).AsBool()
		return err
	})
	return there, err
}

// cancel tells whoever has collected a request that nobody waits for it.
func (s *storage) cancel(ctx context.Context, e *endpointKeys, id string) error {
	key := e.markerKey(id)
	return s.timing.retry(ctx, step{name: "cancelling a request", key: key, budget: 4 * s.timing.budget}, func(ctx context.Context) error {
		return s.exec(ctx, scriptCancel, []string{key}, []string{milliseconds(markerLife), e.requestCancelled(id), s.keys.cancelled(), id}).Error()
	})
}

// unlink deletes keys.
func (s *storage) unlink(ctx context.Context, keys []string) error {
	if !s.cluster {
		return s.client.Do(ctx, s.client.B().Unlink().Key(keys...).Build()).Error()
	}
	cmds := make(rueidis.Commands, len(keys))
	for i, key := range keys {
		cmds[i] = s.client.B().Unlink().Key(key).Build()
	}
	var errs []error
	for _, reply := range s.client.DoMulti(ctx, cmds...) {
		errs = append(errs, reply.Error())
	}
	return errors.Join(errs...)
}
