package halibut

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/halibut-go/halibut/internal/bson"
	"github.com/halibut-go/halibut/internal/replay"
	"github.com/halibut-go/halibut/wire"
)

// RecordedContract is a contract of the recordings, with the code that was
// generated for it. That code imports this package, so it is handed in by tests
// that stand outside of it.
type RecordedContract struct {
	// Client makes the generated client.
	Client func(Caller) any
	// Register calls the generated registration, with an implementation of its
	// own or with a client of answers: those of the recording.
	Register func(s *Services, answers Caller)

	methods []recordedMethod
}

var (
	recordedContracts = make(map[string]*RecordedContract)
	recordedTypes     = make(map[string]reflect.Type)
	recordedCodec     = sync.OnceValue(func() *wire.Codec { return &wire.Codec{Types: recordedTypes} })
)

// AddRecordedContract hands in the contract of a service. types are for values
// whose type is not given by their place.
func AddRecordedContract(service string, contract RecordedContract, types map[string]reflect.Type) {
	contract.methods = methodsOf(contract.Client)
	for i := range contract.methods {
		contract.methods[i].contract = &contract
	}
	recordedContracts[service] = &contract
	for name, t := range types {
		recordedTypes[name] = t
	}
}

// recordedMethod is a method of a generated client.
type recordedMethod struct {
	contract *RecordedContract
	name     string // on the wire
	index    int
	params   []reflect.Type
	result   bool
}

// methodsOf asks each method of a client for its name on the wire.
func methodsOf(client func(Caller) any) (methods []recordedMethod) {
	var named namedCall
	c := reflect.ValueOf(client(&named))
	for i := range c.NumMethod() {
		t := c.Method(i).Type()
		m := recordedMethod{index: i, result: t.NumOut() == 2}
		args := []reflect.Value{reflect.ValueOf(context.Background())}
		for p := 1; p < t.NumIn(); p++ {
			m.params = append(m.params, t.In(p))
			args = append(args, reflect.Zero(t.In(p)))
		}
		c.Method(i).Call(args)
		m.name = string(named)
		methods = append(methods, m)
	}
	return methods
}

// namedCall remembers which method was called.
type namedCall string

func (n *namedCall) Call(_ context.Context, _, method string, _ any, _ ...any) error {
	*n = namedCall(method)
	return nil
}

// untyped are calls that a typed client makes otherwise: a slice is an array,
// and the recorded caller had a List behind its IReadOnlyList.
var untyped = map[string]bool{"ReadOnlyTexts (list behind)": true}

// recordedMethodOf is the generated method that takes the arguments of a
// recorded call best, or nil.
func recordedMethodOf(call replay.Call, args []bson.Value) *recordedMethod {
	contract := recordedContracts[call.Service]
	if contract == nil || untyped[call.Method+" ("+call.Note+")"] {
		return nil
	}
	var counted []*recordedMethod
	for i := range contract.methods {
		m := &contract.methods[i]
		if m.name == call.Method && len(m.params) == len(args) {
			counted = append(counted, m)
		}
	}
	if len(counted) == 1 {
		return counted[0]
	}
	var best *recordedMethod
	bestFit := wire.NoFit
	for _, m := range counted {
		fit := wire.Exact
		for j, param := range m.params {
			fit = min(fit, recordedCodec().Fit(args[j], param))
		}
		if fit > bestFit {
			best, bestFit = m, fit
		}
	}
	return best
}

// arguments are those of a recorded request as Go values, with the streams that
// were sent.
func (m *recordedMethod) arguments(request replay.Item) ([]reflect.Value, error) {
	var args []reflect.Value
	for i, raw := range request.Params() {
		arg := reflect.New(m.params[i]).Elem()
		streams := new(wire.Streams)
		if err := recordedCodec().DecodeValue(raw, streams, arg); err != nil {
			return nil, err
		}
		if err := fill(streams, request, replay.HusksIn(raw)); err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	return args, nil
}

// call makes the call through the generated client. The result is a
// reflect.Value of the method's own type, or a null.
func (m *recordedMethod) call(ctx context.Context, c Caller, args []reflect.Value) (result any, err error) {
	client := reflect.ValueOf(m.contract.Client(c))
	out := client.Method(m.index).Call(append([]reflect.Value{reflect.ValueOf(ctx)}, args...))
	err, _ = out[len(out)-1].Interface().(error)
	if !m.result {
		return &wire.Raw{Type: wire.KindNull}, err
	}
	return out[0], err
}

// recordedAnswers is a caller that answers as the service of a recording did.
type recordedAnswers struct {
	mu      sync.Mutex
	answers map[string][]recordedAnswer // by method and arguments
	working map[string]bool             // services that answered at all
}

type recordedAnswer struct{ request, response replay.Item }

func newRecordedAnswers(f *replay.Flow) *recordedAnswers {
	a := &recordedAnswers{answers: make(map[string][]recordedAnswer), working: make(map[string]bool)}
	for _, c := range f.Connections {
		for i, item := range c.Items {
			at := responseTo(c.Items, i)
			if !item.IsRequest() || at < 0 || !c.Items[at].Member("error").IsNull() {
				continue
			}
			key := answerKey(item.Service(), item.Method(), item.Member("params"))
			if f.Renamed != nil {
				key = f.Renamed.Replace(key)
			}
			a.answers[key] = append(a.answers[key], recordedAnswer{item, c.Items[at]})
			a.working[item.Service()] = true
		}
	}
	return a
}

func answerKey(service, method string, params bson.Value) string {
	return service + "." + method + " " + replay.Comparable(params)
}

// offered reports whether the recorded program had the service. It did have
// those of the samples, in each recording.
func (a *recordedAnswers) offered(service string) bool {
	switch service {
	case "IValueService", "IEchoService", "IOverloadService":
		return true
	}
	return a.working[service]
}

// Call implements [Caller]. What the recorded service refused to take is
// answered with the argument.
func (a *recordedAnswers) Call(_ context.Context, service, method string, result any, args ...any) error {
	var streams *wire.Streams
	params, err := recordedCodec().EncodeParams(nil, &streams, args)
	if err != nil {
		return err
	}
	answer, ok := a.next(answerKey(service, method, params))
	if !ok {
		return echoArgument(result, args)
	}
	if err := sameStreams(answer.request, streams); err != nil || result == nil {
		return err
	}
	raw := answer.response.Member("result")
	given := new(wire.Streams)
	if err := recordedCodec().Decode(raw, given, result); err != nil {
		return err
	}
	return fill(given, answer.response, replay.HusksIn(raw))
}

func (a *recordedAnswers) next(key string) (answer recordedAnswer, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answers := a.answers[key]
	if len(answers) == 0 {
		return answer, false
	}
	a.answers[key] = append(answers[1:], answers[0])
	return answers[0], true
}

func echoArgument(result any, args []any) error {
	if result == nil || len(args) == 0 || args[0] == nil {
		return nil
	}
	into, arg := reflect.ValueOf(result).Elem(), reflect.ValueOf(args[0])
	if arg.Type().AssignableTo(into.Type()) {
		into.Set(arg)
	}
	return nil
}

// sameStreams compares what a service was sent with what it was sent then.
func sameStreams(request replay.Item, streams *wire.Streams) error {
	husks := request.Husks()
	if streams == nil {
		streams = new(wire.Streams)
	}
	if streams.Len() != len(husks) {
		return fmt.Errorf("%d streams came, recorded are %d", streams.Len(), len(husks))
	}
	i := 0
	for _, stream := range streams.All() {
		content, err := stream.Bytes(1 << 20)
		if err != nil {
			return err
		}
		for _, frame := range request.Frames {
			if frame.ID == husks[i].ID && string(frame.Content) != string(content) {
				return errors.New("a stream does not hold what was sent")
			}
		}
		i++
	}
	return nil
}

// SampleBytes are what the streams of the recordings hold.
func SampleBytes(n int64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((i*7 + 3) % 251)
	}
	return b
}

// TestRecordedCallsAreTyped holds that each recorded call goes through a
// generated client, but for those that no typed client makes.
func TestRecordedCallsAreTyped(t *testing.T) {
	typed := 0
	for _, f := range recordings(t) {
		for _, call := range plan(t, f) {
			if call.connection < 0 {
				continue
			}
			items := f.Connections[call.connection].Items
			if call.isCut(items) {
				continue
			}
			known := recordedMethodOf(call.Call, items[call.request].Params()) != nil
			switch call.Note {
			case "no such service", "no such method", "wrong number of arguments":
				if call.Service != "IScriptServiceV2" && known {
					t.Errorf("%s: %v is made by a generated client", f.File, call)
				}
			default:
				if !known && !untyped[call.Method+" ("+call.Note+")"] {
					t.Errorf("%s: no generated client makes the call %v", f.File, call)
				}
				typed++
			}
		}
	}
	if typed < 500 {
		t.Errorf("only %d recorded calls were looked at", typed)
	}
}
