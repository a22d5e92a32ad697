package redisqueue

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/wire"
)

// encodeRequest makes what is stored of a request under this id.
func (p *Provider) encodeRequest(endpoint string, id uuid.UUID, req *wire.Request) (payload, error) {
	stored := *req
	stored.ActivityID = id // .NET nodes name the response after it
	document, err := wire.AppendQueueRequest(nil, &stored)
	if err == nil {
		document, err = p.wrappers.wrap(Message{endpoint, id, KindRequest}, document)
	}
	return payload{message: document}, err
}

// decodeRequest reads a stored request.
func (p *Provider) decodeRequest(endpoint string, id uuid.UUID, stored payload) (*wire.Request, error) {
	document, err := p.unwrap(Message{endpoint, id, KindRequest}, stored.message)
	if err != nil {
		return nil, err
	}
	req, err := wire.ParseQueueRequest(document, p.limits.MaxDepth())
	if err != nil {
		return nil, err
	}
	if req.ActivityID != id {
		return nil, fmt.Errorf("it says that it is request %s", req.ActivityID)
	}
	return req, nil
}

func (p *Provider) encodeResponse(endpoint string, id uuid.UUID, response *wire.Response) (payload, error) {
	document, err := wire.AppendQueueResponse(nil, response)
	if err == nil {
		document, err = p.wrappers.wrap(Message{endpoint, id, KindResponse}, document)
	}
	return payload{message: document}, err
}

func (p *Provider) decodeResponse(endpoint string, id uuid.UUID, stored payload) (*wire.Response, error) {
	document, err := p.unwrap(Message{endpoint, id, KindResponse}, stored.message)
	if err != nil {
		return nil, err
	}
	return wire.ParseQueueResponse(document, p.limits.MaxDepth())
}

func (p *Provider) unwrap(m Message, b []byte) ([]byte, error) {
	return p.wrappers.unwrap(m, b, p.limits.MaxDocument())
}
