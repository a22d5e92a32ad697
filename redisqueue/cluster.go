package redisqueue

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/halibut-go/halibut/queue"
)

// In a Cluster the keys of one endpoint are on different servers, so that what
// a script does at once elsewhere takes several steps here. A request's key and
// that of its claim are in one slot (see keyspace.endpoint), and moving it
// between the two is what decides who has it.

// scriptPut stores a request that nobody knows of yet.
//
//	KEYS request; ARGV life in ms, message, metadata, pins, sender
var scriptPut = newScript(`
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'RequestMessageField', ARGV[2], 'DataStreamMetaDataField', ARGV[3],
	'GoQueued', now[1] .. string.format('%06d', now[2]), 'GoPins', ARGV[4], 'GoSender', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`)

// scriptPush puts a stored request at the end of the queue and tells everybody.
// It returns -1 when the queue is full. An id that is in the queue twice does no
// harm.
//
//	KEYS list; ARGV id, life in s, pulse channel, limit on the length or 0
var scriptPush = newScript(`
local limit = tonumber(ARGV[4])
if limit > 0 and redis.call('LLEN', KEYS[1]) >= limit then return -1 end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], '{}')
return 1`)

// scriptClaimOne claims one request. It returns nothing when the request is
// gone, its pins when the peer may not have it, and otherwise: message,
// metadata, pins, sender, age in microseconds, life left in ms.
//
//	KEYS request, claim; ARGV token, node, SHA-1 pin, SHA-256 pin
var scriptClaimOne = newScript(`
if redis.call('HGET', KEYS[2], 'GoToken') ~= ARGV[1] then
	if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
	local pins = redis.call('HGET', KEYS[1], 'GoPins')
	if pins and pins ~= '' then
		local may = false
		for pin in string.gmatch(pins, '%S+') do
			if pin == ARGV[3] or pin == ARGV[4] then may = true end
		end
		if not may then return {pins} end
	end
	redis.call('RENAME', KEYS[1], KEYS[2])
	redis.call('HSET', KEYS[2], 'GoToken', ARGV[1], 'GoClaimer', ARGV[2])
end
local f = redis.call('HMGET', KEYS[2], 'RequestMessageField', 'DataStreamMetaDataField', 'GoPins', 'GoSender', 'GoQueued')
local now, age = redis.call('TIME'), -1
if f[5] then age = now[1] * 1000000 + now[2] - tonumber(f[5]) end
return {f[1] or '', f[2] or '', f[3] or '', f[4] or '', string.format('%.0f', age), redis.call('PTTL', KEYS[2])}`)

// scriptUnclaim makes a claim a request again. It returns 1 and when the request
// was queued, or what scriptRelease returns.
//
//	KEYS request, claim; ARGV token, grace in ms, pins or ''
var scriptUnclaim = newScript(`
if redis.call('HGET', KEYS[2], 'GoToken') ~= ARGV[1] then return {0} end
local life = redis.call('PTTL', KEYS[2])
if life >= 0 and life <= tonumber(ARGV[2]) then return {-1} end
redis.call('HDEL', KEYS[2], 'GoToken', 'GoClaimer')
redis.call('RENAME', KEYS[2], KEYS[1])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'GoPins', ARGV[3]) end
return {1, redis.call('HGET', KEYS[1], 'GoQueued') or ''}`)

// scriptInsert puts an id before another, or at the end of the queue.
//
//	KEYS list; ARGV id, the other or '', life in s, pulse channel
var scriptInsert = newScript(`
if ARGV[2] == '' then
	redis.call('RPUSH', KEYS[1], ARGV[1])
elseif redis.call('LINSERT', KEYS[1], 'BEFORE', ARGV[2], ARGV[1]) <= 0 then
	redis.call('LPUSH', KEYS[1], ARGV[1])
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[4], '{}')
return 1`)

// enqueueInCluster is enqueue where the keys are on several servers. Nobody can
// collect the request before both steps are done, so that either can be
// repeated.
func (s *storage) enqueueInCluster(ctx context.Context, e *endpointKeys, r newRequest) error {
	key := e.requestKey(r.id)
	err := s.timing.retry(ctx, step{name: "storing a request", key: key}, func(ctx context.Context) error {
		return s.exec(ctx, scriptPut, []string{key}, []string{milliseconds(r.life), text(r.payload.message), text(r.payload.metadata), r.pins, s.node}).Error()
	})
	var failed *Error
	if errors.As(err, &failed) {
		failed.Unsure = false // what is not in the list cannot be collected
	}
	if err != nil {
		return err
	}
	return s.timing.retry(ctx, step{name: "queuing a request", key: e.list}, func(ctx context.Context) error {
		return fullOr(s.exec(ctx, scriptPush, []string{e.list}, []string{r.id, seconds(listLife), e.pulse, strconv.Itoa(r.limit)}).AsInt64())
	})
}

// claimInCluster is claim where the keys are on several servers. It takes one
// request at most.
func (s *storage) claimInCluster(ctx context.Context, e *endpointKeys, attempt *claim, peer queue.Peer) (*claims, error) {
	ids, err := s.client.Do(ctx, s.client.B().Lrange().Key(e.list).Start(0).Stop(scan-1).Build()).AsStrSlice()
	if err != nil {
		return nil, err
	}
	batch := &claims{left: int64(len(ids))}
	if attempt.id != "" {
		ids = slices.Insert(ids, 0, attempt.id)
	}
	for _, id := range ids {
		attempt.id = id
		found, gone, err := s.claimOne(ctx, e, attempt, peer)
		if reply, refused := rueidis.IsRedisErr(err); refused && strings.HasPrefix(reply.Error(), "WRONGTYPE") {
			attempt.id = ""
			batch.left--
			batch.bad = &unreadable{id, reply.Error()}
			return batch, s.unlist(ctx, e, id)
		}
		if err != nil {
			return nil, err
		}
		attempt.id = ""
		if found == nil && !gone {
			continue // it is for somebody else
		}
		batch.left = max(batch.left-1, 0)
		cancelled, err := s.takeOut(ctx, e, id, found)
		if err != nil {
			return nil, err
		}
		if found != nil && !cancelled {
			batch.claims = append(batch.claims, found)
			return batch, nil
		}
	}
	return batch, nil
}

func (s *storage) claimOne(ctx context.Context, e *endpointKeys, attempt *claim, peer queue.Peer) (c *claimed, gone bool, err error) {
	id := attempt.id
	reply, err := s.exec(ctx, scriptClaimOne, []string{e.requestKey(id), e.claimKey(id)},
		[]string{attempt.token, s.node, peer.Thumbprint, peer.SHA256}).ToArray()
	switch {
	case err != nil:
		return nil, false, err
	case len(reply) == 0:
		return nil, true, nil
	case len(reply) != 6:
		return nil, false, nil
	}
	c, err = parseClaim(id, reply)
	return c, false, err
}

// takeOut removes a claimed request, or one that is gone, from the list. It
// reports whether a claimed one was cancelled, and then forgets it. The claim
// holds whatever becomes of this: only its own error is told.
func (s *storage) takeOut(ctx context.Context, e *endpointKeys, id string, found *claimed) (cancelled bool, err error) {
	cmds := rueidis.Commands{s.client.B().Lrem().Key(e.list).Count(1).Element(id).Build()}
	if found != nil {
		cmds = append(cmds, s.client.B().Exists().Key(e.markerKey(id)).Build())
	}
	replies := s.client.DoMulti(ctx, cmds...)
	if found == nil {
		return false, replies[0].Error()
	}
	n, err := replies[1].AsInt64()
	if err != nil || n == 0 {
		return false, nil // an entry that stays is removed by who finds nothing behind it
	}
	return true, s.client.Do(ctx, s.client.B().Unlink().Key(e.claimKey(id)).Build()).Error()
}

// releaseInCluster is release where the keys are on several servers.
func (s *storage) releaseInCluster(ctx context.Context, e *endpointKeys, id, token, pins string, budget time.Duration) (outcome int64, err error) {
	key := e.claimKey(id)
	queued, unsure, unclaimed := "", false, false
	err = s.timing.retry(ctx, step{name: "putting a request back", key: key, budget: budget}, func(ctx context.Context) error {
		if !unclaimed {
			if n, err := s.client.Do(ctx, s.client.B().Exists().Key(e.markerKey(id)).Build()).AsInt64(); err != nil || n > 0 {
				outcome = releaseLeft
				return err
			}
			reply, err := s.exec(ctx, scriptUnclaim, []string{e.requestKey(id), key}, []string{token, milliseconds(requestGrace), pins}).ToArray()
			if err != nil {
				unsure = true
				return err
			}
			if outcome, err = reply[0].AsInt64(); err != nil || outcome != released && !(outcome == releaseGone && unsure) {
				return err
			}
			if len(reply) > 1 {
				queued, _ = reply[1].ToString()
			}
			outcome, unclaimed = released, true
		}
		return s.insert(ctx, e, id, queued)
	})
	if err != nil {
		return releaseError, err
	}
	return outcome, nil
}

// insert puts an id back into the list, before those that were queued later.
func (s *storage) insert(ctx context.Context, e *endpointKeys, id, queued string) error {
	ids, err := s.client.Do(ctx, s.client.B().Lrange().Key(e.list).Start(0).Stop(scan-1).Build()).AsStrSlice()
	if err != nil {
		return err
	}
	cmds := make(rueidis.Commands, len(ids))
	for i, other := range ids {
		cmds[i] = s.client.B().Hget().Key(e.requestKey(other)).Field(fieldQueued).Build()
	}
	before := ""
	mine, err := strconv.ParseInt(queued, 10, 64)
	for i, reply := range s.client.DoMulti(ctx, cmds...) {
		if theirs, replyErr := reply.AsInt64(); err != nil || replyErr != nil || theirs > mine {
			before = ids[i]
			break
		}
	}
	return s.exec(ctx, scriptInsert, []string{e.list}, []string{id, before, seconds(listLife), e.pulse}).Error()
}
