package redisqueue

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// The hash fields of requests and responses (Redis queue protocol, section
// 1.3). Those that begin with Go are this library's own; .NET nodes neither
// read nor write them.
const (
	fieldMessage  = "RequestMessageField"
	fieldMetadata = "DataStreamMetaDataField"

	fieldQueued  = "GoQueued"  // when, in microseconds of the server's clock
	fieldPins    = "GoPins"    // who may collect the request, separated by spaces
	fieldSender  = "GoSender"  // the node that waits for the response
	fieldClaimer = "GoClaimer" // the node that has collected the request
	fieldToken   = "GoToken"   // of the claim by which it did
	fieldFailure = "GoFailure" // how a call ended without a response
)

// How long things live in Redis (Redis queue protocol, section 1.1).
const (
	listLife     = 24 * time.Hour
	responseLife = 20 * time.Minute
	markerLife   = 15 * time.Minute
	sentinelLife = 8 * time.Hour

	// requestGrace is how much longer than its pick-up limit a request stays.
	requestGrace = 2 * time.Minute

	// endlessPickUp stands for the pick-up limit of a request that has none.
	endlessPickUp = 24 * time.Hour
)

// keyspace makes the names of keys and channels (Redis queue protocol, section
// 1.1).
type keyspace struct {
	prefix   string // of keys: the application's and ":HalibutRedis"
	channels string // of channels: the same, after the channel prefix
}

func newKeyspace(prefix, channelPrefix string) keyspace {
	return keyspace{prefix: prefix + ":HalibutRedis", channels: channelPrefix + prefix + ":HalibutRedis"}
}

const (
	namespace   = "octopus::server::halibut::"
	goNamespace = "halibut-go::"
)

func (k keyspace) sentinel(id string) string { return k.prefix + ":string:WatchForDataLoss::" + id }

// cancelled is the channel on which Go nodes hear of every request that a Go
// node gave up.
func (k keyspace) cancelled() string { return k.channels + ":channel:" + goNamespace + "Cancelled" }

// node is the channel on which a Go node hears of the answers to its calls.
func (k keyspace) node(id string) string {
	return k.channels + ":channel:" + goNamespace + "Node::" + id
}

// handed is the channel on which a Go node hears of requests that are its own.
func (k keyspace) handed(node string) string { return k.handedHead() + node }

func (k keyspace) handedHead() string { return k.channels + ":channel:" + goNamespace + "Handed::" }

// endpointKeys are the names that belong to one endpoint, as .NET spells it.
type endpointKeys struct {
	endpoint                                    string
	list, pulse, last, ready                    string
	request, response, marker, guard            string // up to the request's id
	claimHead, claimTail                        string // around the request's id
	responseChannel, cancelChannel, beatChannel string
}

func (k keyspace) endpoint(endpoint, node string) *endpointKeys {
	e := &endpointKeys{
		endpoint: endpoint,
		list:     k.prefix + ":list:" + namespace + "PendingRequestGuidsQueue::" + endpoint,
		pulse:    k.channels + ":channel:" + namespace + "RequestMessagesPulseChannel::" + endpoint,
		ready:    k.prefix + ":list:" + goNamespace + "Ready::" + endpoint,
		last:     k.prefix + ":string:" + goNamespace + "LastClaim::" + endpoint + "::" + node,
		request:  k.prefix + ":hash:" + namespace + "RequestMessage::" + endpoint + "::",
		response: k.prefix + ":hash:" + namespace + "Response::" + endpoint + "::",
		marker:   k.prefix + ":string:" + namespace + "RequestCancelledMarker::" + endpoint + "::",

		guard: k.prefix + ":string:" + goNamespace + "Enqueued::" + endpoint + "::",

		responseChannel: k.channels + ":channel:" + namespace + "ResponseAvailableChannel::" + endpoint + "::",
		cancelChannel:   k.channels + ":channel:" + namespace + "RequestCancelledChannel::" + endpoint + "::",
		beatChannel:     k.channels + ":channel:" + namespace + "NodeHeartBeatChannel::" + endpoint + "::",
	}
	// A claimed request is renamed, which a Cluster does within one slot only:
	// the braces make both names belong to the slot of the request's key. Where
	// the prefix has braces of its own, they decide for both.
	if strings.ContainsRune(k.prefix, '{') {
		e.claimHead, e.claimTail = e.request, "::claim"
	} else {
		e.claimHead, e.claimTail = k.prefix+":hash:"+goNamespace+"Claim::{"+e.request, "}"
	}
	return e
}

func (e *endpointKeys) requestKey(id string) string  { return e.request + id }
func (e *endpointKeys) claimKey(id string) string    { return e.claimHead + id + e.claimTail }
func (e *endpointKeys) responseKey(id string) string { return e.response + id }
func (e *endpointKeys) markerKey(id string) string   { return e.marker + id }

func (e *endpointKeys) guardKey(id string) string { return e.guard + id }

func (e *endpointKeys) responseAvailable(id string) string { return e.responseChannel + id }
func (e *endpointKeys) requestCancelled(id string) string  { return e.cancelChannel + id }
func (e *endpointKeys) senderBeats(id string) string {
	return e.beatChannel + id + "::RequestSenderNode"
}
func (e *endpointKeys) processorBeats(id string) string {
	return e.beatChannel + id + "::RequestProcessorNode"
}

// parseID reads an id as .NET writes it, and refuses every other spelling: the
// id is part of names.
func parseID(text string) (uuid.UUID, bool) {
	id, err := uuid.Parse(text)
	return id, err == nil && id.String() == text
}
