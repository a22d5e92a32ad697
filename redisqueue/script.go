package redisqueue

import (
	"crypto/fips140"

	"github.com/redis/rueidis"
)

// newScript makes a script that Redis runs. Redis calls scripts by their SHA-1,
// which protects nothing: a program in FIPS mode may compute it.
func newScript(body string) (script *rueidis.Lua) {
	fips140.WithoutEnforcement(func() { script = rueidis.NewLuaScript(body) })
	return script
}

// The scripts make one step of what would otherwise be several commands, so
// that no key is left without an expiry and a step can be repeated when its
// reply was lost. Each says which keys it touches; those that touch several
// are for a single node, and for a Cluster only where the keys share a slot.

// scriptEnqueue stores a request. When no other waits and a node is ready for
// it, the request is claimed for that node, with its own id for a token, and the
// node is told; otherwise it goes to the end of the queue, and everybody is told.
// It does so once, however often it is sent. It returns the node, or nothing,
// or 'full'.
//
//	KEYS request, list, guard, claim, list of the nodes that are ready
//	ARGV life in ms, message, metadata, pins, sender, id, life of the list in s,
//	     pulse channel, limit on the length or 0, life of the guard in ms,
//	     channel of a node that is told up to its id, what it is told before the
//	     message, whether the message follows, how long nodes are ready in ms
var scriptEnqueue = newScript(`
local call, limit = redis.call, tonumber(ARGV[9])
local waiting = call('LLEN', KEYS[2])
if limit > 0 and waiting >= limit and call('EXISTS', KEYS[3]) == 0 then return 'full' end
if not call('SET', KEYS[3], '', 'NX', 'PX', ARGV[10]) then
	return call('HGET', KEYS[4], 'GoClaimer') or ''
end
local function mayCollect(sha1, sha256)
	if ARGV[4] == '' then return true end
	for pin in string.gmatch(ARGV[4], '%S+') do
		if pin == sha1 or pin == sha256 then return true end
	end
	return false
end
local function handOver()
	local told = ARGV[12]
	if ARGV[13] == 'true' then told = told .. ARGV[2] end
	while true do
		local entry = call('LPOP', KEYS[5])
		if not entry then return end
		local node, sha1, sha256 = string.match(entry, '^(%S+) (%S*) (%S*)$')
		if not mayCollect(sha1, sha256) then
			call('LPUSH', KEYS[5], entry)
			call('PEXPIRE', KEYS[5], ARGV[14])
			return
		end
		if call('PUBLISH', ARGV[11] .. node, told) > 0 then return node end
	end
end
local node = waiting == 0 and handOver()
local now = call('TIME')
now = now[1] .. string.format('%06d', now[2])
if node then
	call('HSET', KEYS[4], 'RequestMessageField', ARGV[2], 'DataStreamMetaDataField', ARGV[3],
		'GoQueued', now, 'GoPins', ARGV[4], 'GoSender', ARGV[5], 'GoToken', ARGV[6], 'GoClaimer', node)
	call('PEXPIRE', KEYS[4], ARGV[1])
	return node
end
call('HSET', KEYS[1], 'RequestMessageField', ARGV[2], 'DataStreamMetaDataField', ARGV[3],
	'GoQueued', now, 'GoPins', ARGV[4], 'GoSender', ARGV[5])
call('PEXPIRE', KEYS[1], ARGV[1])
call('RPUSH', KEYS[2], ARGV[6])
call('EXPIRE', KEYS[2], ARGV[7])
call('PUBLISH', ARGV[8], '{}')
return ''`)

// scriptReady says how many collectors of a node wait.
//
//	KEYS list of the nodes that are ready; ARGV its life in ms, entry, how often
var scriptReady = newScript(`
for _ = 1, tonumber(ARGV[3]) do redis.call('RPUSH', KEYS[1], ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`)

// scriptHanded finds a request that was claimed for a node, unless it was put
// back since. It returns message, metadata, pins, sender, age in microseconds,
// life left in ms.
//
//	KEYS claim; ARGV token
var scriptHanded = newScript(`
local f = redis.call('HMGET', KEYS[1], 'RequestMessageField', 'DataStreamMetaDataField', 'GoPins', 'GoSender', 'GoQueued', 'GoToken')
if f[6] ~= ARGV[1] then return {} end
local now = redis.call('TIME')
return {f[1], f[2], f[3], f[4], string.format('%.0f', now[1] * 1000000 + now[2] - tonumber(f[5])), redis.call('PTTL', KEYS[1])}`)

// scriptClaim takes the first requests out of the queue that the peer may have.
// The same token again gets the same requests again, and nothing else. Entries
// without a request, and requests that were cancelled, are removed.
//
// It returns the number of entries left, and for each request: id, message,
// metadata, pins, sender, age in microseconds, life left in ms. An entry that
// cannot be read ends the list, as its id and an error.
//
//	KEYS list, last claim, list of the nodes that are ready
//	ARGV token, node, request key up to the id, claim key before and after the
//	     id, marker key up to the id, SHA-1 pin, SHA-256 pin, how many entries
//	     to look at, how many requests to take, what the list of nodes has for
//	     each collector
var scriptClaim = newScript(`
local function mayCollect(pins)
	if not pins or pins == '' then return true end
	for pin in string.gmatch(pins, '%S+') do
		if pin == ARGV[7] or pin == ARGV[8] then return true end
	end
	return false
end
local now, reply = redis.call('TIME'), {0}
local function claimed(id)
	local key = ARGV[4] .. id .. ARGV[5]
	local f = redis.call('HMGET', key, 'RequestMessageField', 'DataStreamMetaDataField', 'GoPins', 'GoSender', 'GoQueued', 'GoToken')
	if f[6] ~= ARGV[1] then return end
	local age = -1
	if f[5] then age = now[1] * 1000000 + now[2] - tonumber(f[5]) end
	reply[#reply + 1] = {id, f[1] or '', f[2] or '', f[3] or '', f[4] or '', string.format('%.0f', age), redis.call('PTTL', key)}
end
local function finish()
	reply[1] = redis.call('LLEN', KEYS[1])
	return reply
end
local last = redis.call('GET', KEYS[2])
if last and string.sub(last, 1, #ARGV[1]) == ARGV[1] then
	for id in string.gmatch(string.sub(last, #ARGV[1] + 1), '[^\n]+') do claimed(id) end
	return finish()
end
local most, taken = tonumber(ARGV[10]), {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[9]) - 1)) do
	local key = ARGV[3] .. id
	local pins = redis.pcall('HGET', key, 'GoPins')
	if type(pins) == 'table' then
		redis.call('LREM', KEYS[1], 1, id)
		reply[#reply + 1] = {id, pins.err}
		break
	elseif not pins and redis.call('EXISTS', key) == 0 then
		redis.call('LREM', KEYS[1], 1, id)
	elseif redis.call('EXISTS', ARGV[6] .. id) == 1 then
		redis.call('LREM', KEYS[1], 1, id)
		redis.call('DEL', key)
	elseif mayCollect(pins) then
		local claim = ARGV[4] .. id .. ARGV[5]
		redis.call('LREM', KEYS[1], 1, id)
		redis.call('RENAME', key, claim)
		redis.call('HSET', claim, 'GoToken', ARGV[1], 'GoClaimer', ARGV[2])
		claimed(id)
		taken[#taken + 1] = id
		if #taken == most then break end
	end
end
if #taken > 0 then
	redis.call('SET', KEYS[2], ARGV[1] .. '\n' .. table.concat(taken, '\n'), 'EX', 600)
	redis.call('LREM', KEYS[3], #taken, ARGV[11])
end
return finish()`)

// scriptRelease puts a claimed request back to its old place. It returns 1, or
// -1 when its pick-up time is over, -3 when its caller has left, or 0 when the
// claim is no longer there.
//
//	KEYS list, request, claim
//	ARGV id, token, grace in ms, life of the list in s, pulse channel, request
//	     key up to the id, pins that the request is bound to from now on or '',
//	     marker key
var scriptRelease = newScript(`
if redis.call('HGET', KEYS[3], 'GoToken') ~= ARGV[2] then
	return 0
end
if redis.call('EXISTS', ARGV[8]) == 1 then return -3 end
local life = redis.call('PTTL', KEYS[3])
if life >= 0 and life <= tonumber(ARGV[3]) then return -1 end
redis.call('HDEL', KEYS[3], 'GoToken', 'GoClaimer')
redis.call('RENAME', KEYS[3], KEYS[2])
if ARGV[7] ~= '' then redis.call('HSET', KEYS[2], 'GoPins', ARGV[7]) end
local mine = redis.call('HGET', KEYS[2], 'GoQueued')
local placed = false
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
	local queued = redis.pcall('HGET', ARGV[6] .. id, 'GoQueued')
	if not mine or type(queued) ~= 'string' or tonumber(queued) > tonumber(mine) then
		redis.call('LINSERT', KEYS[1], 'BEFORE', id, ARGV[1])
		placed = true
		break
	end
end
if not placed then redis.call('RPUSH', KEYS[1], ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[5], '{}')
return 1`)

// scriptWithdraw takes back a request that nobody has collected. It returns
// 'withdrawn', the node that has collected it, or nothing when it is not known who
// has. Repeated, it returns the same.
//
//	KEYS request, claim, and the guard if it is not known whether the request was
//	     queued; ARGV how long to remember in ms
var scriptWithdraw = newScript(`
if redis.call('DEL', KEYS[1]) == 1 or
	KEYS[3] and redis.call('SET', KEYS[3], '', 'NX', 'PX', ARGV[1]) then
	redis.call('DEL', KEYS[2])
	redis.call('HSET', KEYS[2], 'GoClaimer', 'withdrawn')
	redis.call('PEXPIRE', KEYS[2], ARGV[1])
	return 'withdrawn'
end
return redis.call('HGET', KEYS[2], 'GoClaimer') or ''`)

// scriptRespond stores a response and tells the sender, and besides what
// scriptReady does.
//
//	KEYS response, and list of the nodes that are ready; ARGV life in ms, channel,
//	     message, metadata, failure or '', what to publish, life of the list in ms,
//	     entry, how often
var scriptRespond = newScript(`
redis.call('HSET', KEYS[1], 'RequestMessageField', ARGV[3], 'DataStreamMetaDataField', ARGV[4])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'GoFailure', ARGV[5]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[6])
if KEYS[2] then
	for _ = 1, tonumber(ARGV[9]) do redis.call('RPUSH', KEYS[2], ARGV[8]) end
	redis.call('PEXPIRE', KEYS[2], ARGV[7])
end
return 1`)

// scriptCancel tells whoever has collected a request that nobody waits for it.
// The marker comes first: whoever misses the message finds it.
//
//	KEYS marker; ARGV life in ms, channel, channel of the Go nodes, id
var scriptCancel = newScript(`
redis.call('SET', KEYS[1], '{}', 'PX', ARGV[1])
redis.call('PUBLISH', ARGV[2], '{}')
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1`)
