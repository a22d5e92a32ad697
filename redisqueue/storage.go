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

// put stores a request that nobody knows of yet.
func (s *storage) put(ctx context.Context, e *endpointKeys, id string, p payload, pins string, life time.Duration) error {
	key := e.requestKey(id)
	return s.timing.retry(ctx, step{name: "storing a request", key: key}, func(ctx context.Context) error {
		return s.exec(ctx, scriptPut, []string{key}, []string{milliseconds(life), text(p.message), text(p.metadata), pins, s.node}).Error()
	})
}

var errListFull = errors.New("the list has reached its limit")

// push puts a stored request at the end of the queue.
func (s *storage) push(ctx context.Context, e *endpointKeys, id string, limit int) error {
	return s.timing.retry(ctx, step{name: "queuing a request", key: e.list}, func(ctx context.Context) error {
		n, err := s.exec(ctx, scriptPush, []string{e.list}, []string{id, seconds(listLife), e.pulse, strconv.Itoa(limit)}).AsInt64()
		if err == nil && n < 0 {
			return errListFull
		}
		return err
	})
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

// claim takes the first request that a peer with these pins may have. left is
// the number of entries that stay.
func (s *storage) claim(ctx context.Context, e *endpointKeys, attempt *claim, sha1, sha256 string) (c *claimed, bad *unreadable, left int64, err error) {
	if s.cluster {
		return s.claimInCluster(ctx, e, attempt, queue.Peer{Thumbprint: sha1, SHA256: sha256})
	}
	token := attempt.token
	reply, err := s.exec(ctx, scriptClaim, []string{e.list, e.last},
		[]string{token, s.node, e.request, e.claimHead, e.claimTail, e.marker, sha1, sha256, strconv.Itoa(scan)}).ToArray()
	if err != nil {
		return nil, nil, 0, err
	}
	if len(reply) == 0 {
		return nil, nil, 0, errors.New("the claim got an empty reply")
	}
	if left, err = reply[0].AsInt64(); err != nil {
		return nil, nil, 0, err
	}
	switch len(reply) {
	case 1:
		return nil, nil, left, nil
	case 3:
		reason, _ := reply[1].ToString()
		id, _ := reply[2].ToString()
		return nil, &unreadable{id, reason}, left, nil
	case 8:
		id, err := reply[1].ToString()
		if err != nil {
			return nil, nil, left, err
		}
		c, err = parseClaim(id, reply[2:])
		return c, nil, left, err
	}
	return nil, nil, left, fmt.Errorf("the claim got a reply of %d values", len(reply))
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
// withdrawn, or the node that has collected it, "" if that is not known.
func (s *storage) withdraw(ctx context.Context, e *endpointKeys, id string, budget time.Duration) (claimer string, err error) {
	key := e.requestKey(id)
	err = s.timing.retry(ctx, step{name: "taking a request back", key: key, budget: budget}, func(ctx context.Context) (err error) {
		claimer, err = s.exec(ctx, scriptWithdraw, []string{key, e.claimKey(id)}, []string{milliseconds(time.Minute)}).ToString()
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

// respond stores a response, or how the call ended without one.
func (s *storage) respond(ctx context.Context, e *endpointKeys, id string, p payload, failure []byte) error {
	key := e.responseKey(id)
	return s.timing.retry(ctx, step{name: "storing a response", key: key, budget: s.timing.respond, patient: true}, func(ctx context.Context) error {
		return s.exec(ctx, scriptRespond, []string{key},
			[]string{milliseconds(responseLife), e.responseAvailable(id), text(p.message), text(p.metadata), text(failure)}).Error()
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

// length is how many entries a queue has, and how long the first has waited;
// negative if that is not known.
func (s *storage) length(ctx context.Context, e *endpointKeys) (n int64, oldest time.Duration, err error) {
	replies := s.client.DoMulti(ctx, s.client.B().Llen().Key(e.list).Build(), s.client.B().Lindex().Key(e.list).Index(0).Build())
	if n, err = replies[0].AsInt64(); err != nil || n == 0 {
		return 0, -1, err
	}
	id, err := replies[1].ToString()
	if err != nil {
		return n, -1, nil // collected between the two
	}
	queued, queuedErr := s.client.Do(ctx, s.client.B().Hget().Key(e.requestKey(id)).Field(fieldQueued).Build()).AsInt64()
	now, nowErr := s.client.Do(ctx, s.client.B().Time().Build()).AsIntSlice()
	if queuedErr != nil || nowErr != nil || len(now) != 2 {
		return n, -1, nil
	}
	return n, time.Duration(now[0]*1e6+now[1]-queued) * time.Microsecond, nil
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
