package exchange

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/internal/replay"
	"github.com/halibut-go/halibut/wire"
)

// misfit is a peer that says what its test says, and keeps reading.
type misfit struct {
	t     *testing.T
	conn  *memnet.Conn
	items *replay.Splitter
}

// newMisfit connects our side with a peer that has introduced itself. dials
// says that our side opened the connection.
func newMisfit(t *testing.T, dials bool, self wire.Identity) (*Session, *misfit) {
	t.Helper()
	ours, theirs := memnet.Pipe("ours", "theirs")
	m := &misfit{t: t, conn: theirs, items: replay.NewSplitter(theirs, dials)}
	hello := "MX-SERVER 1.0\r\n\r\n"
	if !dials {
		hello = "MX\r\n\r\nMX-CLIENT 1.0\r\n\r\n"
		if self.Subscription != "" { // the peer is a polling service, and our side its client
			hello = "MX\r\n\r\nMX-SUBSCRIBER 1.0 poll://sq-test/\r\n\r\n"
		}
		self = wire.Identity{Role: wire.RoleServer}
	}
	m.write(hello)
	session := identified(t, ours, self)
	if dials {
		m.next()
	}
	m.next()
	return session, m
}

func (m *misfit) write(text string) {
	if _, err := m.conn.Write([]byte(text)); err != nil {
		m.t.Error(err)
	}
}

func (m *misfit) next() replay.Item {
	item, err := m.items.Next()
	if err != nil {
		m.t.Error(err)
	}
	return item
}

func (m *misfit) close() { _ = m.conn.Close() }

func documentOf(t *testing.T, appended []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(wire.AppendDeflated(nil, appended))
}

func responseOf(t *testing.T, r *wire.Response) string {
	document, err := wire.AppendResponse(nil, r)
	return documentOf(t, document, err)
}

func requestOf(t *testing.T, r *wire.Request) string {
	document, err := wire.AppendRequest(nil, r)
	return documentOf(t, document, err)
}

func simpleCall(id string) *Call {
	return &Call{Request: &wire.Request{ID: id, Service: "S", Method: "M"}, Receiver: new(received)}
}

var (
	asClient     = wire.Identity{Role: wire.RoleClient}
	asSubscriber = wire.Identity{Role: wire.RoleSubscriber, Subscription: "poll://sq-test/"}
)

// TestCallsToMisfits makes calls to services that break the rules: the stage
// says whether the call may have run, and the text what came in place of what.
func TestCallsToMisfits(t *testing.T) {
	const husk = "a data stream that is certain, and does not come"
	for _, test := range []struct {
		name   string
		dials  bool // our side: a listening service is called
		before int  // calls that go well
		script func(*misfit)
		stage  Stage
		text   string
	}{
		{"closes in place of PROCEED", true, 1, func(m *misfit) { m.next() }, Preparing, "PROCEED"},
		{"another word for PROCEED", true, 1, func(m *misfit) { m.next(); m.write("BEGIN\r\n") }, Preparing, `expected PROCEED, found "BEGIN"`},
		{"a line that does not end", true, 1, func(m *misfit) { m.next(); m.write("PROC") }, Preparing, "PROC"},
		{"closes", true, 0, func(m *misfit) { m.next() }, Written, "the response"},
		{"END", true, 0, func(m *misfit) { m.next(); m.write("END\r\n") }, Written, "ended"},
		{"a request", true, 0, func(m *misfit) {
			m.next()
			m.write(requestOf(m.t, &wire.Request{ID: "x", Service: "S", Method: "M"}))
		}, Written, "a request"},
		{"another response", true, 0, func(m *misfit) { m.next(); m.write(responseOf(m.t, &wire.Response{ID: "other"})) }, Written, "other"},
		{"no message", true, 0, func(m *misfit) {
			m.next()
			m.write(string(wire.AppendDeflated(nil, []byte{5, 0, 0, 0, 0})))
		}, Written, "cannot be read"},
		{"no DEFLATE", true, 0, func(m *misfit) { m.next(); m.write("\xff\xff\xff\xff") }, Written, ""},
		{"a stream that does not come", true, 0, func(m *misfit) {
			m.write(responseOf(m.t, streamResult(m.t, m.next().ID())))
		}, Receiving, "stream"},
		{"another stream", true, 0, func(m *misfit) {
			m.write(responseOf(m.t, streamResult(m.t, m.next().ID())) + strings.Repeat("\x01", 32))
		}, Receiving, "Unexpected stream"},
		{"no NEXT", false, 1, func(*misfit) {}, Preparing, "NEXT"},
		{"PROCEED in place of NEXT", false, 1, func(m *misfit) { m.write("PROCEED\r\n") }, Preparing, `expected NEXT or END, found "PROCEED"`},
		{"END in place of NEXT", false, 1, func(m *misfit) { m.write("END\r\n") }, Preparing, "ended"},
		{husk, false, 0, func(m *misfit) {
			m.write(responseOf(m.t, twoStreams(m.t, m.next().ID())) + "NEXT\r\n")
		}, Receiving, "a control line"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				self := asClient
				if !test.dials {
					self = asSubscriber
				}
				session, m := newMisfit(t, test.dials, self)
				client := session.Client(&Config{Timeouts: testTimeouts}, nil)
				go client.Run()
				go func() {
					defer m.close()
					for range test.before {
						m.write(responseOf(t, &wire.Response{ID: m.next().ID()}))
					}
					test.script(m)
				}()
				for range test.before {
					if err := client.Do(t.Context(), simpleCall("before")); err != nil {
						t.Fatal(err)
					}
				}
				call := simpleCall("call")
				call.Untyped = !test.dials
				err := client.Do(t.Context(), call)
				var failed *CallError
				if !errors.As(err, &failed) || failed.Stage != test.stage || !strings.Contains(err.Error(), test.text) {
					t.Errorf("the error is %v, stage %v, want stage %v and %q", err, failed, test.stage, test.text)
				}
				<-client.Done()
				client.Abort(nil) // it has ended, and keeps its reason
				if errors.Is(client.Err(), ErrClosed) {
					t.Errorf("the connection ended with %v", client.Err())
				}
			})
		})
	}
}

// streamResult is a response with a data stream, without its frame.
func streamResult(t *testing.T, id string) *wire.Response {
	t.Helper()
	var streams *wire.Streams
	raw, err := new(wire.Codec).EncodeResult(nil, &streams, wire.StreamBytes([]byte("content")))
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Response{ID: id, Result: raw}
}

// twoStreams is a response with something that may be a data stream, and
// something that certainly is, without their frames.
func twoStreams(t *testing.T, id string) *wire.Response {
	t.Helper()
	type maybe struct {
		ID     uuid.UUID `halibut:"id"`
		Length int64     `halibut:"length"`
	}
	var streams *wire.Streams
	raw, err := new(wire.Codec).EncodeResult(nil, &streams, struct {
		Maybe maybe
		Sure  any `halibut:"Sure,object"`
	}{maybe{uuid.New(), 7}, wire.StreamBytes([]byte("content"))})
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Response{ID: id, Result: raw}
}

// TestIdleMisfits says something on a connection on which nothing is due.
func TestIdleMisfits(t *testing.T) {
	for said, want := range map[string]string{
		"HELLO\r\n":   `expected no word between two calls but END, found "HELLO"`,
		"PROCEED\r\n": "no word between two calls",
		"END\r\n":     ErrEnded.Error(),
		"":            ErrEnded.Error(),
	} {
		synctest.Test(t, func(t *testing.T) {
			session, m := newMisfit(t, true, asClient)
			ended := make(chan error, 1)
			client := session.Client(&Config{Timeouts: testTimeouts}, func(err error) { ended <- err })
			go client.Run()
			m.write("\r\n" + said) // an empty line is skipped
			m.close()
			if err := <-ended; err == nil || !strings.Contains(err.Error(), want) || client.Err() != err {
				t.Errorf("after %q the connection ended with %v", said, err)
			}
		})
	}
}

// TestMisfitCallers sends a service what it has no place for.
func TestMisfitCallers(t *testing.T) {
	request := func(m *misfit, id string) { m.write(requestOf(m.t, &wire.Request{ID: id, Service: "S", Method: "M"})) }
	for _, test := range []struct {
		name    string
		polling bool
		script  func(*misfit)
		want    string // "" is an orderly end
	}{
		{"closes", false, func(*misfit) {}, ""},
		{"END", false, func(m *misfit) { m.write("END\r\n") }, ""},
		{"half a request", false, func(m *misfit) { m.write("\x01") }, "reading a document"},
		{"a response", false, func(m *misfit) { m.write(responseOf(m.t, &wire.Response{ID: "x"})) }, "a response"},
		{"no message", false, func(m *misfit) { m.write(string(wire.AppendDeflated(nil, []byte{5, 0, 0, 0, 0}))) }, "cannot be read"},
		{"a word after the response", false, func(m *misfit) { request(m, "1"); m.next(); m.write("PROCEED\r\n") }, `expected NEXT or END, found "PROCEED"`},
		{"half a word", false, func(m *misfit) { request(m, "1"); m.next(); m.write("NEX") }, "NEX"},
		{"two requests at once", false, func(m *misfit) { request(m, "1"); request(m, "2"); m.next() }, "at the end of a line"},
		{"closes after the response", false, func(m *misfit) { request(m, "1"); m.next() }, ""},
		{"a null request", false, func(m *misfit) {
			m.write(string(nullRequest) + "\r\nNEXT\r\n") // of which a listening service makes nothing
			if line := m.next(); line.Text != wire.Proceed {
				m.t.Errorf("after a null request comes %v", line)
			}
		}, ""},
		{"polled: closes in place of PROCEED", true, func(m *misfit) { m.write(string(nullRequest)); m.next() }, ""},
		{"polled: NEXT in place of PROCEED", true, func(m *misfit) { m.write(string(nullRequest)); m.next(); m.write("NEXT\r\n") }, `expected PROCEED, found "NEXT"`},
		{"polled: END", true, func(m *misfit) { request(m, "1"); m.next(); m.next(); m.write("END\r\n") }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				self := wire.Identity{Role: wire.RoleServer}
				if test.polling {
					self = asSubscriber
				}
				session, m := newMisfit(t, test.polling, self)
				go func() {
					defer m.close()
					test.script(m)
				}()
				err := session.Service(&Config{Timeouts: testTimeouts}, answers{}).Serve(t.Context())
				if err == nil && test.want == "" {
					return
				}
				if err == nil || test.want == "" || !strings.Contains(err.Error(), test.want) {
					t.Errorf("the service ended with %v, want %q", err, test.want)
				}
			})
		})
	}
}

// streamHandler takes the data streams of a request, one of them straight from
// the connection.
type streamHandler struct {
	names []string // of the members with a stream
	live  string   // which one is read from the connection; "" is none
	read  func(live io.Reader) error

	refused error
	got     []string
}

type streamInvocation struct {
	*streamHandler
	request *wire.Request
	streams []*wire.DataStream
	direct  *wire.DataStream
}

func (h *streamHandler) Prepare(_ context.Context, request *wire.Request) Invocation {
	inv := &streamInvocation{streamHandler: h, request: request}
	i := 0
	for it := request.Params.Elements(); it.Next(); i++ {
		var stream *wire.DataStream
		if err := new(wire.Codec).Decode(it.Value(), request.Streams, &stream); err != nil {
			panic(err)
		}
		if h.names[i] == h.live {
			inv.direct = stream
		} else {
			inv.streams = append(inv.streams, stream)
		}
	}
	return inv
}

func (inv *streamInvocation) Live() *wire.DataStream { return inv.direct }
func (inv *streamInvocation) Refuse(err error)       { inv.refused = err }

func (inv *streamInvocation) Recycle() {}

func (inv *streamInvocation) Run(context.Context) *wire.Response {
	response := &wire.Response{ID: inv.request.ID}
	if inv.refused != nil {
		response.Error = &wire.ServerError{Message: inv.refused.Error()}
		return response
	}
	for _, stream := range inv.streams {
		content, err := stream.Bytes(-1)
		if err != nil {
			panic(err)
		}
		inv.got = append(inv.got, string(content))
	}
	if inv.direct == nil {
		return response
	}
	source, err := inv.direct.Open()
	if err == nil {
		err = errors.Join(inv.read(source), source.Close(), inv.direct.Close())
	}
	if err != nil {
		response.Error = &wire.ServerError{Message: err.Error()}
	}
	return response
}

// callWithStreams makes a call with these contents.
func callWithStreams(t *testing.T, contents ...string) *Call {
	t.Helper()
	call := simpleCall("streams")
	var args []any
	for _, content := range contents {
		args = append(args, wire.StreamBytes([]byte(content)))
	}
	params, err := new(wire.Codec).EncodeParams(nil, &call.Request.Streams, args)
	if err != nil {
		t.Fatal(err)
	}
	call.Request.Params = params
	return call
}

// TestStreamReadFromTheConnection has a method read a stream itself: the whole
// of it, a part, and one that others follow.
func TestStreamReadFromTheConnection(t *testing.T) {
	large := strings.Repeat("large ", 50_000)
	for _, test := range []struct {
		name     string
		live     string
		contents []string
		part     int64 // bytes that the method reads; negative is all
	}{
		{"the last of two", "second", []string{"first", large}, -1},
		{"a part of it", "second", []string{"first", large}, 10},
		{"nothing of it", "first", []string{large}, 0},
		{"one that another follows", "first", []string{large, "second"}, -1},
		{"an empty one", "first", []string{""}, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handler := &streamHandler{names: []string{"first", "second"}, live: test.live}
				handler.read = func(live io.Reader) error {
					if test.part >= 0 {
						live = io.LimitReader(live, test.part)
					}
					content, err := io.ReadAll(live)
					handler.got = append(handler.got, string(content))
					return err
				}
				c := converse(t, false, handler)
				for range 2 { // the connection is in step afterwards
					handler.got = nil
					call := callWithStreams(t, test.contents...)
					if err := c.client.Do(t.Context(), call); err != nil {
						t.Fatal(err)
					}
					if failure := call.Receiver.(*received).response.Error; failure != nil {
						t.Error(failure.Message)
					}
					want := len(strings.Join(test.contents, ""))
					if test.part >= 0 {
						want = len(strings.Join(test.contents[:len(test.contents)-1], "")) + int(test.part)
					}
					if got := len(strings.Join(handler.got, "")); got != want {
						t.Errorf("the method got %d bytes, want %d", got, want)
					}
				}
				c.end()
			})
		})
	}
}

// TestSilenceAfterALiveStream: the limit for what follows a response stands also
// where the method that read a stream itself has answered before the reading
// goroutine got to run again.
func TestSilenceAfterALiveStream(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that it does
	synctest.Test(t, func(t *testing.T) {
		timeouts := testTimeouts
		timeouts.Idle = 0 // the client is in no hurry
		handler := &streamHandler{names: []string{"first"}, live: "first"}
		handler.read = func(live io.Reader) error { _, err := io.Copy(io.Discard, live); return err }
		c := converseWith(t, &Config{Timeouts: timeouts}, true, handler, "go/1", Pipelining, Refuse)
		if err := c.client.Do(t.Context(), callWithStreams(t, "content")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(timeouts.Request + time.Second)
		var limit *TimeoutError
		select {
		case err := <-c.served:
			if !errors.As(err, &limit) || limit.Name != namePollRequest {
				t.Errorf("the service ended with %v", err)
			}
			c.served <- nil
		default:
			t.Errorf("the service waits for longer than %s", timeouts.Request)
		}
		c.end()
	})
}

// TestStreamThatCannotBeStored is refused by the service, and told by the
// client; the connection goes on.
func TestStreamThatCannotBeStored(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	config := &Config{Timeouts: testTimeouts, Reader: wire.ReaderOptions{Limits: wire.Limits{StreamMemory: 1}, TempDir: missing}}
	for _, live := range []string{"", "second"} {
		synctest.Test(t, func(t *testing.T) {
			handler := &streamHandler{names: []string{"first", "second"}, live: live}
			c := converseWith(t, config, false, handler)
			for range 2 {
				handler.refused = nil
				call := callWithStreams(t, "a stream that needs a file", "and another one")
				if err := c.client.Do(t.Context(), call); err != nil {
					t.Fatal(err)
				}
				if !errors.Is(handler.refused, os.ErrNotExist) || call.Receiver.(*received).response.Error == nil {
					t.Errorf("the request was refused for %v", handler.refused)
				}
			}
			c.end()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c := converseWith(t, config, false, answers{run: func(_ context.Context, r *wire.Request) *wire.Response {
			response := &wire.Response{ID: r.ID}
			var err error
			response.Result, err = new(wire.Codec).EncodeResult(nil, &response.Streams, wire.StreamBytes([]byte("content")))
			if err != nil {
				t.Error(err)
			}
			return response
		}})
		for range 2 {
			err := c.client.Do(t.Context(), simpleCall("call"))
			var failed *CallError
			if !errors.As(err, &failed) || failed.Stage != Receiving || !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a result that cannot be stored: %v", err)
			}
		}
		c.end()
	})
}
