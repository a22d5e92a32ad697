package wire

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
)

// Names of the protocol's own types in $type.
const (
	requestType  = requestName + assembly
	responseType = responseName + assembly
)

// Request is a call on its way to a service (wire protocol, section 3).
type Request struct {
	// ID is unique per call; the response repeats it. .NET writes
	// "<contract>::<method>[<n>] / <activity id>".
	ID         string
	ActivityID uuid.UUID
	// Endpoint is written as the request's endpoint. It is not filled by
	// ParseMessage, since receivers never use it: see RawEndpoint.
	Endpoint *Endpoint
	// RawEndpoint is the endpoint as it was received, for ParseEndpoint. It is
	// written when Endpoint is nil; null when both are missing.
	RawEndpoint Raw
	// Service is the contract's short name and Method the method's, without
	// the suffix Async. Peers match both without case.
	Service, Method string
	// Params is an array, or null. Codec.EncodeParams makes it.
	Params Raw
	// Streams are the data streams of Params. They are not part of the document.
	Streams *Streams
	// Call is the member "go", which only Go peers write and read; nil is not
	// written. .NET ignores it.
	Call *CallMetadata
}

// CallMetadata is what a Go caller tells a Go service about a call.
type CallMetadata struct {
	// Timeout is how long the caller will wait, in whole milliseconds on the
	// wire (rounded up); 0 or less means that it did not say.
	Timeout time.Duration
	// Crowded says that the request had to wait, because no connection of its
	// polling service was free: one that may have more opens another.
	Crowded bool
	// Traceparent is the caller's W3C trace context.
	Traceparent string
	// Metadata is the application's own. Keys are written sorted.
	Metadata map[string]string
}

// Args appends the arguments in Params to dst and returns it. They alias
// Params. A Params of null has none.
func (r *Request) Args(dst []Raw) []Raw {
	for it := r.Params.Elements(); it.Next(); {
		dst = append(dst, it.Value())
	}
	return dst
}

// AppendRequest appends the document {"Message": request} to dst. Params must
// be what Codec.EncodeParams or ParseMessage made; streams are sent after the
// document, by others. On an error dst is returned as it was.
func AppendRequest(dst []byte, r *Request) ([]byte, error) {
	return appendRequest(dst, r, requestType)
}

// appendRequest writes no $type when typeName is "".
func appendRequest(dst []byte, r *Request, typeName string) ([]byte, error) {
	if r.Params.Type != KindArray && !r.Params.IsNull() {
		return dst, fmt.Errorf("a request's params are an array or null, not %s", withArticle(r.Params.Type))
	}
	if err := checkTexts(r.ID, r.Service, r.Method); err != nil {
		return dst, fmt.Errorf("request %s::%s: %w", r.Service, r.Method, err)
	}
	before := len(dst)
	dst, outer := bson.Begin(dst)
	dst, start := bson.Begin(bson.AppendHeader(dst, bson.Document, "Message"))
	dst = appendTypeName(dst, typeName)
	dst = bson.AppendString(dst, "id", r.ID)
	id := netGUID(r.ActivityID)
	dst = bson.AppendBinary(dst, "activityId", subtypeGUID, id[:])
	if r.Endpoint != nil {
		if err := checkTexts(r.Endpoint.BaseURI, r.Endpoint.RemoteThumbprint); err != nil {
			return dst[:before], fmt.Errorf("request %s::%s: endpoint: %w", r.Service, r.Method, err)
		}
		dst = r.Endpoint.appendTo(bson.AppendHeader(dst, bson.Document, "endpoint"))
	} else {
		dst = bson.AppendValue(dst, "endpoint", r.RawEndpoint)
	}
	dst = bson.AppendString(dst, "service", r.Service)
	dst = bson.AppendString(dst, "method", r.Method)
	dst = bson.AppendValue(dst, "params", r.Params)
	if r.Call != nil {
		var err error
		if dst, err = r.Call.appendTo(dst); err != nil {
			return dst[:before], fmt.Errorf("request %s::%s: %w", r.Service, r.Method, err)
		}
	}
	return endDocument(bson.End(dst, start), outer, before)
}

// AppendNullRequest appends the document of a null request, {"Message": null}:
// the client has nothing to call but keeps the connection alive.
func AppendNullRequest(dst []byte) []byte {
	dst, start := bson.Begin(dst)
	return bson.End(bson.AppendNull(dst, "Message"), start)
}

func appendTypeName(dst []byte, name string) []byte {
	if name == "" {
		return dst
	}
	return bson.AppendString(dst, "$type", name)
}

// endDocument finishes the outermost document and checks what the format can
// hold.
func endDocument(dst []byte, outer, before int) ([]byte, error) {
	dst = bson.End(dst, outer)
	if len(dst)-outer > bson.MaxSize {
		return dst[:before], errors.New("the document would be longer than the 2 GiB that BSON can hold: send a data stream")
	}
	return dst, nil
}
