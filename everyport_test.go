package halibut_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/jsonrpc"
	"github.com/halibut-go/halibut/websocket"
)

// port is a listener of one kind, and the endpoint of whoever may call there.
type port struct {
	addr string
	to   halibut.Endpoint
	dial func(context.Context, string, string) (net.Conn, error) // nil: as it is
}

// everyPort is each kind of listener that there is.
func everyPort(t *testing.T) map[string]port {
	limits := halibut.Limits{Handshake: 3 * time.Second, Read: 3 * time.Second, NextRequest: 3 * time.Second}
	newListener := func(protocols ...halibut.Protocol) *halibut.Runtime {
		trust := new(halibut.TrustList)
		trust.AllowCalls(halibut.PinOf(certificates()[0]))
		return newRuntime(t, certificates()[1], &halibut.Options{Services: echoServices(), Authorizer: trust, Limits: limits, Protocols: protocols})
	}
	served := func(rt *halibut.Runtime, options ...halibut.ServeOption) string {
		l := listen(t)
		ended := make(chan error, 1)
		go func() { ended <- rt.Serve(context.Background(), l, options...) }()
		t.Cleanup(func() {
			_ = rt.Close()
			if err := <-ended; !errors.Is(err, halibut.ErrClosed) {
				t.Error(err)
			}
		})
		return l.Addr().String()
	}
	at := func(scheme, addr, path string) port {
		return port{addr: addr, to: endpoint(t, scheme+"://"+addr+path, halibut.PinOf(certificates()[1]))}
	}
	of2013 := &jsonrpc.Protocol{Services: []string{"IEchoService"}}
	shared := served(newListener(websocket.HTTP(&websocket.Handler{}), of2013))

	behind := at("https", served(newListener(), halibut.ProxyProtocol(netip.MustParsePrefix("127.0.0.0/8"))), "")
	behind.dial = withHeader(proxyHeader(t, "21 11 000c c0000201 c6336401 d431 01bb"))

	mounted := newListener()
	server := &http.Server{
		Handler: &websocket.Handler{Runtime: mounted}, ReadHeaderTimeout: limits.Handshake, IdleTimeout: limits.Handshake,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificates()[1]}, ClientAuth: tls.RequestClientCert, NextProtos: []string{"http/1.1"}},
	}
	l, ended := listen(t), make(chan error, 1)
	go func() { ended <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = mounted.Close(); _ = server.Close(); <-ended })

	return map[string]port{
		"Halibut alone":      at("https", served(newListener()), ""),
		"shared, Halibut":    at("https", shared, ""),
		"shared, websockets": at("wss", shared, "/agents"),
		"shared, 2013":       at("rpc", shared, ""),
		"2013 alone":         at("rpc", served(newListener(), halibut.ServeOnly(of2013)), ""),
		"PROXY protocol":     behind,
		"a server's handler": at("wss", l.Addr().String(), "/agents"),
	}
}

// garbage is what a stranger, a scanner or a mistaken address may bring.
func garbage() map[string]string {
	noise := make([]byte, 100_000)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise)
	noise[0] = 0xee // neither MX, HTTP nor a document, whatever the seed
	return map[string]string{
		"nothing":             "",
		"one byte":            "M",
		"noise":               string(noise),
		"an HTTP client":      "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"half a request":      "GET /agents HTTP/1.1\r\nHost: ",
		"headers without end": "GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 30_000),
		"a body that lies":    "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9999999999\r\n\r\nx",
		"HTTP/2":              "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"SSH":                 "SSH-2.0-OpenSSH_9.2\r\n",
		"SOCKS":               "\x05\x01\x00",
		"PROXY version 1":     "PROXY TCP4 192.0.2.1 198.51.100.1 54321 443\r\n",
		"a long PROXY header": "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff",
		"half a ClientHello":  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"a websocket's frame": "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
		"half a document":     "\x00\x01\x00\x00\x02$type",
		"a huge document":     "\xff\xff\xff\x1f\x02$type",
		"a line without end":  "MX" + strings.Repeat("x", 100_000),
		"half an identity":    "MX\r\n\r\nMX-CLIE",
	}
}

// TestGarbageOnEveryPort: whatever comes at a port, in the clear or over TLS, from
// a peer that is trusted or one that is not, is closed on within the limits, and
// the port serves on.
func TestGarbageOnEveryPort(t *testing.T) {
	certs := certificates()
	for name, p := range everyPort(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var bad sync.WaitGroup
			for what, bytes := range garbage() {
				for who, config := range map[string]*tls.Config{
					"in the clear": nil,
					"nobody":       {},
					"a stranger":   {Certificates: certs[2:3]},
					"a client":     {Certificates: certs[:1]},
				} {
					for _, half := range []bool{false, true} {
						bad.Go(func() {
							if err := p.bring(t.Context(), config, bytes, half); err != nil {
								t.Errorf("%s of %s, then silence %t: %v", what, who, !half, err)
							}
						})
					}
				}
			}
			bad.Wait()
			caller := newRuntime(t, certs[0], &halibut.Options{DialContext: p.dial, Transports: map[string]halibut.Transport{
				"wss": &websocket.Transport{}, "rpc": &jsonrpc.Transport{},
			}})
			hello(t, pair{client: caller, to: p.to})
			_ = caller.Close()
		})
	}
}

// bring sends bytes and waits for the end of the connection.
func (p port) bring(ctx context.Context, config *tls.Config, bytes string, half bool) error {
	dial := p.dial
	if dial == nil || config == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", p.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	var peer interface {
		net.Conn
		CloseWrite() error
	} = conn.(*net.TCPConn)
	if config != nil {
		config = config.Clone()
		config.InsecureSkipVerify = true
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return err
		}
		peer = secured
	}
	_, _ = io.WriteString(peer, bytes) // it may have been closed on already
	if half {
		_ = peer.CloseWrite()
	}
	if _, err := io.Copy(io.Discard, peer); errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}
