package exchange

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/internal/replay"
	"github.com/halibut-go/halibut/wire"
)

// eachRecording runs a test for every recorded connection, in a bubble.
func eachRecording(t *testing.T, test func(t *testing.T, f *replay.Flow, items []replay.Item)) {
	flows, err := replay.Load("../../wire/testdata/flows/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flows {
		for _, c := range f.Connections {
			t.Run(f.File+"/"+strconv.Itoa(c.Number), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { test(t, f, c.Items) })
			})
		}
	}
}

// recordedUntil cuts a recording where one side of it gave up: where it closed,
// or where a request got no answer. The other side then closes.
func recordedUntil(items []replay.Item, givesUp, polling bool) []replay.Item {
	at := 0
	for ; at < len(items); at++ {
		item := items[at]
		over := item.Kind == replay.Disposed || item.Kind == replay.Rest ||
			item.Dialler == givesUp && (item.Kind == replay.Closed || item.Text == "END")
		if over || item.IsRequest() && responseTo(items, at) == nil {
			break
		}
	}
	for i := at - 1; i >= 0 && !items[i].IsResponse(); i-- {
		if items[i].IsRequest() {
			at = i // its answer came too late
		}
	}
	for !polling && at > 0 && items[at-1].Kind == replay.Line {
		at-- // what leads to a call that is not made
	}
	return append(items[:at:at], replay.Item{Kind: replay.Closed, Dialler: !givesUp})
}

func responseTo(items []replay.Item, request int) *replay.Item {
	for i := request + 1; i < len(items) && !items[i].IsRequest(); i++ {
		if items[i].IsResponse() {
			return &items[i]
		}
	}
	return nil
}

// play starts the other side of a conversation.
func play(f *replay.Flow, items []replay.Item, dialler bool) (ours *memnet.Conn, played chan error) {
	ours, theirs := memnet.Pipe("ours", "theirs")
	player := replay.NewPlayer(f, items, dialler)
	played = make(chan error, 1)
	go func() { played <- player.Run(theirs) }()
	return ours, played
}

// identified is a session on our end of a recorded connection.
func identified(t *testing.T, ours Conn, self wire.Identity) *Session {
	t.Helper()
	if self.Role == wire.RoleServer {
		opening := Accept(ours, nil, nil)
		_, err := opening.Preamble()
		if err == nil {
			_, err = opening.Identity()
		}
		if err != nil {
			t.Fatal(err)
		}
		session, err := opening.Admit([]string{"go/1"})
		if err != nil {
			t.Fatal(err)
		}
		return session
	}
	session, err := Dial(ours, nil, nil, self)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// TestClientBeforeRecordedServices makes the recorded calls on one connection.
func TestClientBeforeRecordedServices(t *testing.T) {
	testRecordedServices(t, func() *bytes.Buffer { return nil })
}

// TestRecordedServicesToAWriter does it with a writer for the stream of each result.
func TestRecordedServicesToAWriter(t *testing.T) {
	var all []*bytes.Buffer
	testRecordedServices(t, func() *bytes.Buffer {
		all = append(all, new(bytes.Buffer))
		return all[len(all)-1]
	})
	if !slices.ContainsFunc(all, func(b *bytes.Buffer) bool { return b.Len() > 0 }) {
		t.Error("no recording has a result with one stream")
	}
}

// testRecordedServices makes the recorded calls, each with what to returns.
func testRecordedServices(t *testing.T, to func() *bytes.Buffer) {
	eachRecording(t, func(t *testing.T, f *replay.Flow, recorded []replay.Item) {
		items := recordedUntil(recorded, !f.Polling(), f.Polling())
		ours, played := play(f, items, f.Polling())
		self := wire.Identity{Role: wire.RoleClient}
		if f.Polling() {
			self.Role = wire.RoleServer
		}
		client := identified(t, ours, self).Client(&Config{Timeouts: testTimeouts}, nil)
		go client.Run()
		for at, item := range items {
			if item.Dialler == f.Polling() || item.Kind != replay.Message {
				continue
			}
			var err error
			if item.IsNull() {
				err = client.SendNull(t.Context())
			} else {
				err = callAgain(client, item, *responseTo(items, at), f.Polling(), to())
			}
			if err != nil {
				t.Errorf("%v: %v", item, err)
			}
		}
		<-client.Done()
		if err := <-played; err != nil {
			t.Error(err)
		}
		if err := client.Err(); err == nil {
			t.Error("the connection ended for no reason")
		}
	})
}

// callAgain makes a recorded call and compares what comes back.
func callAgain(client *Client, request, response replay.Item, untyped bool, to *bytes.Buffer) error {
	received := &recordedReceiver{typed: !untyped, to: to}
	err := client.Do(context.Background(), &Call{
		Request: &wire.Request{
			ID: request.ID() + " again", Service: request.Service(), Method: request.Method(),
			Params: wire.Raw(request.Member("params")), Streams: streamsOf(request),
		},
		Receiver: received, Untyped: untyped,
	})
	if err != nil {
		return err
	}
	if want := response.Member("result"); !bytes.Equal(received.result, want.Data) {
		return fmt.Errorf("the result is %x, recorded is %x", received.result, want.Data)
	}
	if to != nil && received.err == nil {
		return sameWritten(to, received.response.Streams, response, untyped)
	}
	return errors.Join(received.err, sameContent(received.response.Streams, response))
}

// sameWritten compares what a writer was given with what was recorded.
func sameWritten(to *bytes.Buffer, streams *wire.Streams, recorded replay.Item, untyped bool) error {
	err := streams.Deliver(context.Background(), to)
	switch {
	case streams.Len() == 1 && (err != nil || !bytes.Equal(to.Bytes(), recorded.Frames[0].Content)):
		return fmt.Errorf("%d bytes were written, recorded are %d: %w", to.Len(), len(recorded.Frames[0].Content), err)
	case streams.Len() != 1 && to.Len() > 0:
		return fmt.Errorf("%d bytes of %d streams were written", to.Len(), streams.Len())
	case streams.Len() != 1 && untyped:
		return sameContent(streams, recorded)
	}
	return streams.CloseAll()
}

// recordedReceiver takes any response.
type recordedReceiver struct {
	typed    bool // it knows what is a stream
	to       *bytes.Buffer
	response *wire.Response
	result   []byte
	err      error
}

func (r *recordedReceiver) Started() bool           { return true }
func (r *recordedReceiver) Complete(*wire.Response) {}

func (r *recordedReceiver) StreamTo() io.Writer {
	if r.to == nil {
		return nil
	}
	return r.to
}

func (r *recordedReceiver) Receive(response *wire.Response) {
	kept := *response
	r.response, r.result = &kept, bytes.Clone(response.Result.Data)
	if r.typed {
		r.err = bindAll(response.Streams, response.Result)
	}
}

func bindAll(streams *wire.Streams, in wire.Raw) error {
	for _, husk := range replay.HusksIn(in) {
		if _, err := streams.Bind(wire.GUID(husk.ID), husk.Length); err != nil {
			return err
		}
	}
	return nil
}

// streamsOf are the recorded streams of a message, to be sent again.
func streamsOf(item replay.Item) *wire.Streams {
	if len(item.Frames) == 0 {
		return nil
	}
	streams := new(wire.Streams)
	for _, frame := range item.Frames {
		id := wire.GUID(frame.ID)
		_, err := streams.Bind(id, int64(len(frame.Content)))
		if err == nil {
			err = streams.Fill(id, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(frame.Content)), nil })
		}
		if err != nil {
			panic(err)
		}
	}
	return streams
}

// sameContent compares received streams with the recorded ones and closes them.
func sameContent(streams *wire.Streams, recorded replay.Item) error {
	for _, frame := range recorded.Frames {
		stream, ok := streams.Lookup(wire.GUID(frame.ID))
		if !ok {
			return fmt.Errorf("stream %x did not come", frame.ID)
		}
		content, err := stream.Bytes(1 << 20)
		if err != nil || !bytes.Equal(content, frame.Content) {
			return fmt.Errorf("stream %x is %d bytes, recorded are %d: %w", frame.ID, len(content), len(frame.Content), err)
		}
	}
	if streams == nil {
		return nil
	}
	return streams.CloseAll()
}

// TestServiceBeforeRecordedCallers answers the recorded requests of one
// connection.
func TestServiceBeforeRecordedCallers(t *testing.T) {
	eachRecording(t, func(t *testing.T, f *replay.Flow, recorded []replay.Item) {
		items := recordedUntil(recorded, f.Polling(), true)
		ours, played := play(f, items, !f.Polling())
		self := wire.Identity{Role: wire.RoleServer}
		if f.Polling() {
			self = wire.Identity{Role: wire.RoleSubscriber, Subscription: f.Subscription}
		}
		handler := &recordedHandler{t: t, items: items}
		service := identified(t, ours, self).Service(&Config{Timeouts: testTimeouts}, handler)
		busy := 0
		service.OnBusy = func(now, _ bool) {
			if now {
				busy++
			}
		}
		// A recorded client may be gone before it is told NEXT.
		unheard := func(err error) bool { return f.Polling() && errors.Is(err, syscall.EPIPE) }
		if err := service.Serve(context.Background()); err != nil && !closedBeforeAnswer(items, !f.Polling()) && !unheard(err) {
			t.Error(err)
		}
		if err := <-played; err != nil {
			t.Error(err)
		}
		requests := 0
		for _, item := range items {
			if item.IsRequest() {
				requests++
			}
		}
		if handler.ran != requests || busy != requests {
			t.Errorf("%d of %d requests were run, %d made it busy", handler.ran, requests, busy)
		}
	})
}

// closedBeforeAnswer reports whether the recorded caller did not wait for the
// last response.
func closedBeforeAnswer(items []replay.Item, caller bool) bool {
	for i, item := range items {
		if item.Kind == replay.Closed && item.Dialler == caller {
			return i < len(items)-1
		}
	}
	return false
}

// recordedHandler answers as the recorded service did.
type recordedHandler struct {
	t     *testing.T
	items []replay.Item
	ran   int
}

func (h *recordedHandler) Prepare(_ context.Context, request *wire.Request) Invocation {
	for at, item := range h.items {
		if item.IsRequest() && item.ID() == request.ID {
			if err := bindAll(request.Streams, request.Params); err != nil {
				h.t.Error(err)
			}
			return &recordedInvocation{h, request, item, *responseTo(h.items, at)}
		}
	}
	h.t.Errorf("no such request was recorded: %s", request.ID)
	return nil
}

type recordedInvocation struct {
	handler           *recordedHandler
	request           *wire.Request
	recorded, respond replay.Item
}

func (inv *recordedInvocation) Run(context.Context) *wire.Response {
	inv.handler.ran++
	if err := sameContent(inv.request.Streams, inv.recorded); err != nil {
		inv.handler.t.Error(err)
	}
	response := &wire.Response{ID: inv.request.ID, Result: inv.respond.Member("result"), Streams: streamsOf(inv.respond)}
	if failure := inv.respond.Member("error"); !failure.IsNull() {
		text := func(name string) string {
			if v := failure.Lookup(name); v.Type == wire.KindString {
				return string(v.Text())
			}
			return ""
		}
		response.Error = &wire.ServerError{Message: text("message"), Details: text("details"), Type: text("HalibutErrorType")}
	}
	return response
}

func (inv *recordedInvocation) Live() *wire.DataStream { return nil }

func (inv *recordedInvocation) Refuse(err error) { inv.handler.t.Error(err) }

func (inv *recordedInvocation) Recycle() {}
