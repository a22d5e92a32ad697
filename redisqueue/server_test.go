package redisqueue

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		if err := goleak.Find(); err != nil {
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
	cmd    *exec.Cmd
	output bytes.Buffer
}

func newServer(t testing.TB, args ...string) *server {
	t.Helper()
	s := &server{binary: needServer(t), args: args}
	var err error
	// Not t.TempDir: the path of a socket has 107 bytes at most.
	if s.dir, err = os.MkdirTemp("", "redisqueue"); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	return s
}

func (s *server) socket() string { return filepath.Join(s.dir, "redis.sock") }

func (s *server) url() string { return "unix://" + s.socket() }

func (s *server) start(t testing.TB) {
	t.Helper()
	args := append([]string{"--port", "0", "--unixsocket", s.socket(), "--save", "", "--appendonly", "no", "--dir", s.dir}, s.args...)
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

// node opens a Provider on the server.
func (s *server) node(t testing.TB, opts *Options, change ...func(*timing)) *Provider {
	t.Helper()
	times := defaultTiming()
	for _, c := range change {
		c(&times)
	}
	p, err := open(context.Background(), s.url(), opts, times)
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
