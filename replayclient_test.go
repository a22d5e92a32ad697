package halibut

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/halibut-go/halibut/internal/replay"
	"github.com/halibut-go/halibut/wire"
)

// TestReplayClient has our client make the recorded calls to the recorded
// service.
func TestReplayClient(t *testing.T) {
	eachRecording(t, []string{notMade, outcome}, replayClient)
}

// clientReplay is our client before a recorded service.
type clientReplay struct {
	*stage
	list  exceptions
	calls []plannedCall
	rt    *Runtime
	to    *Client
	ours  bool // our side dials
}

func replayClient(t *testing.T, f *replay.Flow, pipe func() (net.Conn, net.Conn), list exceptions) {
	r := &clientReplay{stage: newStage(t, f, pipe), list: list, calls: plan(t, f), ours: !f.Polling()}
	r.cast()
	stop := r.start(&Options{})
	defer stop()
	for _, call := range r.calls {
		r.make(call)
	}
	r.dispose()
}

// cast makes the players: what the recorded service said, as far as our client
// is to hear it.
func (r *clientReplay) cast() {
	until := make(map[int][]replay.Item)
	for _, call := range r.calls {
		if call.connection < 0 {
			r.requireException(call, notMade)
			continue
		}
		items := r.flow.Connections[call.connection].Items
		if call.isCut(items) {
			r.requireException(call, notMade)
			until[call.connection] = items[:beforeCall(r.flow, items, call.request)]
		} else if at, cut := r.refused(call, items); cut {
			until[call.connection] = items[:at+1]
		}
	}
	for number, c := range r.flow.Connections {
		items, cut := until[number]
		if !cut {
			items = c.Items
		} else {
			items = append(items[:len(items):len(items)], closedBy(!r.ours))
		}
		r.players = append(r.players, replay.NewPlayer(r.flow, items, !r.ours))
	}
}

func (r *clientReplay) requireException(call plannedCall, kind string) {
	if !r.list.find(r.flow, call.Call, kind) {
		r.t.Errorf("%v needs an exception of the kind %q", call, kind)
	}
}

// isCut reports whether the recorded caller failed to write the request: the
// value is missing in it.
func (c plannedCall) isCut(items []replay.Item) bool {
	return len(items[c.request].Params()) != len(c.Args)
}

// refused reports whether the recorded caller closed the connection because of
// the response, which stands at this place.
func (r *clientReplay) refused(call plannedCall, items []replay.Item) (at int, refused bool) {
	at = responseTo(items, call.request)
	if at < 0 {
		return 0, false
	}
	next, any := following(items, at)
	return at, any && next.Dialler == r.ours && (next.Kind == replay.Closed || next.Text == "END")
}

// start makes the runtime, and lets the recorded service connect to it if that
// polls.
func (r *clientReplay) start(options *Options) (stop func()) {
	options.Authorizer = everybody
	options.DialContext = r.dial
	r.rt = newPlainRuntime(r.t, options)
	own := r.rt.own.String()
	address := "https://service:10933"
	if !r.ours {
		address = r.flow.Subscription
	}
	to, err := ParseEndpoint(address, own)
	if err != nil {
		r.t.Fatal(err)
	}
	r.to = r.rt.Client(to, Retries(0))
	if !r.ours {
		l := newPipeListener()
		r.playing.Go(func() { _ = r.rt.Serve(context.Background(), l) })
		r.playing.Go(func() { r.connectAll(l) })
	}
	return func() {
		_ = r.rt.Close()
		r.playing.Wait()
	}
}

// make makes a call when the recorded caller did, and judges its outcome.
func (r *clientReplay) make(call plannedCall) {
	if call.connection < 0 {
		return
	}
	items := r.flow.Connections[call.connection].Items
	if call.isCut(items) {
		return
	}
	if r.ours {
		r.awaitEnds(call.connection)
	} else if !r.players[call.connection].Await(call.request) {
		r.t.Fatalf("the recorded service is gone before %v", call)
	}
	err := r.perform(call)
	if _, refused := r.refused(call, items); err == nil && !refused {
		return
	}
	excepted := r.list.find(r.flow, call.Call, outcome)
	switch {
	case !excepted && err != nil:
		r.t.Errorf("%v: %v", call, err)
	case !excepted:
		r.t.Errorf("%v: the recorded caller refused the response, and ours did not", call)
	case err == nil:
		r.t.Errorf("%v needs no exception", call)
	}
}

// awaitEnds waits until the connections before this one have ended, and our
// side has seen it.
func (r *clientReplay) awaitEnds(connection int) {
	r.pass(connection)
	synctest.Wait()
}

// perform makes the call and returns how its outcome differs from the recorded.
func (r *clientReplay) perform(call plannedCall) error {
	items := r.flow.Connections[call.connection].Items
	result, err := r.call(items, call)
	if strings.HasPrefix(call.Outcome, "throws ") {
		return agreeFailure(call.Outcome, err)
	}
	if err != nil {
		return err
	}
	return agreeResult(call.Outcome, result)
}

// call makes the call with the recorded arguments, by the generated client of
// its contract where that has such a method: the recorded caller made some calls
// that no typed client can make.
func (r *clientReplay) call(items []replay.Item, planned plannedCall) (result any, err error) {
	request := items[planned.request]
	ctx := context.Background()
	if m := recordedMethodOf(planned.Call, request.Params()); m != nil {
		args, err := m.arguments(request)
		if err != nil {
			return nil, err
		}
		return m.call(ctx, r.to, args)
	}
	var args []any
	for _, raw := range request.Params() {
		if len(replay.HusksIn(raw)) > 0 {
			return nil, fmt.Errorf("no generated client makes this call, which brings data streams")
		}
		args = append(args, raw)
	}
	raw := new(wire.Raw)
	return raw, r.to.Call(ctx, planned.Service, planned.Method, raw, args...)
}

// fill gives decoded streams the recorded content.
func fill(streams *wire.Streams, recorded replay.Item, husks []replay.Husk) error {
	filled := make(map[[16]byte]bool)
	for _, h := range husks {
		if filled[h.ID] {
			continue
		}
		filled[h.ID] = true
		content := SampleBytes(h.Length) // of a stream that was cut off
		for _, frame := range recorded.Frames {
			if frame.ID == h.ID {
				content = frame.Content
			}
		}
		open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(content))), nil }
		if err := streams.Fill(wire.GUID(h.ID), open); err != nil {
			return err
		}
	}
	return nil
}

// dispose ends the replay as the recording ended.
func (r *clientReplay) dispose() {
	if r.ours {
		r.awaitEnds(len(r.flow.Connections) - 1)
	}
	last := r.players[len(r.players)-1]
	at := disposal(last.Items)
	if next, any := following(last.Items, at); any && next.Dialler == r.ours {
		last.Await(at + 1)
		_ = r.rt.Close()
	}
	last.AwaitEnd()
}

var errNoFailure = errors.New("the recorded call failed, and this one did not")

// codesThrown are our codes for what a .NET caller throws.
var codesThrown = map[string]Code{
	"Halibut.Exceptions.ServiceInvocationHalibutClientException":    CodeServiceFailed,
	"Halibut.Exceptions.ServiceNotFoundHalibutClientException":      CodeServiceNotFound,
	"Halibut.Exceptions.MethodNotFoundHalibutClientException":       CodeMethodNotFound,
	"Halibut.Exceptions.AmbiguousMethodMatchHalibutClientException": CodeAmbiguousMethod,
}

// agreeFailure compares an error with the recorded exception.
func agreeFailure(outcome string, err error) error {
	var e *Error
	if err == nil {
		return errNoFailure
	}
	if !errors.As(err, &e) {
		return fmt.Errorf("an error that is no *Error: %w", err)
	}
	thrown, message, _ := strings.Cut(strings.TrimPrefix(outcome, "throws "), ": ")
	if code, known := codesThrown[thrown]; known && e.Code != code {
		return fmt.Errorf("the code is %v, recorded is %s", e.Code, thrown)
	}
	if e.Remote && !strings.HasPrefix(message, e.Message) {
		return fmt.Errorf("the message is %q, recorded is %.300q", e.Message, message)
	}
	return nil
}

// agreeResult compares a result, raw or of a generated client, with the recorded
// text of it. It closes the result's streams.
func agreeResult(outcome string, result any) error {
	raw, streams := wire.Raw{}, (*wire.Streams)(nil)
	switch result := result.(type) {
	case *wire.Raw:
		raw = *result
	case reflect.Value:
		var err error
		if raw, err = recordedCodec().EncodeResultValue(nil, &streams, result); err != nil {
			return err
		}
	}
	if streams == nil {
		return agreeJSON(outcome, raw)
	}
	var contents [][]byte
	for _, stream := range streams.All() {
		content, err := stream.Bytes(1 << 20)
		if err = errors.Join(err, stream.Close()); err != nil {
			return err
		}
		contents = append(contents, content)
	}
	if len(contents) == 1 {
		return agreeStream(outcome, contents[0])
	}
	// Of Two, the only method whose result has more.
	want := fmt.Sprintf(`"First %d bytes sha256 %x Second %d bytes sha256 %x"`,
		len(contents[0]), sha256.Sum256(contents[0]), len(contents[1]), sha256.Sum256(contents[1]))
	if want != outcome {
		return fmt.Errorf("the streams are %s, recorded are %s", want, outcome)
	}
	return nil
}
