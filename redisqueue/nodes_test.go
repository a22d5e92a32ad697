package redisqueue

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
	"github.com/halibut-go/halibut/wire"
)

// newRuntime makes a runtime that meets others in a Provider.
func newRuntime(t *testing.T, name string, opts *halibut.Options) *halibut.Runtime {
	t.Helper()
	rt, err := halibut.New(halibuttest.Certificate(name), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

func endpoint(t *testing.T, rawURL string, pins ...string) halibut.Endpoint {
	t.Helper()
	e, err := halibut.ParseEndpoint(rawURL, pins...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// serveQueue serves queue://work until the test ends.
func serveQueue(t *testing.T, rt *halibut.Runtime, opts ...halibut.ServeQueueOption) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- rt.ServeQueue(context.Background(), "work", opts...) }()
	t.Cleanup(func() {
		_ = rt.Close()
		if err := <-served; !errors.Is(err, halibut.ErrClosed) {
			t.Errorf("ServeQueue returned %v", err)
		}
	})
}

func workServices() (s *halibut.Services, ended chan error) {
	s, ended = new(halibut.Services), make(chan error, 10)
	s.Handle("IWork", "SayHello", func(_ context.Context, name string) (string, error) { return name + "...", nil })
	s.Handle("IWork", "Echo", func(_ context.Context, d *halibut.DataStream) (*halibut.DataStream, error) { return d, nil })
	s.Handle("IWork", "Fail", func(context.Context) error { return errors.New("not today") })
	s.Handle("IWork", "HasPeer", func(ctx context.Context) (bool, error) { _, ok := halibut.PeerFromContext(ctx); return ok, nil })
	s.Handle("IWork", "Wait", func(ctx context.Context) error { <-ctx.Done(); ended <- context.Cause(ctx); return ctx.Err() })
	return s, ended
}

// TestServeQueue: calls straight from Redis, on the same node and from another.
func TestServeQueue(t *testing.T) {
	s := startServer(t)
	services, ended := workServices()
	opts := &Options{Wrappers: []Wrapper{sealed(t)}}
	worker := newRuntime(t, "worker", &halibut.Options{Services: services, Queues: s.node(t, opts)})
	caller := newRuntime(t, "caller", &halibut.Options{Queues: s.node(t, opts)})
	serveQueue(t, worker)
	for name, rt := range map[string]*halibut.Runtime{"same node": worker, "another node": caller} {
		t.Run(name, func(t *testing.T) {
			c := rt.Client(endpoint(t, "queue://work"))
			if got, err := halibut.Call[string](t.Context(), c, "IWork", "SayHello", "x"); err != nil || got != "x..." {
				t.Errorf("%q, %v", got, err)
			}
			if found, err := halibut.Call[bool](t.Context(), c, "IWork", "HasPeer"); err != nil || found {
				t.Errorf("the method finds a peer: %v, %v", found, err)
			}
			content := bytes.Repeat([]byte("0123456789"), 30_000)
			back, err := halibut.Call[*halibut.DataStream](t.Context(), c, "IWork", "Echo", halibut.StreamOf(bytes.NewReader(content), int64(len(content))))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := back.Bytes(-1); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := back.Close(); err != nil {
				t.Error(err)
			}
			var e *halibut.Error
			if err := c.Call(t.Context(), "IWork", "Fail", nil); !errors.As(err, &e) || e.Code != halibut.CodeServiceFailed || e.Outcome != halibut.Ran || !strings.Contains(e.Message, "not today") {
				t.Error(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			time.AfterFunc(100*time.Millisecond, cancel)
			if err := c.Call(ctx, "IWork", "Wait", nil); !errors.As(err, &e) || e.Code != halibut.CodeCanceled {
				t.Error(err)
			}
			select {
			case cause := <-ended:
				if !errors.Is(cause, context.Canceled) {
					t.Errorf("the method saw %v", cause)
				}
			case <-time.After(20 * time.Second):
				t.Error("the cancellation did not reach the method")
			}
		})
	}
}

// TestServeQueueNeedsSealedMessages, or an option that says otherwise: then a
// .NET node may call, too.
func TestServeQueueNeedsSealedMessages(t *testing.T) {
	s := startServer(t)
	services, _ := workServices()
	rt := newRuntime(t, "worker", &halibut.Options{Services: services, Queues: s.node(t, &Options{Wrappers: []Wrapper{Gzip{}}})})
	if err := rt.ServeQueue(t.Context(), "work"); err == nil || !strings.Contains(err.Error(), "does not authenticate requests") {
		t.Errorf("%v", err)
	}
	serveQueue(t, rt, halibut.InsecureServeQueue())
	if got, err := halibut.Call[string](t.Context(), rt.Client(endpoint(t, "queue://work")), "IWork", "SayHello", "x"); err != nil || got != "x..." {
		t.Errorf("%q, %v", got, err)
	}
}

// connectAgent has an agent poll poll://agent at a runtime with these options,
// until the test ends.
func connectAgent(t *testing.T, opts *halibut.Options) (holder *halibut.Runtime) {
	t.Helper()
	services, _ := workServices()
	trust := new(halibut.TrustList)
	if err := trust.AllowPolling(halibut.PinOf(halibuttest.Certificate("agent")), "poll://agent"); err != nil {
		t.Fatal(err)
	}
	opts.Authorizer = trust
	holder, agent := newRuntime(t, "holder", opts), newRuntime(t, "agent", &halibut.Options{Services: services})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := endpoint(t, "https://"+l.Addr().String(), halibut.PinOf(halibuttest.Certificate("holder")).String())
	ended := make(chan error, 2)
	go func() { ended <- holder.Serve(context.Background(), l) }()
	go func() { ended <- agent.Poll(context.Background(), "poll://agent", to) }()
	t.Cleanup(func() {
		_ = agent.Close()
		_ = holder.Close()
		for range cap(ended) {
			if err := <-ended; !errors.Is(err, halibut.ErrClosed) {
				t.Error(err)
			}
		}
	})
	return holder
}

// TestStreamToOfTheCluster: the stream of a result reaches its caller's writer from
// whatever node the agent is connected to, and leaves the store.
func TestStreamToOfTheCluster(t *testing.T) {
	s := startServer(t)
	streams, dir := sharedDirectory(t)
	opts := &Options{Streams: streams}
	holder := connectAgent(t, &halibut.Options{Queues: s.node(t, opts)})
	other := newRuntime(t, "caller", &halibut.Options{Queues: s.node(t, opts)})
	content := bytes.Repeat([]byte("0123456789"), 300_000)
	full := errors.New("no space left")
	for name, rt := range map[string]*halibut.Runtime{"holder": holder, "another node": other} {
		var to bytes.Buffer
		c := rt.Client(endpoint(t, "poll://agent"))
		back, err := halibut.Call[*halibut.DataStream](halibut.WithStreamTo(t.Context(), &to), c, "IWork", "Echo", halibut.StreamBytes(content))
		if err != nil || !bytes.Equal(to.Bytes(), content) || back.Size() != int64(len(content)) {
			t.Fatalf("%s: %d bytes, %v", name, to.Len(), err)
		}
		if _, err := back.Open(); err == nil || !strings.Contains(err.Error(), "was written to the writer") {
			t.Errorf("%s: opened: %v", name, err)
		}
		err = c.Call(halibut.WithStreamTo(t.Context(), brokenWriter{full}), "IWork", "Echo", nil, halibut.StreamBytes(content))
		var e *halibut.Error
		if !errors.As(err, &e) || e.Code != halibut.CodeStream || e.Outcome != halibut.Ran || !errors.Is(err, full) {
			t.Errorf("%s: %v", name, err)
		}
		eventually(t, "the store is empty", func() bool {
			left, err := filepath.Glob(filepath.Join(dir, "*"))
			return err == nil && len(left) == 0
		})
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// TestAgentStaysConnectedInAnOutage: its connection is the same before and
// after, and the calls that were made meanwhile succeed.
func TestAgentStaysConnectedInAnOutage(t *testing.T) {
	s := startServer(t)
	var lost atomic.Int32
	connectAgent(t, &halibut.Options{
		Queues: s.node(t, nil, patiently),
		Limits: halibut.Limits{NullRequest: 50 * time.Millisecond}, // null requests go on all the time
		Trace:  &halibut.Trace{Disconnected: func(halibut.Connection, error) { lost.Add(1) }},
	})
	caller := newRuntime(t, "caller", &halibut.Options{Queues: s.node(t, nil, patiently)})
	call := func() error {
		return caller.Client(endpoint(t, "poll://agent")).Call(t.Context(), "IWork", "SayHello", nil, "x")
	}
	if err := call(); err != nil {
		t.Fatal(err)
	}
	called := make(chan error, 3)
	s.outage(t, func() {
		for range cap(called) {
			go func() { called <- call() }()
		}
		<-time.After(long)
	})
	for range cap(called) {
		if err := <-called; err != nil {
			t.Error(err)
		}
	}
	if n := lost.Load(); n != 0 {
		t.Errorf("%d connections were lost", n)
	}
}

// TestSubscribersOfTheCluster: every node tells of the agents of all, and what
// waits for them.
func TestSubscribersOfTheCluster(t *testing.T) {
	s := startServer(t)
	holding := s.node(t, nil, hasty)
	holder := connectAgent(t, &halibut.Options{Queues: holding})
	p := s.node(t, nil, hasty)
	other := newRuntime(t, "caller", &halibut.Options{Queues: p})
	eventually(t, "the other node knows the agent", func() bool { return len(other.Subscribers()) == 1 })
	far, near := other.Subscribers()[0], holder.Subscribers()[0]
	pin := halibut.PinOf(halibuttest.Certificate("agent"))
	if far.Node != holding.node || far.Connections != 1 || far.Peer.Thumbprint != pin || far.Peer.Addr.String() != near.Peer.Addr.String() || far.Subscription != "poll://agent/" {
		t.Errorf("%+v", far)
	}
	if near.Node != "" || near.Peer.Thumbprint != pin || len(holder.Subscribers()) != 1 {
		t.Errorf("%+v", near)
	}

	// A call that is for another certificate waits.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	bound := endpoint(t, "poll://agent", halibut.PinOf(halibuttest.Certificate("somebody else")).String())
	go func() { done <- other.Client(bound).Call(ctx, "IWork", "SayHello", nil, "x") }()
	for name, rt := range map[string]*halibut.Runtime{"holder": holder, "other": other} {
		eventually(t, name+" sees what waits", func() bool {
			s := rt.Subscribers()[0]
			return s.QueueLength == 1 && time.Since(s.QueueOldest).Abs() < time.Minute
		})
	}
	cancel()
	if err := <-done; halibut.CodeOf(err) != halibut.CodeCanceled {
		t.Error(err)
	}
}

// TestServeQueueForARecordedSender: a worker answers the calls that a .NET node
// was recorded making, with the results that a .NET worker was recorded giving.
func TestServeQueueForARecordedSender(t *testing.T) {
	calls := exchanges(t, recorded(t, "8.1.2000-queue.monitor.txt"))
	name := endpointOf(calls)
	first, err := wire.ParseQueueRequest(calls[0].request, 0)
	if err != nil {
		t.Fatal(err)
	}
	services := new(halibut.Services)
	handle := func(method string, fn any) { services.Handle(first.Service, method, fn) }
	handle("SayHello", func(_ context.Context, name string) (string, error) { return name + "...", nil })
	handle("Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })
	handle("Count", func(_ context.Context, stream *halibut.DataStream) (int64, error) {
		content, err := stream.Bytes(-1)
		return int64(len(content)), err
	})
	handle("Get", func(_ context.Context, size int64) (*halibut.DataStream, error) {
		return halibut.StreamBytes(make([]byte, size)), nil
	})
	handle("Fail", func(_ context.Context, message string) (string, error) { return "", errors.New(message) })
	handle("Sleep", func(context.Context, int64) error { return nil })

	s := startServer(t)
	rt := newRuntime(t, "worker", &halibut.Options{Services: services, Queues: s.node(t, &Options{Prefix: "sample", Streams: newRecordedStore(calls)})})
	served := make(chan error, 1)
	go func() { served <- rt.ServeQueue(context.Background(), name, halibut.InsecureServeQueue()) }()
	for _, e := range calls {
		pulses := s.messages(t, e.processor[2].args[1])
		s.play(t, e.sender)
		if text := receive(t, pulses); text != "{}" {
			t.Errorf("published was %q", text)
		}
		stored := s.hash(t, e.processor[0].args[1])
		got, err := wire.ParseQueueResponse([]byte(stored[fieldMessage]), 0)
		if err != nil {
			t.Fatal(err)
		}
		want, err := wire.ParseQueueResponse(e.response, 0)
		if err != nil {
			t.Fatal(err)
		}
		switch husks := wire.Husks(e.response); {
		case got.ID != want.ID:
			t.Errorf("the response is to %q, recorded was %q", got.ID, want.ID)
		case want.Error != nil:
			if got.Error == nil || got.Error.Message != want.Error.Message || got.Error.Details == "" {
				t.Errorf("the error is %+v, recorded was %+v", got.Error, want.Error)
			}
		case len(husks) > 0:
			if sent := wire.Husks([]byte(stored[fieldMessage])); len(sent) != len(husks) || sent[0].Length != husks[0].Length {
				t.Errorf("the data streams are %v, recorded were %v", sent, husks)
			}
		case stored[fieldMessage] != string(e.response):
			t.Errorf("%s: the response is\n%q, recorded was\n%q", want.ID, stored[fieldMessage], e.response)
		}
	}
	_ = rt.Close()
	if err := <-served; !errors.Is(err, halibut.ErrClosed) {
		t.Error(err)
	}
}
