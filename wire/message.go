package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/halibut-go/halibut/internal/bson"
)

// Message is what a document holds: a request or a response. With neither it
// is the null request, which asks for nothing.
type Message struct {
	Request  *Request
	Response *Response
	// MayHoldStreams says that [Husks] is worth a look: the document has a member
	// that a data stream's husk has.
	MayHoldStreams bool
}

// ParseMessage validates one inflated document and reads its envelope. Members
// may come in any order and case, extra ones are ignored, and without $type a
// request and a response are told apart by their members. The message's raw
// values alias doc, which must be left alone while they are in use; the
// strings are copies. Streams is left nil, since streams are not in the document.
// maxDepth caps the nesting of documents, the outermost being 1; 0 or less
// means 100.
func ParseMessage(doc []byte, maxDepth int) (Message, error) {
	return new(MessageParser).Parse(doc, maxDepth, "")
}

// MessageParser parses messages one after another into the same memory. The zero
// value is ready. It is for one goroutine at a time.
type MessageParser struct {
	request  Request
	response Response
}

// Parse is [ParseMessage]. The Request or Response that it returns is overwritten
// by the next Parse; their strings stay. id is that of the response that is due,
// "" for none: it then is not copied. Whether it is that response, the caller
// still has to see.
func (p *MessageParser) Parse(doc []byte, maxDepth int, id string) (Message, error) {
	ids, err := bson.ValidateIDs(doc, maxDepth)
	if err != nil {
		return Message{}, fmt.Errorf("message: %w", err)
	}
	body, found := Raw{}, false
	for it := bson.NewIter(doc); it.Next(); {
		if foldEqual(it.Name(), "Message") {
			body, found = it.Value(), true
		}
	}
	switch {
	case !found:
		return Message{}, errors.New(`message: the document has no member "Message"`)
	case body.IsNull():
		return Message{}, nil
	case body.Type != KindDocument:
		return Message{}, fmt.Errorf("message: want a document or null, found %s", withArticle(body.Type))
	}
	message, err := p.envelope(body, id)
	message.MayHoldStreams = ids
	return message, err
}

// envelope is the members of a request and of a response together: which one
// it is may be known only at the end.
type envelope struct {
	due                 string // the id of the response that is due
	kind                string // the full name in $type
	isRequest, isAnswer bool   // by members
	id, service, method Raw
	activity, endpoint  Raw
	params, call        Raw
	failure, result     Raw
}

func (p *MessageParser) envelope(body Raw, dueID string) (Message, error) {
	e := envelope{due: dueID}
	for it := body.Elements(); it.Next(); {
		e.take(it.Name(), it.Value())
	}
	switch {
	case e.kind == requestName:
		return e.request(&p.request)
	case e.kind == responseName:
		return e.response(&p.response)
	case e.kind != "":
		return Message{}, fmt.Errorf("message: it is a %.100q, neither a request nor a response", e.kind)
	case e.isRequest && !e.isAnswer:
		return e.request(&p.request)
	case e.isAnswer && !e.isRequest:
		return e.response(&p.response)
	}
	return Message{}, errors.New("message: its members are neither a request's nor a response's, and it has no $type")
}

func (e *envelope) take(name []byte, v Raw) {
	switch {
	case string(name) == "$type":
		e.kind = messageType(v)
	case foldEqual(name, "id"):
		e.id = v
	case foldEqual(name, "activityId"):
		e.activity = v
	case foldEqual(name, "endpoint"):
		e.endpoint = v
	case foldEqual(name, "service"):
		e.service, e.isRequest = v, true
	case foldEqual(name, "method"):
		e.method, e.isRequest = v, true
	case foldEqual(name, "params"):
		e.params, e.isRequest = v, true
	case foldEqual(name, "error"):
		e.failure, e.isAnswer = v, true
	case foldEqual(name, "result"):
		e.result, e.isAnswer = v, true
	case string(name) == "go":
		e.call = v
	}
}

// The full names of the two messages, and what follows them in $type.
const (
	requestName  = "Halibut.Transport.Protocol.RequestMessage"
	responseName = "Halibut.Transport.Protocol.ResponseMessage"
	assembly     = ", Halibut"
)

// messageType is the full name in an envelope's $type. The two names that
// occur cost no allocation.
func messageType(v Raw) string {
	if v.Type != KindString {
		return ""
	}
	switch name := v.Text(); string(name) {
	case requestName + assembly:
		return requestName
	case responseName + assembly:
		return responseName
	default:
		full, _, _ := bytes.Cut(name, []byte(","))
		return string(full)
	}
}

func (e *envelope) request(r *Request) (Message, error) {
	var m members
	*r = Request{
		ID:      m.text("id", e.id),
		Service: m.name("service", e.service),
		Method:  m.name("method", e.method),
	}
	r.ActivityID, _ = guidOf(e.activity)
	if e.endpoint.Type == KindDocument {
		r.RawEndpoint = e.endpoint
	}
	if !e.params.IsNull() && !m.wrong("params", e.params, KindArray) {
		r.Params = e.params
	}
	r.Call = parseCallMetadata(e.call)
	if m.err != nil {
		return Message{}, fmt.Errorf("request: %w", m.err)
	}
	return Message{Request: r}, nil
}

func (e *envelope) response(r *Response) (Message, error) {
	var m members
	*r = Response{ID: m.known("id", e.id, e.due), Result: e.result}
	if !e.failure.IsNull() && !m.wrong("error", e.failure, KindDocument) {
		r.Error = m.serverError(e.failure)
	}
	if m.err != nil {
		return Message{}, fmt.Errorf("response: %w", m.err)
	}
	return Message{Response: r}, nil
}

func (m *members) serverError(v Raw) *ServerError {
	e := &ServerError{}
	for it := v.Elements(); it.Next(); {
		switch name := it.Name(); {
		case foldEqual(name, "message"):
			e.Message = m.text("message", it.Value())
		case foldEqual(name, "details"):
			e.Details = m.text("details", it.Value())
		case foldEqual(name, "HalibutErrorType"):
			e.Type = m.text("HalibutErrorType", it.Value())
		}
	}
	return e
}
