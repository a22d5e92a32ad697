package jsonrpc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
	"github.com/halibut-go/halibut/wire"
)

// The names of the protocol's own types.
const (
	requestType  = "Halibut.Protocol.JsonRpcRequest, Halibut"
	responseType = "Halibut.Protocol.JsonRpcResponse, Halibut"
	errorType    = "Halibut.Protocol.JsonRpcError, Halibut"
	// Both .NET Framework and what came after it know this name of object[].
	paramsType = "System.Object[], mscorlib"
)

// failure is the error of a response: the short name of an exception, its
// message and its text with the stack.
type failure struct{ code, message, data string }

// appendRequest appends a request's document to dst.
func appendRequest(dst []byte, r *wire.Request) ([]byte, error) {
	if strings.ContainsRune(r.Service+r.Method+r.ID, 0) {
		return dst, errors.New("a service, method or id has a NUL in it")
	}
	dst, start := bson.Begin(dst)
	dst = bson.AppendString(dst, "$type", requestType)
	dst = bson.AppendString(dst, "id", r.ID)
	dst = bson.AppendBinary(dst, "activityId", 4, dotNetGUID(r.ActivityID))
	dst = bson.AppendString(dst, "service", r.Service)
	dst = bson.AppendString(dst, "method", r.Method)
	if r.Params.IsNull() {
		dst = bson.AppendNull(dst, "params")
	} else {
		var params int
		dst, params = bson.Begin(bson.AppendHeader(dst, bson.Document, "params"))
		dst = bson.AppendString(dst, "$type", paramsType)
		dst = bson.AppendValue(dst, "$values", r.Params)
		dst = bson.End(dst, params)
	}
	return finish(bson.End(dst, start))
}

// appendResponse appends a response's document to dst.
func appendResponse(dst []byte, id string, result wire.Raw, failed *failure) ([]byte, error) {
	dst, start := bson.Begin(dst)
	dst = bson.AppendString(dst, "$type", responseType)
	dst = bson.AppendString(dst, "id", id)
	if failed == nil {
		dst = bson.AppendNull(dst, "error")
	} else {
		var at int
		dst, at = bson.Begin(bson.AppendHeader(dst, bson.Document, "error"))
		dst = bson.AppendString(dst, "$type", errorType)
		dst = bson.AppendString(dst, "code", strings.ToValidUTF8(failed.code, "\uFFFD"))
		dst = bson.AppendString(dst, "message", strings.ToValidUTF8(failed.message, "\uFFFD"))
		dst = bson.AppendString(dst, "data", strings.ToValidUTF8(failed.data, "\uFFFD"))
		dst = bson.End(dst, at)
	}
	return finish(bson.End(bson.AppendValue(dst, "result", result), start))
}

func finish(dst []byte) ([]byte, error) {
	if len(dst) > bson.MaxSize {
		return nil, errors.New("the document would be longer than the 2 GiB that BSON can hold")
	}
	return dst, nil
}

// dotNetGUID is a GUID in .NET's order of bytes, and back.
func dotNetGUID(id uuid.UUID) []byte {
	return append([]byte{id[3], id[2], id[1], id[0], id[5], id[4], id[7], id[6]}, id[8:]...)
}

// members finds members by name, without case as .NET does.
func members(doc []byte, names ...string) []wire.Raw {
	found := make([]wire.Raw, len(names))
	for it := bson.NewIter(doc); it.Next(); {
		for i, name := range names {
			if strings.EqualFold(string(it.Name()), name) {
				found[i] = it.Value()
			}
		}
	}
	return found
}

// checkType refuses a document that says that it is something else. One that
// does not say what it is passes.
func checkType(kind wire.Raw, want string) error {
	if kind.Type != wire.KindString {
		return nil
	}
	wanted, _, _ := strings.Cut(want, ",")
	if name, _, _ := strings.Cut(string(kind.Text()), ","); strings.TrimSpace(name) != wanted {
		return fmt.Errorf("the document is a %.100q, want %s", kind.Text(), wanted)
	}
	return nil
}

// parseRequest reads a request. Its Params alias doc.
func parseRequest(doc []byte, maxDepth int) (*wire.Request, error) {
	if err := bson.Validate(doc, maxDepth); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	m := members(doc, "$type", "id", "activityId", "service", "method", "params")
	if err := checkType(m[0], requestType); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	r := &wire.Request{}
	for i, text := range []*string{1: &r.ID, 3: &r.Service, 4: &r.Method} {
		switch {
		case text == nil || m[i].IsNull():
		case m[i].Type != wire.KindString:
			return nil, fmt.Errorf("request: %s is a %s, want a string", [...]string{1: "id", 3: "service", 4: "method"}[i], m[i].Type)
		default:
			*text = string(m[i].Text())
		}
	}
	if m[2].Type == wire.KindBinary {
		if subtype, data := m[2].Binary(); subtype == 4 && len(data) == len(r.ActivityID) {
			r.ActivityID = uuid.UUID(dotNetGUID(uuid.UUID(data)))
		}
	}
	params, err := values(m[5])
	r.Params = params
	return r, err
}

// values takes an array out of the document that names its type.
func values(params wire.Raw) (wire.Raw, error) {
	if params.Type == wire.KindDocument {
		params = params.Lookup("$values")
	}
	if params.Type != wire.KindArray && !params.IsNull() {
		return wire.Raw{}, fmt.Errorf("request: params are a %s, want an array", params.Type)
	}
	return params, nil
}

// parseResponse reads a response. Its result aliases doc.
func parseResponse(doc []byte, maxDepth int) (id string, result wire.Raw, failed *failure, err error) {
	if err := bson.Validate(doc, maxDepth); err != nil {
		return "", result, nil, fmt.Errorf("response: %w", err)
	}
	m := members(doc, "$type", "id", "error", "result")
	if err := checkType(m[0], responseType); err != nil {
		return "", result, nil, fmt.Errorf("response: %w", err)
	}
	if m[1].Type == wire.KindString {
		id = string(m[1].Text())
	}
	switch {
	case m[2].IsNull():
		return id, m[3], nil, nil
	case m[2].Type != wire.KindDocument:
		return "", result, nil, fmt.Errorf("response: error is a %s, want a document", m[2].Type)
	}
	failed = new(failure)
	e := members(m[2].Data, "code", "message", "data")
	for i, text := range []*string{&failed.code, &failed.message, &failed.data} {
		if e[i].Type == wire.KindString {
			*text = string(e[i].Text())
		}
	}
	return id, result, failed, nil
}
