package exchange

import "github.com/halibut-go/halibut/wire"

// The capability words of docs/protocol.md section 1.5 that change the
// conversation. One counts only where both sides say it.
const (
	// Pipelining: a control line travels with the message that follows it, in
	// one write, and is not waited for.
	Pipelining = "pipelining"
	// Refuse: a service that drains says END, goes on reading for a moment, and
	// answers a request that was on its way with the word that it was not run.
	Refuse = "refuse"
)

// RefusedType is the type name of the answer to a request that came after END.
const RefusedType = "Halibut.Go.RequestRefused"

// capabilities are those that both sides of a connection have.
type capabilities struct{ pipelining, refuse bool }

func (s *Session) capabilities() capabilities {
	both := func(word string) bool { return s.Self.Has(word) && s.Peer.Has(word) }
	return capabilities{pipelining: both(Pipelining), refuse: both(Refuse)}
}

// refusal is the answer to a request that came after END.
func refusal(request *wire.Request) *wire.Response {
	const text = "the service is shutting down and did not run the request"
	return &wire.Response{ID: request.ID, Error: &wire.ServerError{
		Message: text, Details: RefusedType + ": " + text, Type: RefusedType,
	}}
}

func isRefusal(response *wire.Response) bool {
	return response.Error != nil && response.Error.Type == RefusedType
}
