package redisqueue

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

func sharedDirectory(t *testing.T) (*SharedDirectory, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := OpenSharedDirectory(dir, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, dir
}

func TestInlineStreamsAreSmall(t *testing.T) {
	var streams wire.Streams
	for range 2 {
		if _, err := streams.Add(wire.StreamBytes(make([]byte, 60))); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int64]bool{119: false, 120: true, 0: true, -1: true} {
		metadata, err := InlineStreams{Limit: limit}.Store(t.Context(), Message{}, &streams)
		if (err == nil) != want {
			t.Errorf("limit %d: %v", limit, err)
		}
		if err != nil && !strings.Contains(err.Error(), "SharedDirectory") {
			t.Errorf("the error does not say what to do: %v", err)
		}
		_ = metadata
	}
	if _, err := (InlineStreams{Limit: 3}).Load(t.Context(), Message{}, make([]byte, 2<<20)); err == nil {
		t.Error("metadata without bound is taken")
	}
}

func TestSharedDirectoryChecksAndTidies(t *testing.T) {
	store, dir := sharedDirectory(t)
	var streams wire.Streams
	id, err := streams.Add(wire.StreamBytes([]byte("what was stored")))
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := store.Store(t.Context(), Message{}, &streams)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := store.Load(t.Context(), Message{}, metadata)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := stored.Stream(id)
	name := filepath.Join(dir, id.String())
	for _, content := range []string{"What was stored", "what was", "what was stored and more"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err == nil {
			t.Errorf("%q is taken for what was stored", got)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}

	old := time.Now().Add(-2 * time.Hour)
	for _, orphan := range []string{uuid.NewString(), uuid.NewString() + partSuffix, "notes.txt"} {
		path := filepath.Join(dir, orphan)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.RemoveOrphans(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, id.String(), "notes.txt")
	s.Release()
	wantFiles(t, dir, "notes.txt")
	if _, err := s.Open(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	for _, name := range names {
		if !strings.Contains(strings.Join(got, " "), name) {
			t.Errorf("%s is gone; there is %v", name, got)
		}
	}
	if len(got) != len(names) {
		t.Errorf("there is %v, want %v", got, names)
	}
}

// husk is a result that holds one data stream, as it stands in a document.
func husk(t *testing.T, streams *wire.Streams, stream *wire.DataStream) wire.Raw {
	t.Helper()
	raw, err := (&wire.Codec{}).EncodeResult(nil, &streams, stream)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestStreamsCrossNodes(t *testing.T) {
	s := shared(t)
	for _, apart := range []bool{true, false} {
		store, dir := sharedDirectory(t)
		opts := &Options{Prefix: rand.Text(), Streams: store, Wrappers: []Wrapper{sealed(t)}}
		senders := s.node(t, opts)
		collectors := senders
		if apart {
			collectors = s.node(t, opts)
		}
		asked, answered := bytes.Repeat([]byte("ask"), 50_000), bytes.Repeat([]byte("answer"), 50_000)

		req := &wire.Request{ID: "1", ActivityID: uuid.New(), Service: "S", Method: "M"}
		params, err := (&wire.Codec{}).EncodeParams(nil, &req.Streams, []any{wire.StreamOf(bytes.NewReader(asked), int64(len(asked)))})
		if err != nil {
			t.Fatal(err)
		}
		req.Params = params
		type outcome struct {
			response *wire.Response
			err      error
		}
		done := make(chan outcome, 1)
		go func() {
			r, err := queueOf(t, senders).Send(t.Context(), req, queue.SendOptions{})
			done <- outcome{r, err}
		}()
		// Returned, so that the streams must outlast a first collector.
		first := next(t, queueOf(t, collectors))
		first.Return(errors.New("the connection died"))
		d := next(t, queueOf(t, collectors))
		var got bytes.Buffer
		for _, stream := range d.Request().Streams.All() {
			content, err := stream.Bytes(-1)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(content)
		}
		if !bytes.Equal(got.Bytes(), asked) {
			t.Errorf("apart %v: the request's stream has %d bytes", apart, got.Len())
		}
		d.Started()
		response := &wire.Response{ID: "1"}
		var sent wire.Streams
		response.Result = husk(t, &sent, wire.StreamBytes(answered))
		response.Streams = &sent
		if !d.Respond(response) {
			t.Fatal("nobody waits")
		}
		end := <-done
		if end.err != nil {
			t.Fatal(end.err)
		}
		for _, stream := range end.response.Streams.All() {
			content, err := stream.Bytes(-1)
			if err != nil || !bytes.Equal(content, answered) {
				t.Errorf("apart %v: the response's stream has %d bytes: %v", apart, len(content), err)
			}
		}
		closeStreams(end.response.Streams)
		eventually(t, "no file is left", func() bool {
			entries, err := os.ReadDir(dir)
			return err == nil && len(entries) == 0
		})
	}
}

func TestStreamsOfUncollectedRequestsAreRemoved(t *testing.T) {
	s := shared(t)
	store, dir := sharedDirectory(t)
	p := s.node(t, &Options{Prefix: rand.Text(), Streams: store})
	req := &wire.Request{ID: "1", Service: "S", Method: "M"}
	var err error
	if req.Params, err = (&wire.Codec{}).EncodeParams(nil, &req.Streams, []any{wire.StreamBytes([]byte("abc"))}); err != nil {
		t.Fatal(err)
	}
	if _, err := queueOf(t, p).Send(t.Context(), req, queue.SendOptions{PickUp: time.Millisecond}); !errors.Is(err, queue.ErrNotCollected) {
		t.Fatal(err)
	}
	wantFiles(t, dir)
}

func queueOf(t *testing.T, p *Provider) queue.Queue {
	t.Helper()
	q, err := p.Queue("poll://a/")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

var peer = queue.Peer{Thumbprint: "AAAA", SHA256: "SHA256:a", Addr: "192.0.2.1:1"}

func next(t *testing.T, q queue.Queue) queue.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	d, err := q.Next(ctx, peer)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// eventually waits until a state is reached that nothing announces.
func eventually(t testing.TB, what string, reached func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Second); !reached(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 seconds not yet: %s", what)
		}
	}
}

// faultyStore is an InlineStreams that fails in one of its steps.
type faultyStore struct {
	InlineStreams
	store, load error
}

func (s *faultyStore) Store(ctx context.Context, m Message, streams *wire.Streams) ([]byte, error) {
	if s.store != nil {
		return nil, s.store
	}
	return s.InlineStreams.Store(ctx, m, streams)
}

func (s *faultyStore) Load(ctx context.Context, m Message, metadata []byte) (StoredStreams, error) {
	if s.load != nil {
		return nil, s.load
	}
	return s.InlineStreams.Load(ctx, m, metadata)
}

// TestStreamStoreFails in each of its four steps: the caller is told at once
// which one it was, and nothing waits for anything.
func TestStreamStoreFails(t *testing.T) {
	s := startServer(t)
	broken := errors.New("the store is on fire")
	for _, test := range []struct {
		name           string
		sender, worker *faultyStore
		want           string
	}{
		{"PrepareRequest", &faultyStore{store: broken}, &faultyStore{}, " failed since an error occured when preparing request for queue"},
		{"ReadRequest", &faultyStore{}, &faultyStore{load: broken}, "the request was collected by a node that cannot read it"},
		{"PrepareResponse", &faultyStore{}, &faultyStore{store: broken}, "the response cannot be stored"},
		{"ReadResponse", &faultyStore{load: broken}, &faultyStore{}, unreadText},
	} {
		t.Run(test.name, func(t *testing.T) {
			prefix := test.name
			services, _ := workServices()
			worker := newRuntime(t, "worker", &halibut.Options{Services: services, Queues: s.node(t, &Options{Prefix: prefix, Streams: test.worker})})
			caller := newRuntime(t, "caller", &halibut.Options{Queues: s.node(t, &Options{Prefix: prefix, Streams: test.sender})})
			serveQueue(t, worker, halibut.InsecureServeQueue())
			c := caller.Client(endpoint(t, "queue://work"))
			begun := time.Now()
			err := c.Call(t.Context(), "IWork", "Echo", nil, halibut.StreamBytes([]byte("abc")))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "the store is on fire") || time.Since(begun) > 20*time.Second {
				t.Errorf("after %s: %v; want %q in it", time.Since(begun), err, test.want)
			}
			if safe := halibut.SafeToRetry(err); safe != (test.name == "PrepareRequest" || test.name == "ReadRequest") {
				t.Errorf("safe to retry: %v: %v", safe, err)
			}
			if err := c.Call(t.Context(), "IWork", "SayHello", nil, "x"); err != nil {
				t.Errorf("a call without streams: %v", err)
			}
		})
	}
}
