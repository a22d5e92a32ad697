package wire

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/halibut-go/halibut/internal/bson"
)

// Response is a service's answer to the request with the same ID (wire
// protocol, section 3).
type Response struct {
	ID string
	// Error is why the call failed; nil when it did not.
	Error *ServerError
	// Result is what the method returned, null for a method without a result.
	// Codec.EncodeResult makes it.
	Result Raw
	// Streams are the data streams of Result. They are not part of the document.
	Streams *Streams
	// Document is what Result aliases, where nobody needs it once that is decoded;
	// nil where somebody may. See [Codec.DecodeOwned].
	Document []byte

	kept *Response // itself, in storage that RecycleResponse takes back
}

var keptResponses = sync.Pool{New: func() any { return new(Response) }}

// Keep returns a copy of the response itself. What it refers to, such as Result
// and Streams, is still the same.
func (r *Response) Keep() *Response {
	kept := keptResponses.Get().(*Response)
	*kept = *r
	kept.kept = kept
	return kept
}

// RecycleResponse takes a response back that Keep has returned, and the document
// of any that was received. Nothing may be left that aliases that one
// ([RecycleDocument]), and the response must not be used any more. It need not be
// called.
func RecycleResponse(r *Response) {
	RecycleDocument(r.Document)
	if r.kept == r {
		*r = Response{}
		keptResponses.Put(r)
	}
}

// ServerError is a failed call as the wire tells it.
type ServerError struct {
	// Message is what went wrong; Details is the long form, the stack trace
	// where the service is .NET.
	Message, Details string
	// Type is the full name of the .NET exception that a .NET caller is to
	// throw (HalibutErrorType); "" is null on the wire, for failures of the
	// service's own code.
	Type string
}

// AppendResponse appends the document {"Message": response} to dst. The
// details of an error are never null, since .NET callers match on them. Text
// of an error that is not UTF-8 is repaired, so that no failure goes unreported.
// On an error dst is returned as it was.
func AppendResponse(dst []byte, r *Response) ([]byte, error) {
	dst, _, err := appendResponse(dst, r, responseType, false)
	return dst, err
}

// appendResponse writes no $type when typeName is "". With apart it leaves the
// data of the result out, and returns where they belong.
func appendResponse(dst []byte, r *Response, typeName string, apart bool) (_ []byte, split int, err error) {
	if err := checkTexts(r.ID); err != nil {
		return dst, 0, fmt.Errorf("response: %w", err)
	}
	before := len(dst)
	dst, outer := bson.Begin(dst)
	dst, start := bson.Begin(bson.AppendHeader(dst, bson.Document, "Message"))
	dst = appendTypeName(dst, typeName)
	dst = bson.AppendString(dst, "id", r.ID)
	dst = r.Error.appendTo(dst)
	if apart {
		dst = bson.AppendHeader(dst, r.Result.Type, "result")
		split = len(dst)
	} else {
		dst = bson.AppendValue(dst, "result", r.Result)
	}
	dst, err = endMessage(dst, outer, start, before, split, r.Result)
	return dst, split, err
}

func (e *ServerError) appendTo(dst []byte) []byte {
	if e == nil {
		return bson.AppendNull(dst, "error")
	}
	dst, start := bson.Begin(bson.AppendHeader(dst, bson.Document, "error"))
	dst = bson.AppendString(dst, "message", strings.ToValidUTF8(e.Message, "\uFFFD"))
	dst = bson.AppendString(dst, "details", strings.ToValidUTF8(e.Details, "\uFFFD"))
	dst = appendOptional(dst, "HalibutErrorType", strings.ToValidUTF8(e.Type, "\uFFFD"))
	return bson.End(dst, start)
}

// checkTexts refuses text that no reader would accept.
func checkTexts(texts ...string) error {
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return fmt.Errorf("%.40q is not UTF-8", text)
		}
	}
	return nil
}
