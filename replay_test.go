package halibut

import (
	"context"
	"crypto/fips140"
	"crypto/tls"
	"encoding/json"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/internal/replay"
)

// raceDetector: everything takes ten times as long under it.
var raceDetector bool

// recordings are all recorded flows. A file that is added to a folder is
// replayed without a change here.
func recordings(t testing.TB) []*replay.Flow {
	t.Helper()
	var all []*replay.Flow
	for _, folder := range []string{"flows", "tentacle"} {
		flows, err := replay.Load("wire/testdata/" + folder + "/*.json")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, flows...)
	}
	for _, f := range all {
		if f.File == "tentacle-8.1.2000-listening" {
			f.Renamed = legacyNames()
		}
	}
	return all
}

// legacyNames are the names that types of Tentacle's first services travel
// under today and that this project reads, with those that it writes. In one
// recording neither side was told to write the latter.
func legacyNames() *strings.Replacer {
	var names []string
	for _, name := range []string{
		"StartScriptCommand", "ScriptStatusRequest", "CancelScriptCommand", "CompleteScriptCommand",
		"ScriptStatusResponse", "ScriptTicket", "UploadResult",
	} {
		names = append(names, `"Octopus.Tentacle.Contracts.`+name+`, Octopus.Tentacle.Contracts"`,
			`"Octopus.Shared.Contracts.`+name+`, Octopus.Shared"`)
	}
	return strings.NewReplacer(names...)
}

// The kinds of exception from what was recorded.
const (
	notMade   = "not made" // the recorded caller could not write the call; it is left out
	outcome   = "outcome"  // the recorded caller made something else of the response
	responded = "response" // the recorded service answered something else, or nothing
)

// exceptions are the calls of testdata/replay-exceptions.json, in which a
// replay need not agree with the recording, each with the reason. It has to
// disagree there, or the exception is no longer needed.
type exceptions []*exception

type exception struct {
	Flows  string   // a pattern for the names of recordings
	Kind   string   // one of the above
	Calls  []string // methods, or "method (note)" for one call of several
	Reason string

	used map[string]bool
}

func loadExceptions(t testing.TB) exceptions {
	t.Helper()
	text, err := os.ReadFile("testdata/replay-exceptions.json")
	if err != nil {
		t.Fatal(err)
	}
	var list exceptions
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		e.used = make(map[string]bool)
		if e.Reason == "" || e.Kind != notMade && e.Kind != outcome && e.Kind != responded {
			t.Errorf("the exception %+v has no reason, or no kind that is known", *e)
		}
	}
	return list
}

// find returns whether a call is excepted.
func (list exceptions) find(f *replay.Flow, call replay.Call, kind string) bool {
	covering := list.covering(f, call, kind)
	for e, name := range covering {
		e.used[name] = true
	}
	return len(covering) > 0
}

// covering are the exceptions of a call, each with the name that fits.
func (list exceptions) covering(f *replay.Flow, call replay.Call, kind string) map[*exception]string {
	covering := make(map[*exception]string)
	for _, e := range list {
		if fits, err := path.Match(e.Flows, f.File); err != nil || !fits || e.Kind != kind {
			continue
		}
		for _, name := range e.Calls {
			if name == call.Method || name == call.Method+" ("+call.Note+")" {
				covering[e] = name
			}
		}
	}
	return covering
}

// excepts is find for tests that do not look for exceptions that are not needed.
func (list exceptions) excepts(f *replay.Flow, call replay.Call, kind string) bool {
	return len(list.covering(f, call, kind)) > 0
}

// unused are the exceptions that no call took.
func (list exceptions) unused(t *testing.T, kinds ...string) {
	if fips140.Enabled() {
		return // the replays are in virtual time, and were skipped
	}
	for _, e := range list {
		for _, name := range e.Calls {
			if slices.Contains(kinds, e.Kind) && !e.used[name] {
				t.Errorf("no call takes the exception %q of %s", name, e.Flows)
			}
		}
	}
}

// eachRecording replays all recordings over each kind of pipe, and looks for
// exceptions of these kinds that no call took.
func eachRecording(t *testing.T, kinds []string, replayed func(t *testing.T, f *replay.Flow, pipe func() (net.Conn, net.Conn), list exceptions)) {
	list := loadExceptions(t)
	replayIdentity() // a key cannot be made in a bubble: that takes a real while
	flows := recordings(t)
	ran := 0
	for _, f := range flows {
		t.Run(f.File, func(t *testing.T) {
			ran++
			for name, pipe := range pipes {
				t.Run(name, func(t *testing.T) {
					bubble(t, func(t *testing.T) { replayed(t, f, pipe, list) })
				})
			}
		})
	}
	if ran == len(flows) {
		list.unused(t, kinds...)
	}
}

// plannedCall is a call of a recording and where its request stands.
type plannedCall struct {
	replay.Call
	connection int // index in the flow's connections, -1 where nothing was written for the call
	request    int // index of its request in the connection's items
}

// plan finds the request of each call: both are in order, and a call for which
// the recorded caller wrote nothing is left out between them.
func plan(t testing.TB, f *replay.Flow) []plannedCall {
	t.Helper()
	var requests []plannedCall
	for number, c := range f.Connections {
		for i, item := range c.Items {
			if item.IsRequest() {
				requests = append(requests, plannedCall{connection: number, request: i})
			}
		}
	}
	var planned []plannedCall
	for _, call := range f.Calls {
		p := plannedCall{call, -1, -1}
		if len(requests) > 0 {
			item := f.Connections[requests[0].connection].Items[requests[0].request]
			if item.Service() == call.Service && item.Method() == call.Method {
				p.connection, p.request = requests[0].connection, requests[0].request
				requests = requests[1:]
			}
		}
		planned = append(planned, p)
	}
	if len(requests) > 0 {
		t.Fatalf("%d requests belong to no call", len(requests))
	}
	return planned
}

// following is the first item after the message at a place, with late frames
// passed over.
func following(items []replay.Item, at int) (replay.Item, bool) {
	for at++; at < len(items); at++ {
		if kind := items[at].Kind; kind != replay.LateFrame {
			return items[at], true
		}
	}
	return replay.Item{}, false
}

// responseTo is the place of the response to a request, or -1.
func responseTo(items []replay.Item, request int) int {
	for i := request + 1; i < len(items) && !items[i].IsRequest(); i++ {
		if items[i].IsResponse() {
			return i
		}
	}
	return -1
}

// beforeCall are the items before a request and what leads to it: a client
// that dialled says NEXT when it has a call, and not before.
func beforeCall(f *replay.Flow, items []replay.Item, request int) int {
	for !f.Polling() && items[request-1].Kind == replay.Line {
		request--
	}
	return request
}

// disposal is the place where the recorded programs began to stop, or the end.
func disposal(items []replay.Item) int {
	for i, item := range items {
		if item.Kind == replay.Disposed {
			return i
		}
	}
	return len(items)
}

// closedBy is a recording's end of one side.
func closedBy(dialler bool) replay.Item { return replay.Item{Kind: replay.Closed, Dialler: dialler} }

// pipes are the kinds of connections that are replayed over.
var pipes = map[string]func() (net.Conn, net.Conn){
	// Without a buffer a write ends when the other side has read it.
	"unbuffered": net.Pipe,
	"buffered": func() (net.Conn, net.Conn) {
		return memnet.Pipe("127.0.0.1:1", "127.0.0.1:2")
	},
}

// plainConn stands for a secured connection: the recordings are what was said
// inside of TLS.
type plainConn struct {
	net.Conn
	state tls.ConnectionState
}

func (c plainConn) ConnectionState() tls.ConnectionState { return c.state }

func (c plainConn) CloseWrite() error { return nil }

var replayIdentity = sync.OnceValue(func() tls.Certificate {
	certificate, err := GenerateCertificate("replay", &CertificateOptions{ECDSA: true})
	if err != nil {
		panic(err)
	}
	return certificate
})

// newPlainRuntime is a runtime whose connections are not encrypted and whose
// peers are all replayIdentity.
func newPlainRuntime(t testing.TB, options *Options) *Runtime {
	t.Helper()
	identity := replayIdentity()
	options.Types = recordedTypes
	rt, err := New(identity, options)
	if err != nil {
		t.Fatal(err)
	}
	state := tls.ConnectionState{Version: tls.VersionTLS13}
	state.PeerCertificates = append(state.PeerCertificates, identity.Leaf)
	plain := func(_ context.Context, conn net.Conn, _ *tls.Config) (securedConn, error) {
		return plainConn{conn, state}, nil
	}
	rt.dialHandshake, rt.acceptHandshake = plain, plain
	return rt
}

// pipeListener accepts the connections that it is given.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// connect is false when the listener is closed.
func (l *pipeListener) connect(conn net.Conn) bool {
	select {
	case l.conns <- conn:
		return true
	case <-l.closed:
		_ = conn.Close()
		return false
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return memnet.Addr("replay:10943") }

// everybody admits every peer.
var everybody = AuthorizerFunc(func(context.Context, Peer) error { return nil })

func newStage(t testing.TB, f *replay.Flow, pipe func() (net.Conn, net.Conn)) *stage {
	return &stage{t: t, flow: f, pipe: pipe, skipped: make(map[int]bool), errs: make(map[int]error)}
}

// stage is where one recording is replayed: the connections of it that are
// used, one after another, each with its player.
type stage struct {
	t        testing.TB
	flow     *replay.Flow
	pipe     func() (net.Conn, net.Conn)
	players  []*replay.Player
	wrap     func(number int, ours net.Conn) net.Conn // nil: as it is
	playing  sync.WaitGroup
	tolerant bool          // players may fail
	gate     chan struct{} // not nil: only the first connection is open before it is closed

	mu      sync.Mutex
	next    int
	skipped map[int]bool  // connections that nobody needs
	errs    map[int]error // of the players that have ended
}

// open starts the next player and returns our end of its connection. It is
// false when all recorded connections were used.
func (s *stage) open() (net.Conn, bool) {
	s.mu.Lock()
	number := s.next
	if number == len(s.players) || number > 0 && !s.gateIsOpen() {
		s.mu.Unlock()
		return nil, false
	}
	s.next++
	s.mu.Unlock()
	ours, theirs := s.pipe()
	s.playing.Go(func() {
		err := s.players[number].Run(theirs)
		if err != nil && !s.tolerant {
			s.t.Errorf("connection %d: %v", number+1, err)
		}
		s.mu.Lock()
		s.errs[number] = err
		s.mu.Unlock()
	})
	if s.wrap != nil {
		ours = s.wrap(number, ours)
	}
	return ours, true
}

// errorOf is what a player that has ended found.
func (s *stage) errorOf(number int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errs[number]
}

func (s *stage) gateIsOpen() bool {
	if s.gate == nil {
		return true
	}
	select {
	case <-s.gate:
		return true
	default:
		return false
	}
}

// dial opens connections for a side that dials. When there are no more of them
// it waits until nobody wants one; at a gate it is refused.
func (s *stage) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if conn, ok := s.open(); ok {
		return conn, nil
	}
	if !s.gateIsOpen() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// connectAll opens the connections to a listener, each when the one before has
// ended.
func (s *stage) connectAll(l *pipeListener) {
	for number, player := range s.players {
		if number > 0 && s.gate != nil {
			select {
			case <-s.gate:
			case <-l.closed:
				return
			}
		}
		conn, _ := s.open()
		if !l.connect(conn) {
			return
		}
		player.AwaitEnd()
	}
}

// pass waits until the connections before this one have ended. Those that were
// not opened are not needed: the calls on them are left out.
func (s *stage) pass(connection int) {
	for number := range connection {
		s.mu.Lock()
		if s.next == number {
			s.next++
			s.skipped[number] = true
		}
		skipped := s.skipped[number]
		s.mu.Unlock()
		if !skipped {
			s.players[number].AwaitEnd()
		}
	}
}
