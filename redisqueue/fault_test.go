package redisqueue

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// hasty makes everything that waits for Redis, or for another node, wait a
// fraction of a second.
func hasty(t *timing) {
	*t = timing{
		attempt: 200 * time.Millisecond, pause: 50 * time.Millisecond, budget: 20 * time.Second,
		leave: 300 * time.Millisecond, respond: 20 * time.Second, closing: 500 * time.Millisecond, slow: time.Millisecond,
		subscribe: time.Millisecond, ready: time.Minute, tellAgain: 50 * time.Millisecond,
		tick: 20 * time.Millisecond, firstBeat: 40 * time.Millisecond, beat: 100 * time.Millisecond, retryBeat: 50 * time.Millisecond,
		watch: 40 * time.Millisecond, senderSilent: 1500 * time.Millisecond, processSilent: time.Second,
		collectedCheck: 100 * time.Millisecond, responsePoll: 100 * time.Millisecond, responsePolls: time.Second,
		markerPoll: 100 * time.Millisecond, queuePoll: 200 * time.Millisecond, sentinel: 50 * time.Millisecond, attend: 100 * time.Millisecond, tidy: 10 * time.Millisecond,
	}
}

// patiently is hasty, but does not take the other node for dead.
func patiently(t *timing) {
	hasty(t)
	t.senderSilent, t.processSilent = time.Minute, time.Minute
}

// crash ends a node as a crash does: nobody is told.
func crash(p *Provider) {
	p.client.Close()
	_ = p.Close()
}

// outcome is what a Send came to.
type outcome struct {
	response *wire.Response
	err      error
}

func send(ctx context.Context, q queue.Queue, opts queue.SendOptions) <-chan outcome {
	done := make(chan outcome, 1)
	req := &wire.Request{ID: "1", ActivityID: uuid.New(), Service: "IEchoService", Method: "SayHello"}
	go func() {
		r, err := q.Send(ctx, req, opts)
		done <- outcome{r, err}
	}()
	return done
}

func await(t *testing.T, done <-chan outcome) outcome {
	t.Helper()
	select {
	case o := <-done:
		return o
	case <-time.After(30 * time.Second):
		t.Fatal("Send has not ended after 30 seconds")
		return outcome{}
	}
}

func succeeds(t *testing.T, done <-chan outcome) {
	t.Helper()
	if o := await(t, done); o.err != nil || o.response.ID != "1" {
		t.Errorf("%+v, %v", o.response, o.err)
	}
}

// fails waits for an error that is target, and returns it.
func fails(t *testing.T, done <-chan outcome, target error, stages ...queue.Stage) *queue.Error {
	t.Helper()
	o := await(t, done)
	var e *queue.Error
	if !errors.Is(o.err, target) || !errors.As(o.err, &e) {
		t.Fatalf("%+v, %v; want an error that is %q", o.response, o.err, target)
	}
	for _, stage := range stages {
		if e.Stage == stage {
			return e
		}
	}
	t.Errorf("the stage is %v, want %v: %v", e.Stage, stages, e)
	return e
}

func respond(t *testing.T, d queue.Delivery) {
	t.Helper()
	if !d.Started() || !d.Respond(&wire.Response{ID: "1"}) {
		t.Error("nobody waits")
	}
}

func queued(t *testing.T, q queue.Queue, n int) {
	t.Helper()
	eventually(t, "the requests are queued", func() bool { return q.Stats().Length == n })
}

// outage is a way in which Redis goes away for a while and comes back with what
// it had.
func (s *server) outage(t *testing.T, during func()) {
	t.Helper()
	s.pause(t)
	during()
	s.resume(t)
}

// long is several times longer than anybody waits for one answer.
const long = time.Second

func TestOutageWhileCallsWait(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	s.outage(t, func() { <-time.After(long) })
	respond(t, next(t, queueOf(t, b)))
	succeeds(t, done)
}

func TestOutageWhileCollectorsWait(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	collected := make(chan queue.Delivery, 1)
	go func() {
		d, err := queueOf(t, b).Next(t.Context(), peer)
		if err != nil {
			t.Error(err)
		}
		collected <- d
	}()
	eventually(t, "the collector waits", func() bool { return queueOf(t, b).Stats().Waiting == 1 })
	var done <-chan outcome
	s.outage(t, func() {
		done = send(t.Context(), queueOf(t, a), queue.SendOptions{})
		<-time.After(long)
	})
	respond(t, <-collected)
	succeeds(t, done)
}

func TestOutageWhileCallsAreWorkedOn(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	d.Started()
	s.outage(t, func() { <-time.After(long) })
	if err := d.Context().Err(); err != nil {
		t.Errorf("the outage ended the exchange: %v", err)
	}
	respond(t, d)
	succeeds(t, done)
}

func TestOutageWhileAResponseIsStored(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	s.outage(t, func() {
		respond(t, d) // and the connection goes on with the next
		<-time.After(long)
	})
	succeeds(t, done)
}

func TestOutageWhileARequestIsReturned(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	for _, collector := range []*Provider{a, b} {
		done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
		d := next(t, queueOf(t, collector))
		s.outage(t, func() {
			d.Return(errors.New("the connection died"))
			<-time.After(long)
		})
		respond(t, next(t, queueOf(t, b)))
		succeeds(t, done)
	}
}

// A caller that leaves during an outage is told that its request may have run,
// and when Redis is back nobody runs it.
func TestOutageWhileACallerLeaves(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := send(ctx, queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	s.outage(t, func() {
		cancel()
		fails(t, done, context.Canceled, queue.Started)
	})
	queued(t, queueOf(t, a), 0)
	if d, ok := queueOf(t, b).TryNext(peer); ok {
		t.Errorf("request %s is still there", d.Request().ID)
	}
}

// TestRedisIsAwayForTooLong: a request that cannot be queued within the budget
// fails, and is not run when Redis comes back.
func TestRedisIsAwayForTooLong(t *testing.T) {
	s := startServer(t)
	impatient := func(times *timing) {
		hasty(times)
		times.budget = 500 * time.Millisecond
	}
	a, b := s.node(t, nil, impatient), s.node(t, nil, patiently)
	s.outage(t, func() {
		o := await(t, send(t.Context(), queueOf(t, a), queue.SendOptions{}))
		var e *queue.Error
		var failed *Error
		if !errors.As(o.err, &e) || !errors.As(o.err, &failed) || !strings.Contains(e.Error(), " failed since an error occured inserting the data into the queue") || failed.Attempts < 2 || failed.Key == "" {
			t.Fatalf("%+v, %v", o.response, o.err)
		}
	})
	eventually(t, "the request is withdrawn", func() bool { return queueOf(t, a).Stats().Length == 0 })
	nothing(t, b)

	dead := startServer(t)
	a = dead.node(t, nil, impatient)
	dead.kill(t)
	o := await(t, send(t.Context(), queueOf(t, a), queue.SendOptions{}))
	var e *queue.Error
	if !errors.As(o.err, &e) || !strings.Contains(e.Error(), "inserting the data into the queue") {
		t.Errorf("%v", o.err)
	}
	dead.start(t) // for Close to be quick
}

// TestSlowConsumer: Redis ends the connection of a node that does not take its
// messages in time; it comes back, and finds what it has missed.
func TestSlowConsumer(t *testing.T) {
	s := startServer(t, "--client-output-buffer-limit", "pubsub 64kb 32kb 1")
	log := &lockedBuffer{}
	a, b := s.node(t, &Options{Logger: slog.New(slog.NewTextHandler(log, nil))}, patiently), s.node(t, nil, patiently)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	held := make(chan struct{})
	blocking := a.channels.subscribe("blocking", func(string) { <-held }, nil)
	eventually(t, "the node listens", func() bool { return s.text(t, "PUBSUB", "NUMSUB", "blocking") == "1" })
	for range 200 { // more than the socket's buffers take
		s.do(t, "PUBLISH", "blocking", strings.Repeat("x", 30<<10))
	}
	respond(t, d)
	close(held)
	succeeds(t, done)
	eventually(t, "the connection was lost", func() bool { return strings.Contains(log.String(), "was lost") })
	blocking.cancel()
	done = send(t.Context(), queueOf(t, a), queue.SendOptions{})
	respond(t, next(t, queueOf(t, b)))
	succeeds(t, done)
}

// TestClocks: nothing depends on what the server's clock says now, or said when
// the request was queued, nor does a node's own clock get into Redis.
func TestClocks(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	keys := a.keys.endpoint("poll://a/", a.node)
	for _, skew := range []string{"-36000000000", "36000000000"} { // ten hours
		done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
		queued(t, queueOf(t, a), 1)
		s.do(t, "HINCRBY", keys.requestKey(s.text(t, "LINDEX", keys.list, "0")), fieldQueued, skew)
		next(t, queueOf(t, b)).Return(errors.New("the connection died"))
		respond(t, next(t, queueOf(t, b)))
		succeeds(t, done)
	}
}

// A server that ends and comes back without its data: what waited fails soon,
// and what comes after works.
func TestRestartWithoutData(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	waits := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	d.Started()
	queuedToo := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	s.kill(t)
	s.start(t)
	for _, done := range []<-chan outcome{waits, queuedToo} {
		e := fails(t, done, ErrDataLoss, queue.Started)
		if !strings.HasSuffix(e.Error(), " was cancelled because we detected that redis lost all of its data.") {
			t.Errorf("the text is not the reference's: %v", e)
		}
	}
	d.Respond(&wire.Response{ID: "1"}) // nobody reads it
	after := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	respond(t, next(t, queueOf(t, b)))
	succeeds(t, after)
}

func TestFlushAll(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	s.do(t, "FLUSHALL")
	fails(t, done, ErrDataLoss, queue.Started)
	after := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	respond(t, next(t, queueOf(t, b)))
	succeeds(t, after)
}

// Connections that break are made again, and what was published meanwhile is
// found.
func TestConnectionsAreKilled(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	for _, kind := range []string{"normal", "pubsub"} {
		collected := make(chan queue.Delivery, 1)
		go func() {
			d, err := queueOf(t, b).Next(t.Context(), peer)
			if err != nil {
				t.Error(err)
			}
			collected <- d
		}()
		eventually(t, "the collector waits", func() bool { return queueOf(t, b).Stats().Waiting == 1 })
		s.do(t, "CLIENT", "KILL", "TYPE", kind)
		done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
		d := <-collected
		s.do(t, "CLIENT", "KILL", "TYPE", kind)
		respond(t, d)
		succeeds(t, done)
	}
}

// A replica that lags behind takes over: what was collected is there again.
func TestCollectedRequestsComeBack(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	keys := a.keys.endpoint("poll://a/", a.node)
	id := s.text(t, "LINDEX", keys.list, "0")
	before := s.text(t, "DUMP", keys.requestKey(id))
	d := next(t, queueOf(t, b))
	d.Started()
	restore := func() {
		s.do(t, "RESTORE", keys.requestKey(id), "240000", before, "REPLACE")
		s.do(t, "RPUSH", keys.list, id)
		s.do(t, "PUBLISH", keys.pulse, "{}")
	}
	restore()
	nothing(t, b)
	respond(t, d)
	succeeds(t, done)
	restore()
	nothing(t, b)
}

// nothing checks that a node collects nothing that is there.
func nothing(t *testing.T, p *Provider) {
	t.Helper()
	q := queueOf(t, p)
	eventually(t, "the queue is empty", func() bool {
		if d, ok := q.TryNext(peer); ok {
			t.Fatalf("request %s was delivered again", d.Request().ID)
		}
		return q.Stats().Length == 0
	})
}

func TestSenderDies(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, hasty), s.node(t, nil, hasty)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	d.Started()
	crash(a)
	await(t, done)
	select {
	case <-d.Context().Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the work for a dead sender goes on")
	}
	if cause := context.Cause(d.Context()); !errors.Is(cause, ErrAbandoned) {
		t.Errorf("%v", cause)
	}
	if d.Respond(&wire.Response{ID: "1"}) {
		t.Error("somebody waits")
	}
	eventually(t, "it is off the books", func() bool { return queueOf(t, b).Stats().Collected == 0 })
}

func TestProcessorDiesAfterClaiming(t *testing.T) {
	s := startServer(t)
	for _, started := range []bool{false, true} {
		a, b := s.node(t, nil, hasty), s.node(t, nil, hasty)
		done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
		d := next(t, queueOf(t, b))
		if started {
			d.Started()
		}
		crash(b)
		e := fails(t, done, ErrOffline, queue.Started)
		if e.Error() != offlineText {
			t.Errorf("the text is not the reference's: %v", e)
		}
	}
}

// The deadline of a caller on another node ends the work for it, and nothing
// else does: when a response was handed over the connection goes on with what
// follows, such as its data streams.
func TestDeadlineOfAnotherNode(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, hasty), s.node(t, nil, hasty)
	request := func(timeout time.Duration) <-chan outcome {
		done := make(chan outcome, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			r, err := queueOf(t, a).Send(ctx, &wire.Request{ID: "1", Call: &wire.CallMetadata{Timeout: timeout}}, queue.SendOptions{})
			done <- outcome{r, err}
		}()
		return done
	}
	done := request(time.Minute)
	d := next(t, queueOf(t, b))
	if at, ok := d.Context().Deadline(); !ok || time.Until(at) > time.Minute {
		t.Errorf("the deadline is %v, %v", at, ok)
	}
	respond(t, d)
	succeeds(t, done)
	eventually(t, "it is off the books", func() bool { return queueOf(t, b).Stats().Collected == 0 })
	if err := d.Context().Err(); err != nil {
		t.Errorf("the exchange was broken off after its response: %v", err)
	}

	done = request(300 * time.Millisecond)
	d = next(t, queueOf(t, b))
	endsSoon(t, d)
	fails(t, done, context.DeadlineExceeded, queue.Collected, queue.Started)
	d.Fail(errors.New("nobody waits"))
}

// A claim whose reply was lost is not lost: the node asks again, with the same
// token.
func TestReplyToAClaimIsLost(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	q := queueOf(t, b).(*redisQueue)
	q.attempt = claim{token: uuid.NewString()}
	lost, err := b.storage.claim(t.Context(), q.keys, &q.attempt, peer, 3)
	if err != nil || len(lost.claims) != 1 {
		t.Fatal(lost, err)
	}
	respond(t, next(t, q))
	succeeds(t, done)
}

// A node that is closed tells the callers of what it has collected.
func TestProcessorIsClosed(t *testing.T) {
	s := startServer(t)
	for _, started := range []bool{false, true} {
		a, b := s.node(t, nil), s.node(t, nil)
		done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
		d := next(t, queueOf(t, b))
		want := queue.Collected
		if started {
			d.Started()
			want = queue.Started
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		e := fails(t, done, ErrAbandoned, want)
		if e.Error() != abandonedText {
			t.Errorf("the text is not the reference's: %v", e)
		}
		if d.Context().Err() == nil {
			t.Error("the exchange goes on")
		}
	}
}

// A node that is closed takes back what nobody has collected.
func TestSenderIsClosed(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil), s.node(t, nil)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	fails(t, done, queue.ErrClosed, queue.Queued)
	nothing(t, b)
}

// Close ends although Redis does not answer.
func TestCloseDuringAnOutage(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, hasty), s.node(t, nil, hasty)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	d.Started()
	s.outage(t, func() {
		var closing sync.WaitGroup
		for _, p := range []*Provider{a, b} {
			closing.Go(func() { _ = p.Close() })
		}
		closing.Wait()
	})
	fails(t, done, queue.ErrClosed, queue.Started)
}

func TestFullRedis(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	waits := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	s.do(t, "CONFIG", "SET", "maxmemory", "1")
	o := await(t, send(t.Context(), queueOf(t, a), queue.SendOptions{}))
	var e *queue.Error
	if !errors.As(o.err, &e) || e.Stage != queue.Queued {
		t.Errorf("%v", o.err)
	}
	for _, part := range []string{"Request ", " failed since an error occured inserting the data into the queue", ":HalibutRedis:hash:octopus::server::halibut::RequestMessage::poll://a/::", "OOM", "raise maxmemory"} {
		if !strings.Contains(o.err.Error(), part) {
			t.Errorf("%q is not in the error %q", part, o.err)
		}
	}
	respond(t, d) // is stored when there is room
	s.do(t, "CONFIG", "SET", "maxmemory", "0")
	succeeds(t, waits)
}

func TestOpenRefuses(t *testing.T) {
	locked := startServer(t, "--requirepass", "secret")
	primary, replica := startTCPServer(t), startTCPServer(t)
	host, port := primary.address()
	replica.do(t, "REPLICAOF", host, port)
	eventually(t, "the replica follows", func() bool {
		return strings.Contains(primary.text(t, "INFO", "replication"), "connected_slaves:1")
	})
	for _, test := range []struct{ url, want string }{
		{locked.url(), "give a user and password"},
		{"unix://:wrong@" + locked.socket(), "check the user and password"},
		{replica.url(), "is a read-only replica: connect to its primary"},
		{primary.url(), "set Options.AllowReplicas"},
		{"unix:///nowhere/redis.sock", "connecting to /nowhere/redis.sock"},
		{"http://localhost", "invalid URL scheme"},
	} {
		p, err := Open(t.Context(), test.url, nil)
		if err == nil {
			_ = p.Close()
			t.Errorf("%s was opened", test.url)
			continue
		}
		if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "wrong@") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v; want %q in it", test.url, err, test.want)
		}
	}
	p, err := Open(t.Context(), primary.url(), &Options{AllowReplicas: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	p, err = Open(t.Context(), "unix://:secret@"+locked.socket(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// What else is under our prefix is named, does no harm, and holds nothing up.
func TestForeignKeys(t *testing.T) {
	s := startServer(t)
	log := &lockedBuffer{}
	opts := &Options{Logger: slog.New(slog.NewTextHandler(log, nil))}
	a, b := s.node(t, opts, patiently), s.node(t, opts, patiently)
	keys := a.keys.endpoint("poll://a/", a.node)
	lone, foreign, newer := uuid.NewString(), uuid.NewString(), uuid.NewString()
	s.do(t, "RPUSH", keys.list, "no id at all", lone, foreign, newer)
	s.do(t, "SET", keys.requestKey(foreign), "something else")
	s.do(t, "HSET", keys.requestKey(newer), fieldMessage, "\x05\x00\x00\x00\x00", fieldMetadata, "")
	s.do(t, "HSET", keys.requestKey("no id at all"), fieldMessage, "\x05\x00\x00\x00\x00")
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	respond(t, next(t, queueOf(t, b)))
	succeeds(t, done)
	eventually(t, "the sender of what cannot be read is told", func() bool {
		return strings.Contains(s.hash(t, keys.responseKey(newer))[fieldMessage], "a node that cannot read it")
	})
	for _, part := range []string{foreign, newer, "no id at all", "WRONGTYPE"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("%q is not in the log:\n%s", part, log.String())
		}
	}

	keys = a.keys.endpoint("poll://taken/", a.node)
	s.do(t, "SET", keys.list, "something else")
	q, err := a.Queue("poll://taken/")
	if err != nil {
		t.Fatal(err)
	}
	o := await(t, send(t.Context(), q, queue.SendOptions{}))
	for _, part := range []string{keys.list, "WRONGTYPE", "a key prefix of its own"} {
		if o.err == nil || !strings.Contains(o.err.Error(), part) {
			t.Errorf("%q is not in the error %v", part, o.err)
		}
	}
}

// Nodes that do not agree say so, and at once.
func TestNodesDisagree(t *testing.T) {
	s := startServer(t)
	plain, packed, locked := s.node(t, nil), s.node(t, &Options{Wrappers: []Wrapper{Gzip{}}}), s.node(t, &Options{Wrappers: []Wrapper{sealed(t)}})
	for _, test := range []struct {
		sender, collector *Provider
		want              string
	}{
		{packed, plain, "compressed with gzip"},
		{locked, plain, "the same message wrappers"},
		{plain, locked, "was not sealed"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		collected := make(chan error, 1)
		go func() {
			_, err := queueOf(t, test.collector).Next(ctx, peer)
			collected <- err
		}()
		o := await(t, send(t.Context(), queueOf(t, test.sender), queue.SendOptions{}))
		cancel()
		if err := <-collected; !errors.Is(err, context.Canceled) {
			t.Errorf("collected: %v", err)
		}
		text := ""
		if o.err != nil {
			text = o.err.Error()
		} else if o.response.Error != nil {
			text = o.response.Error.Message
		}
		if !strings.Contains(text, test.want) && !strings.Contains(text, unreadText) {
			t.Errorf("%q, want %q in it", text, test.want)
		}
	}
}

// lockedBuffer is a log that several goroutines write and one reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
