package redisqueue

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// The reference's texts, by which .NET callers tell errors apart (Redis queue
// protocol, sections 6 and 8.1).
const (
	abandonedText = "The request was abandoned, possibly because the node processing the request shutdown or redis lost all of its data."
	offlineText   = "The node processing the request did not send a heartbeat for long enough, and so the node is now assumed to be offline."
	unreadText    = "Error occured when reading data from the queue"

	notCollectedText = "A request was sent to a polling endpoint, but the polling endpoint did not collect the request within the allowed time, so the request timed out."

	clientExceptionType = "Halibut.HalibutClientException"
)

var (
	// ErrDataLoss means that Redis has lost what was in it while a call waited.
	ErrDataLoss = errors.New("redis lost all of its data")

	// ErrOffline means that the node which had collected the request was not
	// heard of any more.
	ErrOffline error = referenceError(offlineText)

	// ErrAbandoned means that the node which had collected the request gave it
	// up.
	ErrAbandoned error = referenceError(abandonedText)
)

// referenceError is an error whose text is the reference's.
type referenceError string

func (e referenceError) Error() string { return string(e) }

// dataLossError has the reference's text.
type dataLossError struct{ id string }

func (e *dataLossError) Error() string {
	return "Request " + e.id + " was cancelled because we detected that redis lost all of its data."
}

func (e *dataLossError) Is(target error) bool { return target == ErrDataLoss }

// failure is how a call ended without a response, as one Go node tells it to
// another beside the response that a .NET node would read.
type failure struct {
	Stage        queue.Stage `json:"stage"`
	NotCollected bool        `json:"notCollected,omitempty"` // in time, after it was put back
	Abandoned    bool        `json:"abandoned,omitempty"`
	Text         string      `json:"text"`
	Addr         string      `json:"addr,omitempty"`
	Thumbprint   string      `json:"thumbprint,omitempty"`
	SHA256       string      `json:"sha256,omitempty"`
}

func newFailure(stage queue.Stage, peer queue.Peer, err error) *failure {
	return &failure{
		Stage: stage, Text: err.Error(), Addr: peer.Addr, Thumbprint: peer.Thumbprint, SHA256: peer.SHA256,
		Abandoned: errors.Is(err, ErrAbandoned),
	}
}

func (f *failure) encode() ([]byte, error) { return json.Marshal(f) }

func parseFailure(b []byte) (*failure, error) {
	f := &failure{}
	if err := json.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("how the call ended cannot be read: %w", err)
	}
	return f, nil
}

// response is the failure as .NET nodes expect it.
func (f *failure) response(id string) *wire.Response {
	e := &wire.ServerError{Message: f.Text, Details: f.Text}
	if f.NotCollected {
		e.Message = notCollectedText
		e.Details = notCollectedText + " " + f.Text
	}
	if f.Abandoned {
		e.Type = clientExceptionType
	}
	return &wire.Response{ID: id, Error: e}
}

// err is the failure as the caller's error.
func (f *failure) err(c *call) *queue.Error {
	peer := queue.Peer{Thumbprint: f.Thumbprint, SHA256: f.SHA256, Addr: f.Addr}
	err := errors.New(f.Text)
	switch {
	case f.NotCollected && f.Text == "":
		err = &queue.NotCollectedError{PickUp: c.pickUp}
	case f.NotCollected:
		err = &queue.NotCollectedError{PickUp: c.pickUp, Returned: err}
	case f.Abandoned:
		err = ErrAbandoned
	}
	return &queue.Error{Stage: f.Stage, Subscription: c.queue.subscription, Peer: peer, Err: err}
}
