package redisqueue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	sharedServer.stop()
	if code == 0 {
		// The client waits a second before it looks at a Cluster again, also when it
		// was closed meanwhile.
		if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// needServer skips a test where there is no redis-server, unless the
// environment says that there has to be one.
func needServer(t testing.TB) string {
	t.Helper()
	name, err := exec.LookPath("redis-server")
	if err == nil {
		return name
	}
	if strings.Contains(os.Getenv("HALIBUT_REQUIRE"), "redis") {
		t.Fatalf("redis-server is missing, and HALIBUT_REQUIRE says that it must not be: %v", err)
	}
	skipped.Do(func() { fmt.Println("redisqueue: no redis-server here, so the tests that need it are skipped") })
	t.Skip("no redis-server")
	return ""
}

var skipped sync.Once

// server is a redis-server of a test's own.
type server struct {
	binary string
	dir    string
	args   []string
	port   string // "": it listens on a socket
	// sentinel: it is a Sentinel.
	sentinel bool
	cmd      *exec.Cmd
	output   bytes.Buffer
}

// startServer starts a server that listens on a socket and keeps nothing.
func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	s := newServer(t, args...)
	t.Cleanup(s.stop)
	return s
}

func newServer(t testing.TB, args ...string) *server {
	t.Helper()
	s := &server{binary: needServer(t), args: args}
	s.prepare(t)
	s.start(t)
	return s
}

func (s *server) socket() string { return filepath.Join(s.dir, "redis.sock") }

func (s *server) url() string {
	if s.port != "" {
		return "redis://127.0.0.1:" + s.port
	}
	return "unix://" + s.socket()
}

func (s *server) address() (host, port string) { return "127.0.0.1", s.port }

// startTCPServer starts a server that others can connect to.
func startTCPServer(t testing.TB, args ...string) *server {
	t.Helper()
	s := &server{binary: needServer(t), args: args, port: freePort(t)}
	s.prepare(t)
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

// freePort is a port that nobody listens on. Somebody may before it is used:
// redis-server cannot be told to choose one.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (s *server) prepare(t testing.TB) {
	t.Helper()
	var err error
	// Not t.TempDir: the path of a socket has 107 bytes at most.
	if s.dir, err = os.MkdirTemp("", "redisqueue"); err != nil {
		t.Fatal(err)
	}
}

func (s *server) signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// kill ends the process; start starts it again.
func (s *server) kill(t testing.TB) {
	t.Helper()
	s.signal(t, os.Kill)
	_ = s.cmd.Wait() // it says that it was killed
}

func (s *server) start(t testing.TB) {
	t.Helper()
	port := s.port
	if port == "" {
		port = "0"
	}
	args := append([]string{"--port", port, "--bind", "127.0.0.1", "--unixsocket", s.socket(), "--save", "", "--appendonly", "no", "--dir", s.dir}, s.args...)
	if s.sentinel {
		args = []string{s.config(), "--sentinel", "--port", port, "--bind", "127.0.0.1", "--dir", s.dir}
	}
	s.cmd = exec.Command(s.binary, args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		client, err := s.connect()
		if err == nil {
			client.Close()
			return
		}
		if reply, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(reply.Error(), "NOAUTH") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server does not answer: %v\n%s", err, s.output.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *server) connect() (rueidis.Client, error) {
	option := rueidis.MustParseURL(s.url())
	option.DisableCache, option.ForceSingleClient = true, true
	return rueidis.NewClient(option)
}

// stop ends the server as a crash does.
func (s *server) stop() {
	if s == nil || s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.dir)
	s.cmd = nil
}

var (
	sharedServer *server
	sharing      sync.Once
)

// shared is a server that tests use which keep to a prefix of their own.
func shared(t testing.TB) *server {
	t.Helper()
	needServer(t)
	sharing.Do(func() { sharedServer = newServer(t) })
	if sharedServer == nil {
		t.Fatal("the shared redis-server did not start")
	}
	return sharedServer
}

// do runs a command and returns its reply as text.
func (s *server) do(t testing.TB, args ...string) string {
	t.Helper()
	client, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	reply := client.Do(context.Background(), client.B().Arbitrary(args...).Build())
	m, err := reply.ToMessage()
	if err != nil && !errors.Is(err, rueidis.Nil) {
		t.Fatalf("%v: %v", args, err)
	}
	return m.String()
}

// startSentinel starts a Sentinel that watches a server by the name tested.
func startSentinel(t testing.TB, watched *server) *server {
	t.Helper()
	s := &server{binary: needServer(t), port: freePort(t), sentinel: true}
	s.prepare(t)
	host, port := watched.address()
	config := fmt.Sprintf(`sentinel monitor tested %s %s 1
sentinel down-after-milliseconds tested 300
sentinel failover-timeout tested 2000
`, host, port)
	if err := os.WriteFile(s.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func (s *server) config() string { return filepath.Join(s.dir, "sentinel.conf") }

// node opens a Provider on the server.
func (s *server) node(t testing.TB, opts *Options, change ...func(*timing)) *Provider {
	t.Helper()
	return nodeAt(t, s.url(), opts, change...)
}

func nodeAt(t testing.TB, url string, opts *Options, change ...func(*timing)) *Provider {
	t.Helper()
	times := defaultTiming()
	for _, c := range change {
		c(&times)
	}
	p, err := open(context.Background(), url, opts, times)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// text is do where the reply is a string, or a list whose last value is one.
func (s *server) text(t testing.TB, args ...string) string {
	t.Helper()
	client, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	m, err := client.Do(context.Background(), client.B().Arbitrary(args...).Build()).ToMessage()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	if list, err := m.ToArray(); err == nil && len(list) > 0 {
		m = list[len(list)-1]
	}
	if n, err := m.ToInt64(); err == nil {
		return strconv.FormatInt(n, 10)
	}
	value, err := m.ToString()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return value
}
