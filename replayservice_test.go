package halibut

import (
	"context"
	"net"
	"testing"

	"github.com/halibut-go/halibut/internal/replay"
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
	stop := r.start(&Options{Services: recordedServices(f, newRecordedAnswers(f))})
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

// recordedServices are the services that the recordings' caller calls, each
// registered by the code that was generated for its contract. Their
// implementations answer what the recorded service answered, and what they were
// given where it refused to take it.
func recordedServices(f *replay.Flow, answers *recordedAnswers) *Services {
	s := new(Services)
	for _, call := range f.Calls {
		contract := recordedContracts[call.Service]
		if contract != nil && s.find(call.Service) == nil && answers.offered(call.Service) {
			contract.Register(s, answers)
		}
	}
	return s
}
