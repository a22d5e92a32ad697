package redisqueue

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// exchange is one recorded call between two .NET nodes: the commands of either
// side, in their order.
type exchange struct {
	id        string
	request   []byte
	response  []byte
	sender    []command
	processor []command
}

// exchanges takes a recording apart. What belongs to no call, such as the
// sentinel, is left out.
func exchanges(t *testing.T, commands []command) []*exchange {
	t.Helper()
	var all []*exchange
	byID := map[string]*exchange{}
	answered := map[string]bool{}
	for _, c := range commands {
		if len(c.args) < 2 {
			continue
		}
		key := c.args[1]
		if c.name() == "HMSET" && strings.Contains(key, "::RequestMessage::") {
			e := &exchange{id: key[len(key)-36:], request: []byte(c.args[3])}
			all, byID[e.id] = append(all, e), e
		}
		if len(all) == 0 {
			continue
		}
		last := all[len(all)-1]
		switch {
		case strings.Contains(key, "::Response::") && c.name() == "HMSET":
			last.response = []byte(c.args[3])
			last.processor = append(last.processor, c)
		case strings.Contains(key, "::Response::") && c.name() == "EXPIRE", c.name() == "PUBLISH" && strings.Contains(key, "ResponseAvailable"):
			last.processor = append(last.processor, c)
			answered[last.id] = true
		case c.name() == "HMSET" || c.name() == "EXPIRE" || c.name() == "RPUSH" || c.name() == "PUBLISH":
			last.sender = append(last.sender, c)
		}
	}
	for _, e := range all {
		if !answered[e.id] || len(e.sender) != 5 || len(e.processor) != 3 {
			t.Fatalf("call %s was recorded with %d commands of the sender and %d of the processor", e.id, len(e.sender), len(e.processor))
		}
	}
	return all
}

// recordedStore stands for the application's own store of the recording, whose
// contents were not recorded: streams of as many bytes as the husks say.
type recordedStore struct{ sizes map[uuid.UUID]int64 }

func newRecordedStore(calls []*exchange) recordedStore {
	s := recordedStore{map[uuid.UUID]int64{}}
	for _, e := range calls {
		for _, document := range [][]byte{e.request, e.response} {
			for _, h := range wire.Husks(document) {
				s.sizes[h.ID] = h.Length
			}
		}
	}
	return s
}

func (recordedStore) Store(context.Context, Message, *wire.Streams) ([]byte, error) {
	return []byte("sample-store-1"), nil
}

func (s recordedStore) Load(_ context.Context, _ Message, metadata []byte) (StoredStreams, error) {
	if string(metadata) != "sample-store-1" {
		return nil, errors.New("metadata of another store: " + string(metadata))
	}
	return s, nil
}

func (s recordedStore) Stream(id uuid.UUID) (StoredStream, bool) {
	size, ok := s.sizes[id]
	content := make([]byte, size)
	return StoredStream{
		Size: size, Release: func() {},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}, ok
}

var recordings = []string{
	"8.1.2000-poll.monitor.txt",
	"8.1.2000-queue.monitor.txt",
}

// endpointOf is the endpoint in a recording's keys.
func endpointOf(calls []*exchange) string {
	key := calls[0].sender[0].args[1]
	_, rest, _ := strings.Cut(key, "::RequestMessage::")
	return strings.TrimSuffix(rest, "::"+calls[0].id)
}

// play sends recorded commands to the server.
func (s *server) play(t *testing.T, commands []command) {
	t.Helper()
	for _, c := range commands {
		s.do(t, c.args...)
	}
}

// ttl is a key's time to live in seconds.
func (s *server) ttl(t *testing.T, key string) int64 {
	t.Helper()
	client, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ms, err := client.Do(t.Context(), client.B().Pttl().Key(key).Build()).AsInt64()
	if err != nil {
		t.Fatal(err)
	}
	return (ms + 999) / 1000
}

// messages collects what is published on a channel.
func (s *server) messages(t *testing.T, channel string) <-chan string {
	t.Helper()
	client, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	got, ready := make(chan string, 100), make(chan struct{})
	ctx, cancel := context.WithCancel(rueidis.WithOnSubscriptionHook(context.Background(), func(rueidis.PubSubSubscription) { close(ready) }))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = client.Receive(ctx, client.B().Subscribe().Channel(channel).Build(), func(m rueidis.PubSubMessage) { got <- m.Message })
	}()
	<-ready
	t.Cleanup(func() { cancel(); <-done; client.Close() })
	return got
}

func receive(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case text := <-from:
		return text
	case <-time.After(20 * time.Second):
		t.Fatal("no message was published")
		return ""
	}
}

// TestRecordedSender plays a recorded .NET sender against our processor.
func TestRecordedSender(t *testing.T) {
	for _, recording := range recordings {
		t.Run(recording, func(t *testing.T) {
			calls := exchanges(t, recorded(t, recording))
			endpoint := endpointOf(calls)
			s := startServer(t)
			p := s.node(t, &Options{Prefix: "sample", Streams: newRecordedStore(calls)})
			q, err := p.Queue(endpoint)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range calls {
				d, got := playSender(t, s, q, e)
				checkRequest(t, e, d.Request(), got)
				checkResponse(t, s, d, e)
			}
		})
	}
}

// playSender sends the commands of a .NET sender and collects the request.
func playSender(t *testing.T, s *server, q queue.Queue, e *exchange) (queue.Delivery, []byte) {
	t.Helper()
	req, err := wire.ParseQueueRequest(e.request, 0)
	if err != nil {
		t.Fatal(err)
	}
	collector := queue.Peer{Thumbprint: boundTo(req), Addr: "192.0.2.1:1"}
	type result struct {
		d   queue.Delivery
		err error
	}
	collected := make(chan result, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		d, err := q.Next(ctx, collector)
		collected <- result{d, err}
	}()
	eventually(t, "the collector waits", func() bool { return q.Stats().Waiting == 1 })
	s.play(t, e.sender)
	r := <-collected
	if r.err != nil {
		t.Fatal(r.err)
	}
	if s.do(t, "EXISTS", e.sender[0].args[1]) != `{"Value":0,"Type":"int64"}` {
		t.Error("the request is still there: .NET senders would think that nobody has collected it")
	}
	encoded, err := wire.AppendQueueRequest(nil, r.d.Request())
	if err != nil {
		t.Fatal(err)
	}
	return r.d, encoded
}

func checkRequest(t *testing.T, e *exchange, req *wire.Request, encoded []byte) {
	t.Helper()
	if !bytes.Equal(encoded, e.request) {
		t.Errorf("the request is\n%q, recorded was\n%q", encoded, e.request)
	}
	for _, h := range wire.Husks(e.request) {
		stream, ok := req.Streams.Lookup(h.ID)
		if !ok {
			t.Errorf("data stream %s is missing", h.ID)
			continue
		}
		if content, err := stream.Bytes(-1); err != nil || int64(len(content)) != h.Length {
			t.Errorf("data stream %s has %d bytes, %v", h.ID, len(content), err)
		}
	}
}

// checkResponse responds as recorded, and compares what is in Redis then.
func checkResponse(t *testing.T, s *server, d queue.Delivery, e *exchange) {
	t.Helper()
	put, expire, pulse := e.processor[0], e.processor[1], e.processor[2]
	pulses := s.messages(t, pulse.args[1])
	response, err := wire.ParseQueueResponse(e.response, 0)
	if err != nil {
		t.Fatal(err)
	}
	if husks := wire.Husks(e.response); len(husks) > 0 {
		response.Streams = filled(t, husks)
	}
	if !d.Started() || !d.Respond(response) {
		t.Fatal("nobody waits")
	}
	if text := receive(t, pulses); text != pulse.args[2] {
		t.Errorf("published was %q, recorded was %q", text, pulse.args[2])
	}
	fields := s.hash(t, put.args[1])
	if fields[fieldMessage] != string(e.response) {
		t.Errorf("the response is\n%q, recorded was\n%q", fields[fieldMessage], e.response)
	}
	if metadata, ok := fields[fieldMetadata]; !ok || len(wire.Husks(e.response)) > 0 && metadata != "sample-store-1" {
		t.Errorf("the metadata is %q", metadata)
	}
	checkLife(t, s, expire)
}

// checkLife checks that a key lives at least as long as .NET's.
func checkLife(t *testing.T, s *server, expire command) {
	t.Helper()
	want, err := strconv.ParseInt(expire.args[2], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.ttl(t, expire.args[1]); got < want-5 {
		t.Errorf("%s lives %d seconds, recorded were %d", expire.args[1], got, want)
	}
}

// filled are streams that are there, with the ids of the husks.
func filled(t *testing.T, husks []wire.Husk) *wire.Streams {
	t.Helper()
	streams := wire.NewStreams(wire.Limits{})
	for _, h := range husks {
		if _, err := streams.Bind(h.ID, h.Length); err != nil {
			t.Fatal(err)
		}
		if err := streams.Fill(h.ID, wire.StreamBytes(make([]byte, h.Length)).Open); err != nil {
			t.Fatal(err)
		}
	}
	return streams
}

func (s *server) hash(t *testing.T, key string) map[string]string {
	t.Helper()
	client, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	fields, err := client.Do(t.Context(), client.B().Hgetall().Key(key).Build()).AsStrMap()
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

// TestRecordedProcessor plays a recorded .NET processor against our sender.
func TestRecordedProcessor(t *testing.T) {
	for _, recording := range recordings {
		t.Run(recording, func(t *testing.T) {
			calls := exchanges(t, recorded(t, recording))
			s := startServer(t)
			p := s.node(t, &Options{Prefix: "sample", Streams: newRecordedStore(calls)})
			q, err := p.Queue(endpointOf(calls))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range calls {
				playProcessor(t, s, q, e)
			}
			eventually(t, "nothing but the sentinel is left", func() bool {
				return !strings.Contains(s.do(t, "KEYS", "*"), "::Response::")
			})
		})
	}
}

func playProcessor(t *testing.T, s *server, q queue.Queue, e *exchange) {
	t.Helper()
	put, expire, push, expireList, pulse := e.sender[0], e.sender[1], e.sender[2], e.sender[3], e.sender[4]
	pulses := s.messages(t, pulse.args[1])
	req, err := wire.ParseQueueRequest(e.request, 0)
	if err != nil {
		t.Fatal(err)
	}
	if husks := wire.Husks(e.request); len(husks) > 0 {
		req.Streams = filled(t, husks)
	}
	type result struct {
		response *wire.Response
		err      error
	}
	done := make(chan result, 1)
	go func() {
		r, err := q.Send(t.Context(), req, queue.SendOptions{})
		done <- result{r, err}
	}()
	if text := receive(t, pulses); text != pulse.args[2] {
		t.Errorf("published was %q, recorded was %q", text, pulse.args[2])
	}
	checkLife(t, s, expireList)
	if id := s.do(t, "LPOP", push.args[1]); !strings.Contains(id, e.id) {
		t.Fatalf("in the list is %s, recorded was %s", id, e.id)
	}
	fields := s.hash(t, put.args[1])
	if fields[fieldMessage] != string(e.request) {
		t.Errorf("the request is\n%q, recorded was\n%q", fields[fieldMessage], e.request)
	}
	// The recorded store says something about no streams, too; ours is not asked.
	if metadata, ok := fields[fieldMetadata]; !ok || len(wire.Husks(e.request)) > 0 && metadata != put.args[5] || put.args[4] != fieldMetadata {
		t.Errorf("the metadata is %q, recorded was %q", metadata, put.args[5])
	}
	checkLife(t, s, expire)
	if reply := s.do(t, "UNLINK", put.args[1]); reply != `{"Value":1,"Type":"int64"}` {
		t.Errorf("removing the request returns %s: a .NET node would think that another has it", reply)
	}
	s.play(t, e.processor)
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	encoded, err := wire.AppendQueueResponse(nil, r.response)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encoded, e.response) {
		t.Errorf("the response is\n%q, recorded was\n%q", encoded, e.response)
	}
	for _, h := range wire.Husks(e.response) {
		if stream, ok := r.response.Streams.Lookup(h.ID); !ok || stream.Size() != h.Length {
			t.Errorf("data stream %s is missing", h.ID)
		}
	}
}

// TestCommandsOfACall counts what Redis is sent for one call, by both nodes
// together.
func TestCommandsOfACall(t *testing.T) {
	s := startServer(t)
	if n := commandsOfACall(t, s); n > 8 {
		t.Errorf("a call takes %.1f commands, want at most 8", n)
	}
}

// commandsOfACall counts over some calls, through servers of which the first is
// connected to.
func commandsOfACall(t *testing.T, servers ...*server) float64 {
	t.Helper()
	opts := &Options{Prefix: "p"}
	senders, collectors := servers[0].node(t, opts), servers[0].node(t, opts)
	q := queueOf(t, collectors)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan struct{})
	go func() {
		defer close(served)
		serve(ctx, q)
	}()
	call := func() {
		if _, err := queueOf(t, senders).Send(t.Context(), &wire.Request{ID: "1"}, queue.SendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	const calls = 20
	for range calls { // until every server has every script
		call()
	}
	var monitors []*monitor
	for _, s := range servers {
		monitors = append(monitors, s.monitor(t))
	}
	for range calls {
		call()
	}
	names := map[string]int{}
	total := 0
	for i, s := range servers {
		s.do(t, "ECHO", "that is all")
		for _, c := range monitors[i].until(t, "that is all") {
			if c.client != "lua" && c.name() != "HELLO" && c.name() != "CLIENT" {
				names[c.name()]++
				total++
			}
		}
	}
	t.Logf("%d calls: %v", calls, names)
	stop()
	<-served
	return float64(total) / calls
}
