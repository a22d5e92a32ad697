package redisqueue

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/wire"
)

// encodeRequest makes what is stored of a request under this id.
func (p *Provider) encodeRequest(ctx context.Context, m Message, req *wire.Request) (stored payload, err error) {
	if stored.metadata, err = p.storeStreams(ctx, m, req.Streams); err != nil {
		return stored, err
	}
	kept := *req
	kept.ActivityID = m.ID // .NET nodes name the response after it
	document, err := wire.AppendQueueRequest(nil, &kept)
	if err == nil {
		m.Metadata = stored.metadata
		stored.message, err = p.wrappers.wrap(m, document)
	}
	return stored, err
}

// decodeRequest reads a stored request.
func (p *Provider) decodeRequest(ctx context.Context, m Message, stored payload, reading *reading) (*wire.Request, error) {
	m.Metadata = stored.metadata
	document, err := p.wrappers.unwrap(m, stored.message, p.limits.MaxDocument())
	if err != nil {
		return nil, err
	}
	req, err := wire.ParseQueueRequest(document, p.limits.MaxDepth())
	if err != nil {
		return nil, err
	}
	if req.ActivityID != m.ID {
		return nil, fmt.Errorf("it says that it is request %s", req.ActivityID)
	}
	req.Streams, err = p.loadStreams(ctx, m, document, stored.metadata, reading)
	return req, err
}

func (p *Provider) encodeResponse(ctx context.Context, m Message, response *wire.Response) (stored payload, err error) {
	if stored.metadata, err = p.storeStreams(ctx, m, response.Streams); err != nil {
		return stored, err
	}
	document, err := wire.AppendQueueResponse(nil, response)
	if err == nil {
		m.Metadata = stored.metadata
		stored.message, err = p.wrappers.wrap(m, document)
	}
	return stored, err
}

func (p *Provider) decodeResponse(ctx context.Context, m Message, stored payload) (*wire.Response, error) {
	m.Metadata = stored.metadata
	document, err := p.wrappers.unwrap(m, stored.message, p.limits.MaxDocument())
	if err != nil {
		return nil, err
	}
	response, err := wire.ParseQueueResponse(document, p.limits.MaxDepth())
	if err != nil {
		return nil, err
	}
	response.Streams, err = p.loadStreams(ctx, m, document, stored.metadata, nil)
	return response, err
}

// boundTo is the thumbprint that a request names, in capitals, or "". A .NET
// node says in no other way whom a request is for.
func boundTo(req *wire.Request) string {
	endpoint, err := wire.ParseEndpoint(req.RawEndpoint)
	if err != nil || endpoint == nil {
		return ""
	}
	return strings.ToUpper(strings.TrimSpace(endpoint.RemoteThumbprint))
}

// message names a message of this queue.
func (q *redisQueue) message(id uuid.UUID, kind Kind) Message {
	return Message{Endpoint: q.subscription, ID: id, Kind: kind}
}
