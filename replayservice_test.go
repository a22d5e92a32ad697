package halibut

import (
	"context"
	"net"
	"reflect"
	"testing"

	"github.com/halibut-go/halibut/internal/replay"
	"github.com/halibut-go/halibut/wire"
)

// TestReplayService has the recorded caller call our services.
func TestReplayService(t *testing.T) {
	eachRecording(t, []string{responded}, replayService)
}

// serviceReplay is our service before a recorded caller.
type serviceReplay struct {
	*stage
	list  exceptions
	calls []plannedCall
	rt    *Runtime
	ours  bool // our side dials
}

func replayService(t *testing.T, f *replay.Flow, pipe func() (net.Conn, net.Conn), list exceptions) {
	r := &serviceReplay{stage: newStage(t, f, pipe), list: list, calls: plan(t, f), ours: f.Polling()}
	r.cast()
	stop := r.start(&Options{Services: recordedServices(f)})
	r.dispose()
	stop()
	r.judgeLeniency()
}

// cast makes the players: what the recorded caller said.
func (r *serviceReplay) cast() {
	for _, c := range r.flow.Connections {
		r.players = append(r.players, replay.NewPlayer(r.flow, c.Items, !r.ours))
	}
	for _, call := range r.calls {
		if call.connection < 0 {
			continue
		}
		player := r.players[call.connection]
		at := responseTo(player.Items, call.request)
		if rest := restOf(player.Items, call.request); rest > 0 {
			// The recorded service gave up in the middle of the request's streams.
			player.Items = append(player.Items[:call.request+1:call.request+1], player.Items[rest], closedBy(!r.ours))
			r.requireException(call)
		} else if next, any := following(player.Items, call.request); at < 0 && any && r.isEnd(next) {
			at = call.request + 1 // the recorded service did not answer
			player.Items = append(player.Items[:at:at], replay.Item{Kind: replay.Message, Dialler: r.ours}, closedBy(!r.ours))
		} else if next, any := following(player.Items, at); at >= 0 && any && r.isEnd(next) && !r.saidEnd(player.Items[:at]) {
			player.Items = append(player.Items[:at+1:at+1], closedBy(!r.ours)) // it could not go on
			r.requireException(call)
		}
		if at >= 0 && r.list.find(r.flow, call.Call, responded) {
			player.Lenient[at] = true
		}
	}
}

// restOf is the place of what was cut off in a request, or -1.
func restOf(items []replay.Item, request int) int {
	for i := request + 1; i < len(items) && items[i].Kind != replay.Message; i++ {
		if items[i].Kind == replay.Rest {
			return i
		}
	}
	return -1
}

// isEnd reports whether our side's recorded counterpart ends the connection here.
func (r *serviceReplay) isEnd(item replay.Item) bool {
	return item.Dialler == r.ours && (item.Kind == replay.Closed || item.Text == "END")
}

// saidEnd reports whether the recorded caller has ended the connection already.
func (r *serviceReplay) saidEnd(items []replay.Item) bool {
	for _, item := range items {
		if item.Dialler != r.ours && (item.Kind == replay.Closed || item.Text == "END") {
			return true
		}
	}
	return false
}

func (r *serviceReplay) requireException(call plannedCall) {
	if !r.list.find(r.flow, call.Call, responded) {
		r.t.Errorf("%v: the recorded service gave up the connection, and ours does not: an exception is needed", call)
	}
}

// judgeLeniency reports exceptions that are not needed.
func (r *serviceReplay) judgeLeniency() {
	for _, call := range r.calls {
		if call.connection < 0 {
			continue
		}
		items := r.flow.Connections[call.connection].Items
		player := r.players[call.connection]
		at := responseTo(items, call.request)
		if next, any := following(items, at); at < 0 || any && r.isEnd(next) {
			continue // the recorded service gave up
		}
		if player.Lenient[at] && !player.Differing[at] {
			r.t.Errorf("%v needs no exception", call)
		}
	}
}

// start makes the runtime, and lets it poll the recorded caller or be called.
func (r *serviceReplay) start(options *Options) (stop func()) {
	options.Authorizer = everybody
	options.DialContext = r.dial
	r.rt = newPlainRuntime(r.t, options)
	if r.ours {
		to, err := ParseEndpoint("https://caller:10943", r.rt.own.String())
		if err != nil {
			r.t.Fatal(err)
		}
		r.playing.Go(func() { _ = r.rt.Poll(context.Background(), r.flow.Subscription, to) })
	} else {
		l := newPipeListener()
		r.playing.Go(func() { _ = r.rt.Serve(context.Background(), l) })
		r.playing.Go(func() { r.connectAll(l) })
	}
	return func() {
		_ = r.rt.Close()
		r.playing.Wait()
	}
}

// dispose ends the replay as the recording ended.
func (r *serviceReplay) dispose() {
	last := r.players[len(r.players)-1]
	at := disposal(last.Items)
	if next, any := following(last.Items, at); any && next.Dialler == r.ours {
		last.Await(at + 1)
		_ = r.rt.Close()
	}
	last.AwaitEnd()
}

// recordedServices are the services that the recordings' caller calls. Those
// that are not written here answer what the recorded service answered, and
// what they were given where it refused to take it.
func recordedServices(f *replay.Flow) *Services {
	s := new(Services)
	handleEcho(s)
	handleOverloads(s)
	methods := make(map[string]*recordedMethod)
	for _, c := range f.Connections {
		for i, item := range c.Items {
			if !item.IsRequest() || item.Service() == "IEchoService" || item.Service() == "IOverloadService" {
				continue
			}
			key := item.Service() + "." + item.Method()
			if methods[key] == nil {
				methods[key] = &recordedMethod{item: item, results: make(map[string][]any)}
			}
			methods[key].add(c.Items, i)
		}
	}
	for _, call := range f.Calls {
		if m := methods[call.Service+"."+call.Method]; m != nil && (m.answers || call.Service == "IValueService") {
			s.add(call.Service, call.Method, m.function(len(call.Args)), false)
		}
	}
	return s
}

// recordedMethod is a method that answers as it did in a recording.
type recordedMethod struct {
	item    replay.Item
	answers bool             // at least once
	results map[string][]any // by the bytes of the arguments
}

func (m *recordedMethod) add(items []replay.Item, request int) {
	at := responseTo(items, request)
	if at < 0 || !items[at].Member("error").IsNull() {
		return
	}
	m.answers = true
	key := string(items[request].Member("params").Data)
	raw := items[at].Member("result")
	var result any = raw
	if frames := items[at].Frames; len(frames) == 1 {
		result = StreamBytes(frames[0].Content)
	}
	m.results[key] = append(m.results[key], result)
}

var rawType = reflect.TypeFor[wire.Raw]()

// function takes that many arguments.
func (m *recordedMethod) function(arguments int) any {
	in := []reflect.Type{contextType}
	for range arguments {
		in = append(in, rawType)
	}
	anyType := reflect.TypeFor[any]()
	shape := reflect.FuncOf(in, []reflect.Type{anyType, errorType}, false)
	return reflect.MakeFunc(shape, func(args []reflect.Value) []reflect.Value {
		result := reflect.New(anyType).Elem()
		if answer := m.answer(args[1:]); answer != nil {
			result.Set(reflect.ValueOf(answer))
		}
		return []reflect.Value{result, reflect.Zero(errorType)}
	}).Interface()
}

func (m *recordedMethod) answer(args []reflect.Value) any {
	given := make([]any, len(args))
	for i, arg := range args {
		given[i] = arg.Interface()
	}
	params, err := new(wire.Codec).EncodeParams(nil, nil, given)
	if err != nil {
		panic(err)
	}
	if results := m.results[string(params.Data)]; len(results) > 0 {
		m.results[string(params.Data)] = append(results[1:], results[0])
		return results[0]
	}
	if len(given) == 0 {
		return nil
	}
	return given[0]
}
