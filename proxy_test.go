package halibut_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/halibut-go/halibut"
)

// connectProxy is an HTTP CONNECT proxy that knows the names of peers which
// nobody else can resolve.
type connectProxy struct {
	listener net.Listener
	user     string                              // "user:password", "" for anybody
	names    map[string]string                   // the host:port that is asked for, and where it leads
	speak    func(*connectProxy, net.Conn) error // nil: CONNECT
	tunnels  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newConnectProxy(t *testing.T, secured *tls.Config, user string, names map[string]string) *connectProxy {
	t.Helper()
	p := &connectProxy{listener: listen(t), user: user, names: names}
	if secured != nil {
		p.listener = tls.NewListener(p.listener, secured)
	}
	p.start(t)
	return p
}

// start accepts connections until the test ends.
func (p *connectProxy) start(t *testing.T) {
	p.tunnels.Go(func() {
		for {
			conn, err := p.listener.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, conn)
			p.mu.Unlock()
			p.tunnels.Go(func() {
				if p.speak == nil {
					p.serve(conn)
				} else if err := p.speak(p, conn); err != nil {
					t.Error("the proxy: ", err)
				}
			})
		}
	})
	t.Cleanup(p.close)
}

func (p *connectProxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.tunnels.Wait()
}

func (p *connectProxy) serve(conn net.Conn) {
	defer conn.Close()
	buffered := bufio.NewReader(conn)
	request, err := http.ReadRequest(buffered)
	if err != nil {
		return
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user))
	target, known := p.names[request.Host]
	switch {
	case request.Method != http.MethodConnect:
		_, _ = io.WriteString(conn, "HTTP/1.1 405 Method Not Allowed\r\n\r\n")
		return
	case p.user != "" && request.Header.Get("Proxy-Authorization") != want:
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n")
		return
	case !known:
		_, _ = io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\n\r\n<html>no such host</html>")
		return
	}
	to, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer to.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	tunnel(conn, buffered, to)
}

// tunnel passes on what comes until one side has closed.
func tunnel(conn net.Conn, read io.Reader, to net.Conn) {
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(to, read); _ = to.Close(); _ = conn.Close() })
	both.Go(func() { _, _ = io.Copy(conn, to); _ = to.Close(); _ = conn.Close() })
	both.Wait()
}

func (p *connectProxy) addr() string { return p.listener.Addr().String() }

func mustURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Both directions go through a proxy, whose password no peer and no log sees.
func TestThroughProxy(t *testing.T) {
	t.Run("listening", func(t *testing.T) {
		p := newListening(t, echoServices(), halibut.Limits{})
		proxy := newConnectProxy(t, nil, "me:s3cr3t", map[string]string{"agent.example:10933": p.to.Addr()})
		p.to = endpoint(t, "https://agent.example:10933", halibut.PinOf(certificates()[1])).WithProxy(mustURL(t, "http://me:s3cr3t@"+proxy.addr()))
		hello(t, p)
	})
	t.Run("polling", func(t *testing.T) {
		var log bytes.Buffer
		trust := new(halibut.TrustList)
		if err := trust.AllowPolling(halibut.PinOf(certificates()[1]), subscription); err != nil {
			t.Fatal(err)
		}
		client := newRuntime(t, certificates()[0], &halibut.Options{Authorizer: trust})
		addr := serve(t, client)
		proxy := newConnectProxy(t, nil, "me:s3cr3t", map[string]string{"client.example:443": addr})
		service := newRuntime(t, certificates()[1], &halibut.Options{
			Services: echoServices(),
			Logger:   slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Proxy: func(to halibut.Endpoint) (*url.URL, error) {
				if to.Addr() != "client.example:443" {
					t.Errorf("asked for a proxy for %s", to)
				}
				return url.Parse("http://me:s3cr3t@" + proxy.addr())
			},
		})
		poll(t, service, endpoint(t, "https://client.example", halibut.PinOf(certificates()[0])))
		hello(t, pair{client: client, to: endpoint(t, subscription)})
		_ = service.Close()
		if strings.Contains(log.String(), "s3cr3t") {
			t.Errorf("the log holds the password: %s", &log)
		}
	})
	t.Run("discover", func(t *testing.T) {
		p := newListening(t, echoServices(), halibut.Limits{})
		proxy := newConnectProxy(t, nil, "", map[string]string{"agent.example:10933": p.to.Addr()})
		rt := newRuntime(t, certificates()[0], &halibut.Options{Proxy: func(halibut.Endpoint) (*url.URL, error) { return url.Parse("http://" + proxy.addr()) }})
		found, err := rt.Discover(context.Background(), mustURL(t, "https://agent.example:10933"))
		if err != nil || found.Thumbprint != halibut.PinOf(certificates()[1]) {
			t.Errorf("%v, %v", found.Thumbprint, err)
		}
	})
}

// A proxy over TLS is verified as a web server is, not by a pin.
func TestThroughProxyOverTLS(t *testing.T) {
	p := newListening(t, echoServices(), halibut.Limits{})
	cert := selfSignedFor(t, "127.0.0.1")
	proxy := newConnectProxy(t, &tls.Config{Certificates: []tls.Certificate{cert}}, "me:s3cr3t", map[string]string{"agent.example:10933": p.to.Addr()})
	p.to = endpoint(t, "https://agent.example:10933", halibut.PinOf(certificates()[1])).WithProxy(mustURL(t, "https://me:s3cr3t@"+proxy.addr()))
	_, err := halibut.Call[string](context.Background(), p.client.Client(p.to, halibut.Retries(0)), "IEchoService", "SayHello", "x")
	if e := asError(t, err); e.Code != halibut.CodeConnect || !strings.Contains(e.Message, "TLS handshake with the proxy") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("a proxy that no root vouches for: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	p.client = newRuntime(t, certificates()[0], &halibut.Options{ProxyTLS: &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}}})
	hello(t, p)
}

func TestProxyRefuses(t *testing.T) {
	p := newListening(t, echoServices(), halibut.Limits{ConnectPause: -1})
	proxy := newConnectProxy(t, nil, "me:s3cr3t", nil)
	call := func(proxyURL string) *halibut.Error {
		to := endpoint(t, "https://agent.example:10933", halibut.PinOf(certificates()[1])).WithProxy(mustURL(t, proxyURL))
		_, err := halibut.Call[string](context.Background(), p.client.Client(to, halibut.Retries(2)), "IEchoService", "SayHello", "x")
		if !halibut.SafeToRetry(err) || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%v: safe to retry %t", err, halibut.SafeToRetry(err))
		}
		return asError(t, err)
	}
	for _, tt := range []struct {
		url      string
		want     []string
		attempts int
	}{
		{"http://" + proxy.addr(), []string{"407 Proxy Authentication Required", "agent.example:10933", "http://" + proxy.addr(), "give them in its URL"}, 1},
		{"http://me:wr0ng@" + proxy.addr(), []string{"407", "does not accept"}, 1},
		{"http://me:s3cr3t@" + proxy.addr(), []string{"502 Bad Gateway", "could not reach the peer"}, 3},
		{"ftp://" + proxy.addr(), []string{`not "ftp"`}, 1},
	} {
		e := call(tt.url)
		for _, want := range tt.want {
			if !strings.Contains(e.Error(), want) {
				t.Errorf("%q does not hold %q", e, want)
			}
		}
		if e.Code != halibut.CodeConnect || e.Attempts != tt.attempts {
			t.Errorf("%v: code %s, %d tries, want %d", e, e.Code, e.Attempts, tt.attempts)
		}
	}
}

// The environment is read once, so a process of its own is asked.
func TestProxyFromEnvironment(t *testing.T) {
	if os.Getenv("HALIBUT_TEST_PROXIES") != "" {
		for _, text := range []string{"https://agent.example", "wss://agent.example/x", "rpc://agent.example:1", "https://direct.example:443"} {
			proxy, err := halibut.ProxyFromEnvironment(endpoint(t, text, halibut.PinOf(certificates()[1])))
			fmt.Printf("%s %v %v\n", text, proxy, err)
		}
		return
	}
	ask := func(proxy string) string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestProxyFromEnvironment$", "-test.v")
		cmd.Env = append(os.Environ(), "HALIBUT_TEST_PROXIES=1", "HTTPS_PROXY="+proxy, "NO_PROXY=direct.example", "https_proxy=", "no_proxy=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	out := ask("http://proxy.example:3128")
	for _, want := range []string{
		"https://agent.example http://proxy.example:3128 <nil>", "wss://agent.example/x http://proxy.example:3128 <nil>",
		"rpc://agent.example:1 http://proxy.example:3128 <nil>", "https://direct.example:443 <nil> <nil>",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q does not hold %q", out, want)
		}
	}
	for _, broken := range []string{"http://me:s3cr3t@proxy.example:port", "http://me:s3cr3t%zz@proxy.example"} {
		if out := ask(broken); strings.Contains(out, "s3cr3t") || !strings.Contains(out, "HTTPS_PROXY does not hold") {
			t.Errorf("a broken URL: %s", out)
		}
	}
}

// A SOCKS proxy gets the peer's name, too.
func TestThroughSOCKS(t *testing.T) {
	p := newListening(t, echoServices(), halibut.Limits{})
	l := listen(t)
	var tunnels sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); tunnels.Wait() })
	target := p.to.Addr()
	tunnels.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		greeting, request := make([]byte, 3), make([]byte, 5+len("agent.example")+2)
		_, _ = io.ReadFull(conn, greeting)
		_, _ = conn.Write([]byte{5, 0})
		if _, err := io.ReadFull(conn, request); err != nil || string(request[5:len(request)-2]) != "agent.example" {
			t.Errorf("the proxy was asked %x, %v", request, err)
		}
		_, _ = conn.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 1})
		to, err := net.Dial("tcp", target)
		if err != nil {
			t.Error(err)
			return
		}
		tunnel(conn, conn, to)
	})
	p.to = endpoint(t, "https://agent.example:10933", halibut.PinOf(certificates()[1])).WithProxy(mustURL(t, "socks5://"+l.Addr().String()))
	hello(t, p)
	_ = p.client.Close()
}
