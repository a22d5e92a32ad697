package halibut_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/jsonrpc"
	"github.com/halibut-go/halibut/websocket"
)

// serveSOCKS is one connection to a SOCKS 5 proxy with a user and password.
func (p *connectProxy) serveSOCKS(conn net.Conn) error {
	defer conn.Close()
	read := func(n int) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(conn, b) // zeros fit nowhere
		return b
	}
	if methods := read(int(read(2)[1])); !strings.Contains(string(methods), "\x02") {
		_, err := conn.Write([]byte{5, 0xff})
		return err
	}
	_, _ = conn.Write([]byte{5, 2})
	user := string(read(int(read(2)[1])))
	if password := string(read(int(read(1)[0]))); user+":"+password != p.user {
		_, err := conn.Write([]byte{1, 1})
		return err
	}
	_, _ = conn.Write([]byte{1, 0})
	head := read(5)
	name, port := string(read(int(head[4]))), binary.BigEndian.Uint16(read(2))
	target, known := p.names[fmt.Sprintf("%s:%d", name, port)]
	if head[1] != 1 || head[3] != 3 || !known {
		_, err := conn.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0})
		return err
	}
	to, err := net.Dial("tcp", target)
	if err != nil {
		return err
	}
	defer to.Close()
	_, err = conn.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 1})
	tunnel(conn, conn, to)
	return err
}

// everyProxy is a proxy of each kind, which alone knows where the names lead.
func everyProxy(t *testing.T, names map[string]string) (proxies map[string]*url.URL, roots *x509.CertPool) {
	t.Helper()
	cert := selfSignedFor(t, "127.0.0.1")
	roots = x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	proxies = make(map[string]*url.URL)
	for scheme, secured := range map[string]*tls.Config{"http": nil, "https": {Certificates: []tls.Certificate{cert}}} {
		proxies[scheme] = mustURL(t, scheme+"://me:s3cr3t@"+newConnectProxy(t, secured, "me:s3cr3t", names).addr())
	}
	socks := &connectProxy{listener: listen(t), user: "me:s3cr3t", names: names, speak: (*connectProxy).serveSOCKS}
	socks.start(t)
	proxies["socks5"] = mustURL(t, "socks5://me:s3cr3t@"+socks.addr())
	return proxies, roots
}

// TestEverySchemeThroughEveryProxy: what is spoken through a proxy makes no
// difference to it, nor who says which proxy it is, nor which side calls. The
// peer and the logs see no password.
func TestEverySchemeThroughEveryProxy(t *testing.T) {
	certs, log := certificates(), newLogBook()
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(certs[0]))
	if err := trust.AllowPolling(halibut.PinOf(certs[0]), halibut.AnySubscription); err != nil {
		t.Fatal(err)
	}
	listening := newRuntime(t, certs[1], &halibut.Options{
		Services: echoServices(), Authorizer: trust, Logger: log.logger(),
		Protocols: []halibut.Protocol{websocket.HTTP(&websocket.Handler{}), &jsonrpc.Protocol{Services: []string{"IEchoService"}}},
	})
	addr := serve(t, listening)
	proxies, roots := everyProxy(t, map[string]string{"agent.example:10933": addr})
	n := 0
	for kind, proxy := range proxies {
		for _, scheme := range []string{"https", "wss", "rpc"} {
			for _, whose := range []string{"endpoint", "options"} {
				t.Run(scheme+" through "+kind+" of the "+whose, func(t *testing.T) {
					var asked atomic.Int64
					options := halibut.Options{
						Services: echoServices(), Logger: log.logger(), ProxyTLS: &tls.Config{RootCAs: roots},
						Transports: map[string]halibut.Transport{"wss": &websocket.Transport{}, "rpc": &jsonrpc.Transport{}},
					}
					to := endpoint(t, scheme+"://agent.example:10933", halibut.PinOf(certs[1]))
					if whose == "endpoint" {
						to = to.WithProxy(proxy)
					} else {
						options.Proxy = func(other halibut.Endpoint) (*url.URL, error) {
							if asked.Add(1); other.URL().Host != to.URL().Host {
								t.Errorf("asked for a proxy for %s", other)
							}
							return proxy, nil
						}
					}
					rt := newRuntime(t, certs[0], &options)
					hello(t, pair{client: rt, to: to})
					if found, err := rt.Discover(t.Context(), to.URL()); whose == "options" && scheme == "wss" && (err != nil || found.URL.Scheme != scheme || found.Thumbprint != halibut.PinOf(certs[1])) {
						t.Errorf("discovered %+v, %v", found, err)
					}
					if scheme == "rpc" {
						return // nobody polls in it
					}
					n++
					name := fmt.Sprintf("poll://through-%d", n)
					polled := make(chan error, 1)
					go func() { polled <- rt.Poll(t.Context(), name, to) }()
					hello(t, pair{client: listening, to: endpoint(t, name, halibut.PinOf(certs[0]))})
					_ = rt.Close()
					<-polled
					if whose == "options" && asked.Load() < 2 {
						t.Errorf("Options.Proxy was asked %d times", asked.Load())
					}
				})
			}
		}
	}
	if strings.Contains(log.all(), "s3cr3t") {
		t.Error("the log holds a password: ", log.all())
	}
}

// TestProxiesRefuseEveryScheme: the error names proxy and peer, and no password.
func TestProxiesRefuseEveryScheme(t *testing.T) {
	proxies, roots := everyProxy(t, nil)
	rt := newRuntime(t, certificates()[0], &halibut.Options{
		ProxyTLS: &tls.Config{RootCAs: roots}, Limits: halibut.Limits{ConnectPause: -1}, Logger: slog.New(slog.DiscardHandler),
		Transports: map[string]halibut.Transport{"wss": &websocket.Transport{}, "rpc": &jsonrpc.Transport{}},
	})
	for kind, proxy := range proxies {
		for _, scheme := range []string{"https", "wss", "rpc"} {
			for _, user := range []*url.Userinfo{proxy.User, url.UserPassword("me", "wr0ng")} {
				u := *proxy
				u.User = user
				to := endpoint(t, scheme+"://agent.example:10933", halibut.PinOf(certificates()[1])).WithProxy(&u)
				err := rt.Client(to, halibut.Retries(1)).Call(t.Context(), "I", "M", nil)
				e := asError(t, err)
				attempts := 2
				if user != proxy.User {
					attempts = 1 // it would be refused again
				}
				if e.Code != halibut.CodeConnect || !halibut.SafeToRetry(err) || e.Attempts != attempts {
					t.Errorf("%s through %s: code %s after %d tries, want %d: %v", scheme, kind, e.Code, e.Attempts, attempts, err)
				}
				if !hasAll(err.Error(), []string{"agent.example:10933", kind + "://" + u.Host}) || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "wr0ng") {
					t.Error(err)
				}
			}
		}
	}
}
