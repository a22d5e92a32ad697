package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// AppendQueueRequest appends a request as it is kept in a queue that nodes
// share: the document of AppendRequest without the envelope's $type, and not
// to be deflated (Redis queue protocol, section 3.1).
func AppendQueueRequest(dst []byte, r *Request) ([]byte, error) {
	dst, _, err := appendRequest(dst, r, "", false)
	return dst, err
}

// AppendQueueResponse appends a response as it is kept in a queue that nodes
// share; see AppendQueueRequest.
func AppendQueueResponse(dst []byte, r *Response) ([]byte, error) {
	dst, _, err := appendResponse(dst, r, "", false)
	return dst, err
}

// ParseQueueRequest reads what AppendQueueRequest or a .NET node wrote. The
// request's raw values alias doc.
func ParseQueueRequest(doc []byte, maxDepth int) (*Request, error) {
	m, err := parseQueueMessage(doc, maxDepth)
	switch {
	case err != nil:
		return nil, err
	case m.Request == nil:
		return nil, errors.New("message: expected a request, found a response or null")
	}
	return m.Request, nil
}

// ParseQueueResponse reads what AppendQueueResponse or a .NET node wrote. The
// response's raw values alias doc.
func ParseQueueResponse(doc []byte, maxDepth int) (*Response, error) {
	m, err := parseQueueMessage(doc, maxDepth)
	switch {
	case err != nil:
		return nil, err
	case m.Response == nil:
		return nil, errors.New("message: expected a response, found a request or null")
	}
	return m.Response, nil
}

func parseQueueMessage(doc []byte, maxDepth int) (Message, error) {
	if err := checkQueueDocument(doc); err != nil {
		return Message{}, err
	}
	return ParseMessage(doc, maxDepth)
}

// checkQueueDocument tells what a payload is that is no BSON document: such
// bytes are kept by nodes that are configured, or built, differently.
func checkQueueDocument(doc []byte) error {
	if len(doc) >= 4 && int64(binary.LittleEndian.Uint32(doc)) == int64(len(doc)) {
		return nil
	}
	switch {
	case len(doc) == 0:
		return errors.New("message: it is empty")
	case bytes.HasPrefix(doc, []byte("{")), bytes.HasPrefix(doc, []byte("\xef\xbb\xbf")):
		return errors.New("message: it is JSON text, as releases before 8.1.1681 kept it: expected BSON")
	case bytes.HasPrefix(doc, []byte("\x1f\x8b")):
		return errors.New("message: it is compressed with gzip: the nodes that share the queue must have the same message wrappers")
	}
	return fmt.Errorf("message: it is not one BSON document of its %d bytes: the nodes that share the queue must have the same message wrappers", len(doc))
}
