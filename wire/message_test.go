package wire

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
)

// document builds a document; a value is a string, int, nil, bool, Raw or a
// nested []any of names and values.
func document(members ...any) []byte {
	dst, start := bson.Begin(nil)
	for i := 0; i < len(members); i += 2 {
		name := members[i].(string)
		switch v := members[i+1].(type) {
		case string:
			dst = bson.AppendString(dst, name, v)
		case int:
			dst = bson.AppendInt64(dst, name, int64(v))
		case int32:
			dst = bson.AppendInt32(dst, name, v)
		case bool:
			dst = bson.AppendBool(dst, name, v)
		case nil:
			dst = bson.AppendNull(dst, name)
		case uuid.UUID:
			id := netGUID(v)
			dst = bson.AppendBinary(dst, name, subtypeGUID, id[:])
		case []any:
			dst = append(bson.AppendHeader(dst, bson.Document, name), document(v...)...)
		case Raw:
			dst = bson.AppendValue(dst, name, v)
		default:
			panic("no such value")
		}
	}
	return bson.End(dst, start)
}

func array(members ...any) Raw { return Raw{Type: KindArray, Data: document(members...)} }

func TestRequestGoesThereAndBack(t *testing.T) {
	params, err := (*Codec)(nil).EncodeParams(nil, nil, []any{"World", 3})
	if err != nil {
		t.Fatal(err)
	}
	sent := &Request{
		ID: "IEchoService::SayHello[1] / x", ActivityID: sampleID, Service: "IEchoService", Method: "SayHello", Params: params,
		Endpoint: &Endpoint{
			PollingRequestQueueTimeout: 2 * TimeMinute, RetryListeningSleepInterval: TimeSecond, RetryCountLimit: 5,
			ConnectionErrorRetryTimeout: 5 * TimeMinute, TCPClientConnectTimeout: TimeMinute,
			BaseURI: "https://localhost:1/", RemoteThumbprint: "ABC", IsWebSocketEndpoint: true,
			Proxy: &Proxy{Host: "proxy", Port: 8080, UserName: "user", Type: 1},
		},
		Call: &CallMetadata{Timeout: 1500*time.Millisecond + 1, Crowded: true, Traceparent: "00-aa-bb-01", Metadata: map[string]string{"b": "2", "a": ""}},
	}
	doc, err := AppendRequest([]byte("before"), sent)
	if err != nil {
		t.Fatal(err)
	}
	doc, ok := bytes.CutPrefix(doc, []byte("before"))
	if !ok {
		t.Fatal("what was in dst is gone")
	}
	if bytes.Contains(doc, []byte("\x02Password")) {
		t.Error("a password is written")
	}
	got := parse(t, doc).Request
	if got.ID != sent.ID || got.ActivityID != sent.ActivityID || got.Service != sent.Service || got.Method != sent.Method {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff(sent.Params, got.Params); diff != "" {
		t.Error(diff)
	}
	endpoint, err := ParseEndpoint(got.RawEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sent.Endpoint, endpoint); diff != "" {
		t.Error(diff)
	}
	want := &CallMetadata{Timeout: 1501 * time.Millisecond, Crowded: true, Traceparent: "00-aa-bb-01", Metadata: sent.Call.Metadata}
	if diff := cmp.Diff(want, got.Call); diff != "" {
		t.Error(diff)
	}
	// What was received can be sent on, and is the same document.
	again, err := AppendRequest(nil, got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, doc) {
		t.Errorf("sent on as\n%x, received\n%x", again, doc)
	}
	if args := got.Args(nil); len(args) != 2 || string(args[0].Text()) != "World" {
		t.Errorf("arguments: %v", args)
	}
}

// TestRecycleResponse: only a response that was kept is taken back, and no copy of
// it.
func TestRecycleResponse(t *testing.T) {
	own := &Response{ID: "x"}
	kept := own.Keep()
	copied := *kept
	for _, r := range []*Response{own, &copied} {
		if RecycleResponse(r); r.ID != "x" {
			t.Errorf("taken back: %v", r)
		}
	}
	if kept == own || kept.ID != "x" {
		t.Errorf("kept as %v", kept)
	}
	if RecycleResponse(kept); kept.ID != "" {
		t.Error("what was kept is not taken back")
	}
}

func TestResponseGoesThereAndBack(t *testing.T) {
	for _, sent := range []*Response{
		{ID: "x", Result: Raw{Type: KindInt32, Data: []byte{7, 0, 0, 0}}},
		{ID: "x"},
		{ID: "x", Error: &ServerError{Message: "boom", Details: "at line 1", Type: "Halibut.X"}},
		{ID: "x", Error: &ServerError{}},
	} {
		doc, err := AppendResponse(nil, sent)
		if err != nil {
			t.Fatal(err)
		}
		got := parse(t, doc).Response
		if got.Result.Type == KindNull {
			got.Result = Raw{}
		}
		if diff := cmp.Diff(sent, got, cmp.AllowUnexported(Response{}, Streams{})); diff != "" {
			t.Error(diff)
		}
		if sent.Error != nil && bytes.Contains(doc, []byte("\x0adetails")) {
			t.Error("details are null")
		}
	}
	doc, err := AppendResponse(nil, &Response{ID: "x", Error: &ServerError{Message: "bad \xff text"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := parse(t, doc).Response.Error.Message; got != "bad \uFFFD text" {
		t.Errorf("the message is %q", got)
	}
}

func TestNullRequest(t *testing.T) {
	doc := AppendNullRequest(nil)
	if want := "\x12\x00\x00\x00\x0aMessage\x00\x00"; len(doc) != 14 || string(doc[4:]) != want[4:] {
		t.Errorf("it is %q", doc)
	}
	if m := parse(t, doc); m.Request != nil || m.Response != nil {
		t.Errorf("it reads as %+v", m)
	}
}

func TestMessageIsReadLiberally(t *testing.T) {
	m := parse(t, document("extra", []any{"a", 1}, "message", []any{
		"PARAMS", nil, "METHOD", "SayHello", "other", []any{"$type", "No.Such, Type"}, "Service", "iechoservice", "ID", "short",
	}))
	if r := m.Request; r == nil || r.ID != "short" || r.Service != "iechoservice" || r.Method != "SayHello" || !r.Params.IsNull() || r.Call != nil {
		t.Errorf("got %+v", r)
	}
	m = parse(t, document("Message", []any{"RESULT", "x", "Error", nil, "id", nil}))
	if r := m.Response; r == nil || r.ID != "" || r.Error != nil || string(r.Result.Text()) != "x" {
		t.Errorf("got %+v", r)
	}
	// $type decides where there is one, whatever the assembly and the place.
	m = parse(t, document("Message", []any{"id", "x", "method", "m", "$type", "Halibut.Transport.Protocol.ResponseMessage, Halibut, Version=5.0.0.0"}))
	if m.Response == nil || m.Request != nil {
		t.Errorf("got %+v", m)
	}
	m = parse(t, document("Message", []any{"error", []any{"Message", nil, "Details", nil, "x", 1}}))
	if e := m.Response.Error; e == nil || *e != (ServerError{}) {
		t.Errorf("got %+v", e)
	}
}

func TestMessageIsRefused(t *testing.T) {
	for _, test := range []struct {
		doc  []byte
		want string
	}{
		{[]byte("xx"), "bson: at byte 0"},
		{document(), `no member "Message"`},
		{document("Message", "text"), "want a document or null, found a string"},
		{document("Message", []any{}), "neither a request's nor a response's"},
		{document("Message", []any{"id", "x"}), "neither a request's nor a response's"},
		{document("Message", []any{"method", "m", "result", nil}), "neither a request's nor a response's"},
		{document("Message", []any{"$type", "Samples.Person, Samples", "method", "m"}), `it is a "Samples.Person", neither`},
		{document("Message", []any{"method", 1}), `request: member "method": want a string, found an int64`},
		{document("Message", []any{"params", []any{}}), `request: member "params": want an array, found a document`},
		{document("Message", []any{"error", "x"}), `response: member "error": want a document, found a string`},
		{document("Message", []any{"error", []any{"message", true}}), `member "message": want a string, found a bool`},
		{document("Message", []any{"result", nil, "id", 1}), `member "id": want a string, found an int64`},
	} {
		m, err := ParseMessage(test.doc, 0)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v, %v; want %q", m, err, test.want)
		}
	}
	if _, err := ParseMessage(document("Message", []any{"result", []any{}}), 2); err == nil || !strings.Contains(err.Error(), "nest deeper than 2") {
		t.Errorf("depth: %v", err)
	}
}

func TestRequestIsRefused(t *testing.T) {
	for _, test := range []struct {
		request Request
		want    string
	}{
		{Request{Params: Raw{Type: KindString}}, "an array or null, not a string"},
		{Request{Method: "\xff"}, "is not UTF-8"},
		{Request{Endpoint: &Endpoint{BaseURI: "\xff"}}, "endpoint: \"\\xff\" is not UTF-8"},
		{Request{Call: &CallMetadata{Traceparent: "\xff"}}, "traceparent"},
		{Request{Call: &CallMetadata{Metadata: map[string]string{"$type": "x"}}}, `metadata: the key "$type"`},
		{Request{Call: &CallMetadata{Metadata: map[string]string{"a": "\xff"}}}, `metadata "a"`},
	} {
		dst, err := AppendRequest([]byte("before"), &test.request)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
		if string(dst) != "before" {
			t.Errorf("%q is left in dst", dst)
		}
	}
	if dst, err := AppendResponse([]byte("before"), &Response{ID: "\xff"}); err == nil || string(dst) != "before" {
		t.Errorf("%q, %v", dst, err)
	}
}

func TestCallMetadataNeverFailsACall(t *testing.T) {
	request := func(call any) *CallMetadata {
		return parse(t, document("Message", []any{"method", "m", "go", call})).Request.Call
	}
	if c := request("text"); c != nil {
		t.Errorf("text: %+v", c)
	}
	if c := request([]any{"timeoutMs", "x", "traceparent", 1, "crowded", 1, "metadata", 1, "other", nil}); cmp.Diff(&CallMetadata{}, c) != "" {
		t.Errorf("wrong types: %+v", c)
	}
	if c := request([]any{"timeoutMs", math.MaxInt64}); c.Timeout <= 0 {
		t.Errorf("a long timeout: %+v", c)
	}
	if c := request([]any{"timeoutMs", -5, "metadata", []any{"a", 1, "b", "2"}}); c.Timeout != 0 || len(c.Metadata) != 1 || c.Metadata["b"] != "2" {
		t.Errorf("got %+v", c)
	}
}

func TestEndpointIsReadLiberally(t *testing.T) {
	raw := Raw{Type: KindDocument, Data: document(
		"baseuri", "https://x/", "RetryCountLimit", 7, "PollingRequestMaximumMessageProcessingTimeout", "00:10:00",
		"proxy", []any{"HOST", "h", "Port", int32(1), "Password", "secret"}, "RemoteThumbprint", nil, "IsWebSocketEndpoint", nil,
		"TcpClientConnectTimeout", nil)}
	got, err := ParseEndpoint(raw)
	want := &Endpoint{BaseURI: "https://x/", RetryCountLimit: 7, Proxy: &Proxy{Host: "h", Port: 1}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if e, err := ParseEndpoint(Raw{}); e != nil || err != nil {
		t.Errorf("null: %v, %v", e, err)
	}
	for _, test := range []struct {
		raw  Raw
		want string
	}{
		{Raw{Type: KindInt32, Data: make([]byte, 4)}, "the request's endpoint is an int32"},
		{Raw{Type: KindDocument, Data: document("RetryCountLimit", 1<<40)}, "1099511627776 does not fit into 32 bits"},
		{Raw{Type: KindDocument, Data: document("RetryCountLimit", "x")}, "want an int32, found a string"},
		{Raw{Type: KindDocument, Data: document("ConnectionErrorRetryTimeout", "x")}, "is not a TimeSpan"},
		{Raw{Type: KindDocument, Data: document("RetryListeningSleepInterval", 1)}, "want a string, found an int64"},
		{Raw{Type: KindDocument, Data: document("IsWebSocketEndpoint", 1)}, "want a bool, found an int64"},
		{Raw{Type: KindDocument, Data: document("Proxy", 1)}, "want a document, found an int64"},
	} {
		if _, err := ParseEndpoint(test.raw); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}

// Without an endpoint of its own a request sends on the received one, or null.
func TestRequestWithoutEndpoint(t *testing.T) {
	doc, err := AppendRequest(nil, &Request{Method: "m"})
	if err != nil || !bytes.Contains(doc, []byte("\x0aendpoint\x00")) {
		t.Errorf("%x, %v", doc, err)
	}
	if r := parse(t, doc).Request; !r.RawEndpoint.IsNull() {
		t.Errorf("endpoint: %v", r.RawEndpoint)
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add(AppendNullRequest(nil))
	f.Add(document("Message", []any{"method", "m", "go", []any{"timeoutMs", 5, "metadata", []any{"a", "b"}}}))
	for _, v := range valueVectors(f) {
		for _, side := range []*documentVector{v.Request, v.Response} {
			if doc := side.bytes(f); doc != nil {
				f.Add(doc)
			}
		}
	}
	c := contractsCodec()
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := ParseMessage(doc, 0)
		if err != nil {
			return
		}
		Husks(doc)
		var values []Raw
		switch {
		case m.Request != nil:
			again, err := AppendRequest(nil, m.Request)
			if err != nil {
				t.Fatalf("%x was read but cannot be written: %v", doc, err)
			}
			if twice := parse(t, again); twice.Request == nil || twice.Request.Method != m.Request.Method {
				t.Fatalf("%x reads back as another request", doc)
			}
			_, _ = ParseEndpoint(m.Request.RawEndpoint)
			values = m.Request.Args(nil)
		case m.Response != nil:
			if _, err := AppendResponse(nil, m.Response); err != nil {
				t.Fatalf("%x was read but cannot be written: %v", doc, err)
			}
			values = []Raw{m.Response.Result}
		}
		for _, v := range values {
			decodeEverything(c, v)
		}
	})
}

// decodeEverything decodes a value into many types: none may panic.
func decodeEverything(c *Codec, v Raw) {
	for _, dst := range []any{
		new(any), new(kinds), new(*person), new(drawing), new(both), new([]any), new(map[string]any), new(Set[string]),
		new([]int8), new(Char), new(TimeSpan), new(time.Duration), new(time.Time), new(uuid.UUID), new([3]byte), new(Raw),
		new(map[int32]uint64), new(map[colour]float32), new(Tuple3[string, int, bool]), new(shape),
	} {
		_ = c.Decode(v, new(Streams), dst)
	}
	for _, p := range fitTypes {
		c.Fit(v, p)
	}
	ArgumentTypeName(v)
}
