package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/redisqueue"
)

// redisPing is what everything that goes through Redis is measured by.
var redisPing = peer{"Redis PING", openRedisPing}

// Calls from one node to a worker of another, through Redis and through a queue
// in memory.
var (
	overRedis  = peer{"Halibut, queue in Redis", openOverRedis}
	overMemory = peer{"Halibut, queue in memory", func(n *network) (session, error) { return openQueue(n, queue.NewMemory(nil), nil) }}
)

// redisComparisons are there where a redis-server is.
func (s *suite) redisComparisons() []comparison {
	if _, err := exec.LookPath("redis-server"); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks: there is no redis-server here, so the parts with Redis are left out")
		return nil
	}
	brief := either(s.short, 300*time.Millisecond, 100*time.Millisecond)
	var cases []comparison
	for _, callers := range []int{1, 16, mostCallers} {
		title := fmt.Sprintf("Through a queue, %d callers at once, beside as many that PING Redis", callers)
		if callers == 1 {
			title = "Through a queue, one call after another, beside PING of Redis"
		}
		cases = append(cases, comparison{
			Key: fmt.Sprintf("redis-%d", callers), Title: title, Unit: redisPing.name,
			peers: []peer{redisPing, overRedis, natsRequest, overMemory}, network: s.network, prepare: callsFor(brief, callers, hello),
		})
	}
	return cases
}

// redisServer is a redis-server that keeps nothing.
type redisServer struct {
	cmd  *exec.Cmd
	addr string
}

func startRedis() (*redisServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	_ = l.Close()
	s := &redisServer{cmd: exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"), addr: addr}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		client, err := s.connect()
		if err == nil {
			client.Close()
			return s, nil
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("redis-server does not answer: %w", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *redisServer) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *redisServer) connect() (rueidis.Client, error) {
	return rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}, DisableCache: true, ForceSingleClient: true})
}

func (s *redisServer) node() (*redisqueue.Provider, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return redisqueue.Open(ctx, "redis://"+s.addr, &redisqueue.Options{Prefix: "benchmark"})
}

type pingSession struct {
	server *redisServer
	client rueidis.Client
}

func openRedisPing(*network) (session, error) {
	server, err := startRedis()
	if err != nil {
		return nil, err
	}
	client, err := server.connect()
	return &pingSession{server, client}, err
}

func (s *pingSession) caller(payload) (func(context.Context) error, error) {
	return func(ctx context.Context) error {
		return s.client.Do(ctx, s.client.B().Ping().Build()).Error()
	}, nil
}

func (s *pingSession) Close() error {
	s.client.Close()
	s.server.stop()
	return nil
}

// queueSession is a caller and a worker that meet in a queue.
type queueSession struct {
	client, worker *halibut.Runtime
	calls          *halibut.Client
	serving        sync.WaitGroup
	ended          func()
}

func openOverRedis(n *network) (session, error) {
	server, err := startRedis()
	if err != nil {
		return nil, err
	}
	s, err := server.openQueue(n)
	if err != nil {
		server.stop()
		return nil, err
	}
	closeNodes := s.ended
	s.ended = func() { closeNodes(); server.stop() }
	return s, nil
}

func (s *redisServer) openQueue(n *network) (*queueSession, error) {
	callers, err := s.node()
	if err != nil {
		return nil, err
	}
	workers, err := s.node()
	if err != nil {
		return nil, errors.Join(err, callers.Close())
	}
	return openQueue(n, callers, workers)
}

// openQueue has worker serve what client calls. Workers may be nil: both are on
// one node.
func openQueue(n *network, callers, workers queue.Provider) (*queueSession, error) {
	if workers == nil {
		workers = callers
	}
	s := &queueSession{ended: func() { _ = errors.Join(callers.Close(), workers.Close()) }}
	var err error
	if s.client, err = halibut.New(n.client, &halibut.Options{Queues: callers}); err != nil {
		return nil, err
	}
	if s.worker, err = halibut.New(n.service, &halibut.Options{Queues: workers, Services: echoServices()}); err != nil {
		return nil, err
	}
	to, err := halibut.ParseEndpoint("queue://benchmark")
	if err != nil {
		return nil, err
	}
	s.calls = s.client.Client(to)
	s.serving.Go(func() {
		_ = s.worker.ServeQueue(context.Background(), "benchmark", halibut.InsecureServeQueue())
	})
	return s, nil
}

func (s *queueSession) caller(p payload) (func(context.Context) error, error) {
	if p != hello {
		return nil, fmt.Errorf("queues are measured with %s alone", hello)
	}
	return func(ctx context.Context) error {
		got, err := halibut.Call[string](ctx, s.calls, echoContract, "Hello", greeting)
		if err == nil && got != greeting+dots {
			err = fmt.Errorf("%q came back", got)
		}
		return err
	}, nil
}

func (s *queueSession) Close() error {
	_ = s.worker.Close()
	_ = s.client.Close()
	s.serving.Wait()
	s.ended()
	return nil
}

// sharedQueue is what can be counted of a queue in Redis.
type sharedQueue struct {
	Commands      float64 // that Redis is sent for a call, by both nodes
	Subscriptions int
	Memory        float64 // bytes of a node for each subscription that is waited for
	RedisMemory   float64 // bytes of Redis
}

// mostCommands is how many commands a call may cost. A run fails beyond it.
const mostCommands = 8

func (s *suite) sharedQueue() error {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil
	}
	server, err := startRedis()
	if err != nil {
		return err
	}
	defer server.stop()
	found := &sharedQueue{Subscriptions: either(s.short, 10_000, 1000)}
	if found.Commands, err = server.countCommands(s.network, 500); err != nil {
		return err
	}
	if err := server.measureSubscriptions(found); err != nil {
		return err
	}
	s.report.Shared = found
	return nil
}

// countCommands counts what Redis is sent, commands of scripts aside.
func (s *redisServer) countCommands(n *network, calls int) (float64, error) {
	session, err := s.openQueue(n)
	if err != nil {
		return 0, err
	}
	defer session.Close()
	call, err := session.caller(hello)
	if err != nil {
		return 0, err
	}
	if err := call(context.Background()); err != nil { // connect
		return 0, err
	}
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	lines := bufio.NewReader(conn)
	if _, err := fmt.Fprint(conn, "MONITOR\r\n"); err != nil {
		return 0, err
	}
	if _, err := lines.ReadString('\n'); err != nil {
		return 0, err
	}
	client, err := s.connect()
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ended := make(chan error, 1)
	go func() {
		for range calls {
			if err := call(context.Background()); err != nil {
				ended <- err
				return
			}
		}
		ended <- client.Do(context.Background(), client.B().Echo().Message("the end").Build()).Error()
	}()
	commands := 0
	for {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil:
			return 0, err
		case strings.Contains(line, `"the end"`):
			return float64(commands) / float64(calls), <-ended
		case !strings.Contains(line, " lua] ") && !strings.Contains(line, `] "HELLO"`) && !strings.Contains(line, `] "CLIENT"`):
			commands++
		}
	}
}

// measureSubscriptions waits for requests of many subscriptions at once, as a
// node does that holds the connections of so many agents.
func (s *redisServer) measureSubscriptions(found *sharedQueue) error {
	p, err := s.node()
	if err != nil {
		return err
	}
	redisBefore, err := s.usedMemory()
	if err != nil {
		return err
	}
	before := heapAndStacks()
	ctx, cancel := context.WithCancel(context.Background())
	var waiting sync.WaitGroup
	for i := range found.Subscriptions {
		q, err := p.Queue("poll://agent-" + strconv.Itoa(i) + "/")
		if err != nil {
			cancel()
			return errors.Join(err, p.Close())
		}
		waiting.Go(func() { _, _ = q.Next(ctx, queue.Peer{Thumbprint: "A"}) })
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		channels, err := s.channels()
		if err != nil || time.Now().After(deadline) {
			cancel()
			return errors.Join(err, fmt.Errorf("%d channels are subscribed to", channels), p.Close())
		}
		if channels >= found.Subscriptions {
			break
		}
	}
	found.Memory = float64(heapAndStacks()-before) / float64(found.Subscriptions)
	redisAfter, err := s.usedMemory()
	found.RedisMemory = float64(redisAfter-redisBefore) / float64(found.Subscriptions)
	cancel()
	waiting.Wait()
	return errors.Join(err, p.Close())
}

// heapAndStacks is what the heap and the stacks hold after collection.
func heapAndStacks() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func (s *redisServer) info(section, name string) (int, error) {
	client, err := s.connect()
	if err != nil {
		return 0, err
	}
	defer client.Close()
	text, err := client.Do(context.Background(), client.B().Info().Section(section).Build()).ToString()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return strconv.Atoi(value)
		}
	}
	return 0, fmt.Errorf("INFO %s has no %s", section, name)
}

func (s *redisServer) usedMemory() (int, error) { return s.info("memory", "used_memory") }

func (s *redisServer) channels() (int, error) { return s.info("stats", "pubsub_channels") }

func (t *tables) sharedQueue(q *sharedQueue) {
	if q == nil {
		return
	}
	t.table("A queue in Redis", [][]string{
		{"", "count"},
		{"commands of one call, both nodes together", fmt.Sprintf("%.1f", q.Commands)},
		{fmt.Sprintf("KiB of a node for each of %d subscriptions that are waited for", q.Subscriptions), fmt.Sprintf("%.1f", q.Memory/1024)},
		{"KiB of Redis for each", fmt.Sprintf("%.1f", q.RedisMemory/1024)},
	})
}
