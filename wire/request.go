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
	// Document is what the raw values alias, where nobody needs it once they are
	// decoded; nil where somebody may. See [Codec.DecodeOwned].
	Document []byte
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
	dst, _, err := appendRequest(dst, r, requestType, false)
	return dst, err
}

// appendRequest writes no $type when typeName is "". With apart it leaves the
// data of the params out, and returns where they belong.
func appendRequest(dst []byte, r *Request, typeName string, apart bool) (_ []byte, split int, err error) {
	if r.Params.Type != KindArray && !r.Params.IsNull() {
		return dst, 0, fmt.Errorf("a request's params are an array or null, not %s", withArticle(r.Params.Type))
	}
	if err := checkTexts(r.ID, r.Service, r.Method); err != nil {
		return dst, 0, fmt.Errorf("request %s::%s: %w", r.Service, r.Method, err)
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
			return dst[:before], 0, fmt.Errorf("request %s::%s: endpoint: %w", r.Service, r.Method, err)
		}
		dst = r.Endpoint.appendTo(bson.AppendHeader(dst, bson.Document, "endpoint"))
	} else {
		dst = bson.AppendValue(dst, "endpoint", r.RawEndpoint)
	}
	dst = bson.AppendString(dst, "service", r.Service)
	dst = bson.AppendString(dst, "method", r.Method)
	if apart {
		dst = bson.AppendHeader(dst, r.Params.Type, "params")
		split = len(dst)
	} else {
		dst = bson.AppendValue(dst, "params", r.Params)
	}
	if r.Call != nil {
		if dst, err = r.Call.appendTo(dst); err != nil {
			return dst[:before], 0, fmt.Errorf("request %s::%s: %w", r.Service, r.Method, err)
		}
	}
	dst, err = endMessage(dst, outer, start, before, split, r.Params)
	return dst, split, err
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

// endMessage finishes the message and the document around it, and checks what
// the format can hold. Where split is not 0 the data of body are left out.
func endMessage(dst []byte, outer, start, before, split int, body Raw) ([]byte, error) {
	apart := 0
	if split != 0 {
		apart = len(body.Data)
	}
	dst = bson.EndApart(bson.EndApart(dst, start, apart), outer, apart)
	if len(dst)-outer+apart > bson.MaxSize {
		return dst[:before], errors.New("the document would be longer than the 2 GiB that BSON can hold: send a data stream")
	}
	return dst, nil
}
