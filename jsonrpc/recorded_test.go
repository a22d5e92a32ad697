package jsonrpc

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/bson"
	"github.com/halibut-go/halibut/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sum is the class of the recording.
type sum struct {
	Value int32
	Names halibut.List[string]
	Id    uuid.UUID
	When  time.Time
}

func (sum) DotNetType() string { return "Sum, Halibut" }

var types = map[string]reflect.Type{"Sum, Halibut": reflect.TypeFor[sum]()}

// calculator is the service of the recording, with all that it does.
func calculator() *halibut.Services {
	s := new(halibut.Services)
	s.Handle("ICalculatorService", "Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })
	s.Handle("ICalculatorService", "Divide", func(_ context.Context, a, b float64) (float64, error) { return a / b, nil })
	s.Handle("ICalculatorService", "Join", func(_ context.Context, texts []string) (string, error) { return strings.Join(texts, "-"), nil })
	s.Handle("ICalculatorService", "Hi", func(_ context.Context, name *string) (string, error) {
		if name == nil {
			return "hi ", nil
		}
		return "hi " + *name, nil
	})
	s.Handle("ICalculatorService", "Nothing", func(context.Context) error { return nil })
	s.Handle("ICalculatorService", "Total", func(_ context.Context, in *sum) (*sum, error) { in.Value++; return in, nil })
	s.Handle("ICalculatorService", "Fail", func(_ context.Context, message string) (string, error) { return "", errors.New(message) })
	return s
}

// record is what one side sent at once, or its end.
type record struct {
	From   string
	Hex    string
	Closed bool
}

type recordedCall struct {
	Service, Method string
	Args            []any
	Outcome         struct {
		Result         any
		Error, Message string
	}
	Records []record
}

func (c recordedCall) sent(from string) (pieces [][]byte, whole []byte) {
	for _, r := range c.Records {
		if b, err := hex.DecodeString(r.Hex); err == nil && r.From == from && len(b) > 0 {
			pieces = append(pieces, b)
			whole = append(whole, b...)
		}
	}
	return pieces, whole
}

func recording(t testing.TB) []recordedCall {
	t.Helper()
	text, err := os.ReadFile("../wire/testdata/2013-rpc.json")
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ Calls []recordedCall }
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Calls) != 11 {
		t.Fatalf("%d calls are recorded", len(r.Calls))
	}
	return r.Calls
}

// natural is a recorded value as Go sees it, for comparisons.
func natural(t *testing.T, raw wire.Raw) (value any) {
	t.Helper()
	if err := (&wire.Codec{Types: types}).Decode(raw, nil, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// Every document of the recording is read, and written again as it was: the
// name of object[] apart, which differs between .NET's own releases.
func TestRecordedDocuments(t *testing.T) {
	for _, call := range recording(t) {
		_, doc := call.sent("client")
		request, err := parseRequest(doc, 0)
		if err != nil {
			t.Fatal(err)
		}
		if request.Service != call.Service || request.Method != call.Method || !strings.HasSuffix(request.ID, " / "+request.ActivityID.String()) {
			t.Errorf("%s.%s is read as %+v", call.Service, call.Method, request)
		}
		if args := request.Args(nil); len(args) != len(call.Args) {
			t.Errorf("%s has %d arguments, want %d", call.Method, len(args), len(call.Args))
		}
		again, err := appendRequest(nil, request)
		if err != nil {
			t.Fatal(err)
		}
		// bson.Begin and End are as in appendRequest, so that the lengths agree.
		want := renamed(t, doc)
		if !bytes.Equal(again, want) {
			t.Errorf("%s is written as %x, want %x", call.Method, again, want)
		}

		_, doc = call.sent("server")
		id, result, failed, err := parseResponse(doc, 0)
		if err != nil || id != request.ID {
			t.Fatalf("%s: response to %q, %v", call.Method, id, err)
		}
		if failed != nil && (failed.code != call.Outcome.Error || failed.message != call.Outcome.Message) || failed == nil && call.Outcome.Error != "" {
			t.Errorf("%s: failed with %+v, want %+v", call.Method, failed, call.Outcome)
		}
		if again, err = appendResponse(nil, id, result, failed); err != nil || !bytes.Equal(again, doc) {
			t.Errorf("the response of %s is written as %x, %v, want %x", call.Method, again, err, doc)
		}
	}
}

// renamed is a recorded request with our name for the type of its params.
func renamed(t *testing.T, doc []byte) []byte {
	t.Helper()
	out, start := bson.Begin(nil)
	for it := bson.NewIter(doc); it.Next(); {
		if string(it.Name()) != "params" {
			out = bson.AppendValue(out, string(it.Name()), it.Value())
			continue
		}
		var at int
		out, at = bson.Begin(bson.AppendHeader(out, bson.Document, "params"))
		out = bson.AppendString(out, "$type", paramsType)
		out = bson.AppendValue(out, "$values", it.Value().Lookup("$values"))
		out = bson.End(out, at)
	}
	return bson.End(out, start)
}

var identities = sync.OnceValue(func() (made [2]tls.Certificate) {
	for i := range made {
		var err error
		if made[i], err = halibut.GenerateCertificate("of 2013", &halibut.CertificateOptions{ECDSA: true}); err != nil {
			panic(err)
		}
	}
	return made
})

// serve has a runtime answer callers of 2013, trusting the first identity.
func serve(t *testing.T, options halibut.Options, opts ...halibut.ServeOption) (rt *halibut.Runtime, addr string) {
	t.Helper()
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(identities()[0]))
	options.Authorizer = trust
	if options.Services == nil {
		options.Services = calculator()
	}
	if options.Protocols == nil && len(opts) == 0 {
		options.Protocols = []halibut.Protocol{&Protocol{Services: []string{"icalculatorservice"}}}
	}
	options.Types = types
	rt, err := halibut.New(identities()[1], &options)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- rt.Serve(context.Background(), l, opts...) }()
	t.Cleanup(func() {
		_ = rt.Close()
		if err := <-served; !errors.Is(err, halibut.ErrClosed) {
			t.Error(err)
		}
	})
	return rt, l.Addr().String()
}

// dialAs opens a TLS connection with an identity, or with none.
func dialAs(t *testing.T, addr string, config *tls.Config) *tls.Conn {
	t.Helper()
	config.InsecureSkipVerify = true
	conn, err := tls.Dial("tcp", addr, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func asCaller() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{identities()[0]}} }

// Our service gets what the client of 2013 has sent, record by record, and
// answers what its service did.
func TestRecordedClient(t *testing.T) {
	_, addr := serve(t, halibut.Options{})
	for i, call := range recording(t) {
		t.Run(fmt.Sprintf("%d %s", i, call.Method), func(t *testing.T) {
			conn := dialAs(t, addr, asCaller())
			pieces, _ := call.sent("client")
			for _, piece := range pieces {
				if _, err := conn.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
			doc, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			id, result, failed, err := parseResponse(doc, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, recorded := call.sent("server")
			wantID, want, wantFailed, err := parseResponse(recorded, 0)
			if err != nil || id != wantID {
				t.Errorf("response to %q, want %q, %v", id, wantID, err)
			}
			if diff := cmp.Diff(natural(t, want), natural(t, result)); diff != "" || want.Type != result.Type {
				t.Errorf("%s, want %s: %s", result.Type, want.Type, diff)
			}
			if (failed == nil) != (wantFailed == nil) {
				t.Fatalf("failed with %+v, want %+v", failed, wantFailed)
			}
			if failed != nil && failed.code != wantFailed.code {
				t.Errorf("code %s, want %s", failed.code, wantFailed.code)
			}
			if failed != nil && call.Method == "Fail" && (failed.message != wantFailed.message || innerMessage(failed.data) != innerMessage(wantFailed.data)) {
				t.Errorf("failed with %+v, want %+v", failed, wantFailed)
			}
		})
	}
}

// recordedService answers each connection with what the service of 2013
// answered to the call, with the id of the request that came.
func recordedService(t *testing.T, calls []recordedCall) (addr string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{identities()[1]}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	serving.Go(func() {
		for _, call := range calls {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			answerRecorded(t, conn, call)
			_ = conn.Close()
		}
	})
	return l.Addr().String()
}

func answerRecorded(t *testing.T, conn net.Conn, call recordedCall) {
	doc, err := wire.NewReader(conn, nil).ReadPlainDocument()
	if err != nil {
		t.Error(err)
		return
	}
	got, err := parseRequest(doc, 0)
	if err != nil {
		t.Error(err)
		return
	}
	_, recorded := call.sent("client")
	want, err := parseRequest(recorded, 0)
	if err != nil {
		t.Error(err)
		return
	}
	if got.Service != want.Service || got.Method != want.Method {
		t.Errorf("asked for %s.%s, want %s.%s", got.Service, got.Method, want.Service, want.Method)
	}
	for i, arg := range got.Args(nil) {
		if diff := cmp.Diff(natural(t, want.Args(nil)[i]), natural(t, arg)); diff != "" {
			t.Errorf("argument %d of %s: %s", i, call.Method, diff)
		}
	}
	if !strings.HasSuffix(got.ID, got.ActivityID.String()) {
		t.Errorf("the id is %q, the activity %s", got.ID, got.ActivityID)
	}
	_, answer := call.sent("server")
	_, result, failed, err := parseResponse(answer, 0)
	if err != nil {
		t.Error(err)
		return
	}
	if answer, err = appendResponse(nil, got.ID, result, failed); err != nil {
		t.Error(err)
		return
	}
	for _, piece := range [][]byte{answer[:5], answer[5 : len(answer)-1], answer[len(answer)-1:]} {
		if _, err := conn.Write(piece); err != nil {
			t.Error(err)
		}
	}
}

func newCaller(t *testing.T, limits halibut.Limits, transport *Transport) *halibut.Runtime {
	t.Helper()
	rt, err := halibut.New(identities()[0], &halibut.Options{Types: types, Limits: limits, Transports: map[string]halibut.Transport{"rpc": transport}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

func endpoint(t *testing.T, addr string) halibut.Endpoint {
	t.Helper()
	to, err := halibut.ParseEndpoint("rpc://"+addr, halibut.PinOf(identities()[1]).String())
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// Our client makes the recorded calls at the recorded service.
func TestRecordedService(t *testing.T) {
	calls := recording(t)
	client := newCaller(t, halibut.Limits{}, &Transport{}).Client(endpoint(t, recordedService(t, calls)))
	when := time.Date(2013, 3, 1, 0, 0, 0, 0, time.UTC)
	null := (*string)(nil)
	args := [][]any{{12, 18}, {1.0, 4.0}, {[]string{"a", "b"}}, {"Ada"}, {null}, {}, {sum{Value: 1, Names: halibut.List[string]{"x"}, When: when}}, {"boom"}, {}, {1}, {1}}
	codes := map[string]halibut.Code{
		"TargetInvocationException": halibut.CodeServiceFailed, "MissingMethodException": halibut.CodeMethodNotFound,
		"AmbiguousMatchException": halibut.CodeAmbiguousMethod, "Exception": halibut.CodeServiceNotFound,
	}
	for i, call := range calls {
		var result any
		err := client.Call(context.Background(), call.Service, call.Method, &result, args[i]...)
		switch {
		case call.Method == "Total":
			want := &sum{Value: 2, Names: halibut.List[string]{"x"}, When: when}
			if got, ok := result.(sum); ok {
				result = &got
			}
			if diff := cmp.Diff(any(want), result); err != nil || diff != "" {
				t.Errorf("Total: %v, %s", err, diff)
			}
		case call.Outcome.Error != "":
			if halibut.CodeOf(err) != codes[call.Outcome.Error] {
				t.Errorf("%s: %v, want %s", call.Method, err, codes[call.Outcome.Error])
			}
			if call.Method == "Fail" && (!strings.Contains(err.Error(), "boom") || halibut.SafeToRetry(err)) {
				t.Errorf("Fail: %v", err)
			}
			if call.Method != "Fail" && !halibut.SafeToRetry(err) {
				t.Errorf("%s is not safe to retry: %v", call.Method, err)
			}
		case err != nil || fmt.Sprint(result) != fmt.Sprint(call.Outcome.Result):
			t.Errorf("%s: %v, %v, want %v", call.Method, result, err, call.Outcome.Result)
		}
	}
}
