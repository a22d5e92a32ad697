package websocket

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/halibut-go/halibut"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const subscription = "poll://sq-websocket"

var identities = sync.OnceValue(func() (made [3]tls.Certificate) {
	for i, name := range []string{"listening", "dialling", "proxy"} {
		var err error
		if made[i], err = halibut.GenerateCertificate(name, &halibut.CertificateOptions{ECDSA: true}); err != nil {
			panic(err)
		}
	}
	return made
})

func services() *halibut.Services {
	s := new(halibut.Services)
	s.Handle("IEchoService", "SayHello", func(_ context.Context, name string) (string, error) { return name + "...", nil })
	s.Handle("IEchoService", "Via", func(ctx context.Context) (string, error) {
		peer, _ := halibut.PeerFromContext(ctx)
		return peer.Thumbprint.String() + " via " + peer.Via, nil
	})
	s.Handle("IEchoService", "Length", func(_ context.Context, stream io.Reader) (int64, error) { return io.Copy(io.Discard, stream) })
	s.Handle("IEchoService", "Wait", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	return s
}

func newRuntime(t *testing.T, cert tls.Certificate, options halibut.Options) *halibut.Runtime {
	t.Helper()
	options.Services = services()
	rt, err := halibut.New(cert, &options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

// listener is a runtime that trusts the dialling identity.
func listener(t *testing.T, options halibut.Options) (*halibut.Runtime, *halibut.TrustList) {
	t.Helper()
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(identities()[1]))
	if err := trust.AllowPolling(halibut.PinOf(identities()[1]), subscription); err != nil {
		t.Fatal(err)
	}
	options.Authorizer = trust
	return newRuntime(t, identities()[0], options), trust
}

func serve(t *testing.T, rt *halibut.Runtime) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- rt.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		_ = rt.Close()
		if err := <-served; !errors.Is(err, halibut.ErrClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func dialler(t *testing.T, transport *Transport) *halibut.Runtime {
	t.Helper()
	return newRuntime(t, identities()[1], halibut.Options{Transports: map[string]halibut.Transport{"wss": transport}, Limits: halibut.Limits{ConnectPause: -1}})
}

func endpoint(t *testing.T, text string, pin halibut.Pin) halibut.Endpoint {
	t.Helper()
	to, err := halibut.ParseEndpoint(text, pin.String())
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func poll(t *testing.T, rt *halibut.Runtime, to halibut.Endpoint) {
	t.Helper()
	polled := make(chan error, 1)
	go func() { polled <- rt.Poll(context.Background(), subscription, to) }()
	t.Cleanup(func() {
		_ = rt.Close()
		if err := <-polled; !errors.Is(err, halibut.ErrClosed) {
			t.Error(err)
		}
	})
}

// call makes several calls, with a stream of two megabytes among them.
func call(t *testing.T, client *halibut.Client) {
	t.Helper()
	for range 3 {
		if got, err := halibut.Call[string](t.Context(), client, "IEchoService", "SayHello", "x"); err != nil || got != "x..." {
			t.Fatalf("SayHello: %q, %v", got, err)
		}
	}
	const size = 2 << 20
	if got, err := halibut.Call[int64](t.Context(), client, "IEchoService", "Length", halibut.StreamBytes(make([]byte, size))); err != nil || got != size {
		t.Fatalf("Length: %d, %v", got, err)
	}
}

// bothDirections calls and is polled through a listening address.
func bothDirections(t *testing.T, listening *halibut.Runtime, to halibut.Endpoint, transport *Transport) {
	t.Helper()
	call(t, dialler(t, transport).Client(to))
	poll(t, dialler(t, transport), to)
	call(t, listening.Client(endpoint(t, subscription, halibut.PinOf(identities()[1]))))
}

// A listener of the runtime speaks Halibut, websockets and HTTPS on one port.
func TestSharedPort(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/agents", &Handler{})
	mux.HandleFunc("/other", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "other") })
	rt, _ := listener(t, halibut.Options{Protocols: []halibut.Protocol{HTTP(mux)}})
	addr := serve(t, rt)
	pin := halibut.PinOf(identities()[0])
	bothDirections(t, rt, endpoint(t, "wss://"+addr+"/agents", pin), &Transport{})
	call(t, dialler(t, &Transport{}).Client(endpoint(t, "https://"+addr, pin)))

	for _, names := range [][]string{nil, {"http/1.1"}, {"h2", "http/1.1"}, {"unheard-of"}} {
		for path, want := range map[string]string{"/other": "other", "/agents": "Hello!"} {
			conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: names})
			if err != nil {
				t.Fatalf("%q: %v", names, err)
			}
			_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			got, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 200 OK\r\n") || !strings.Contains(string(got), want) {
				t.Errorf("%q %s: %q, %v", names, path, got, err)
			}
			_ = conn.Close()
		}
	}
}

// mounted is a Handler in a server of net/http.
func mounted(t *testing.T, h *Handler, auth tls.ClientAuthType, cert tls.Certificate) (addr string) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: auth, NextProtos: []string{"http/1.1"}}
	server.StartTLS()
	t.Cleanup(func() { _ = h.Runtime.Close(); server.Close() })
	return server.Listener.Addr().String()
}

func TestMounted(t *testing.T) {
	rt, trust := listener(t, halibut.Options{})
	addr := mounted(t, &Handler{Runtime: rt}, tls.RequireAnyClientCert, identities()[0])
	to := endpoint(t, "wss://"+addr+"/any/path?x=y", halibut.PinOf(identities()[0]))
	bothDirections(t, rt, to, &Transport{Header: http.Header{"X-Extra": {"1"}}})

	// Trust that is taken away ends a conversation that is under way.
	ended := make(chan error, 1)
	client := dialler(t, &Transport{}).Client(to)
	call(t, client)
	go func() { ended <- client.Call(context.Background(), "IEchoService", "Wait", nil) }()
	for len(rt.Subscribers()) == 0 {
		time.Sleep(time.Millisecond)
	}
	trust.Remove(halibut.PinOf(identities()[1]))
	if err := <-ended; err == nil {
		t.Error("the call of a peer that is trusted no longer came through")
	}
	if err := dialler(t, &Transport{}).Client(to, halibut.Retries(0)).Call(t.Context(), "IEchoService", "SayHello", nil, "x"); halibut.CodeOf(err) != halibut.CodeUntrusted {
		t.Errorf("an untrusted peer: %v", err)
	}
}

// A polling service that is not trusted learns that, and the listener says who it was.
func TestUntrustedPoller(t *testing.T) {
	rt, trust := listener(t, halibut.Options{Protocols: []halibut.Protocol{HTTP(&Handler{})}})
	trust.Remove(halibut.PinOf(identities()[1]))
	service := dialler(t, &Transport{})
	poll(t, service, endpoint(t, "wss://"+serve(t, rt), halibut.PinOf(identities()[0])))
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		pollers, rejections := service.Pollers(), rt.Rejections()
		if len(pollers) == 1 && pollers[0].Err != nil && len(rejections) > 0 {
			if halibut.CodeOf(pollers[0].Err) != halibut.CodeUntrusted {
				t.Errorf("the service is told %v", pollers[0].Err)
			}
			if r := rejections[0]; r.Thumbprint != halibut.PinOf(identities()[1]) || r.Subscription != subscription+"/" {
				t.Errorf("the listener says %+v", r)
			}
			return
		}
	}
	t.Error("nobody was told anything")
}

// A wrong pin is found before a word is said.
func TestPins(t *testing.T) {
	rt, _ := listener(t, halibut.Options{Protocols: []halibut.Protocol{HTTP(&Handler{})}})
	addr := serve(t, rt)
	err := dialler(t, &Transport{}).Client(endpoint(t, "wss://"+addr, halibut.PinOf(identities()[2]))).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
	if halibut.CodeOf(err) != halibut.CodeUntrusted || !halibut.SafeToRetry(err) {
		t.Error(err)
	}
}

// upgrade asks for a websocket by hand.
func upgrade(t *testing.T, addr string, header http.Header, subprotocols ...string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	config := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{identities()[1]}}
	if header.Get("X-No-Certificate") != "" {
		config.Certificates = nil
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	t.Cleanup(client.CloseIdleConnections)
	return websocket.Dial(t.Context(), "wss://"+addr, &websocket.DialOptions{HTTPClient: client, HTTPHeader: header, Subprotocols: subprotocols})
}

func TestRefusedRequests(t *testing.T) {
	rt, _ := listener(t, halibut.Options{Protocols: []halibut.Protocol{HTTP(&Handler{Origins: []string{"https://tools.example"}})}})
	addr := serve(t, rt)
	for name, tt := range map[string]struct {
		header       http.Header
		subprotocols []string
		status       int
	}{
		"a page":          {http.Header{"Origin": {"https://evil.example"}}, []string{subprotocol}, 403},
		"the same origin": {http.Header{"Origin": {"https://" + addr}}, []string{subprotocol}, 403},
		"null":            {http.Header{"Origin": {"null"}}, []string{subprotocol}, 403},
		"no sub-protocol": {nil, nil, 400},
		"another":         {nil, []string{"chat"}, 400},
		"no certificate":  {http.Header{"X-No-Certificate": {"1"}}, []string{subprotocol}, 403},
		"a listed origin": {http.Header{"Origin": {"https://tools.example"}}, []string{subprotocol}, 101},
	} {
		ws, answer, err := upgrade(t, addr, tt.header, tt.subprotocols...)
		if answer == nil || answer.StatusCode != tt.status {
			t.Errorf("%s: %v, %v, want %d", name, answer, err, tt.status)
		}
		if ws != nil {
			_ = ws.CloseNow()
		}
	}
}

// A peer that breaks the protocol ends its own connection and nothing else.
func TestBadPeers(t *testing.T) {
	rt, _ := listener(t, halibut.Options{Protocols: []halibut.Protocol{HTTP(&Handler{})}, Limits: halibut.Limits{Handshake: 2 * time.Second}})
	addr := serve(t, rt)
	identity := []byte("MX-CLIENT 1.0\r\n\r\n")
	for name, play := range map[string]func(ctx context.Context, ws *websocket.Conn) error{
		"another text first": func(ctx context.Context, ws *websocket.Conn) error {
			return ws.Write(ctx, websocket.MessageText, []byte("MY"))
		},
		"binary first": func(ctx context.Context, ws *websocket.Conn) error {
			return ws.Write(ctx, websocket.MessageBinary, identity)
		},
		"text frames": func(ctx context.Context, ws *websocket.Conn) error {
			return errors.Join(ws.Write(ctx, websocket.MessageText, []byte("MX")), ws.Write(ctx, websocket.MessageText, identity))
		},
		"silence": func(context.Context, *websocket.Conn) error { return nil },
		"a line without end": func(ctx context.Context, ws *websocket.Conn) error {
			return errors.Join(ws.Write(ctx, websocket.MessageText, []byte("MX")), ws.Write(ctx, websocket.MessageBinary, []byte(strings.Repeat("x", 1<<20))))
		},
		"closes": func(ctx context.Context, ws *websocket.Conn) error {
			return errors.Join(ws.Write(ctx, websocket.MessageText, []byte("MX")), ws.Write(ctx, websocket.MessageBinary, identity[:4]), ws.CloseNow())
		},
	} {
		ws, _, err := upgrade(t, addr, nil, subprotocol)
		if err != nil {
			t.Fatal(err)
		}
		_ = play(t.Context(), ws) // the listener may have closed already
		if kind, got, err := ws.Read(t.Context()); err == nil {
			t.Errorf("%s: got %s %q", name, kind, got)
		}
		_ = ws.CloseNow()
	}
	reasons := ""
	for deadline := time.Now().Add(10 * time.Second); strings.Count(reasons, "\n") < 6 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		reasons = ""
		for _, r := range rt.Rejections() {
			reasons += r.Reason.Error() + "\n"
		}
	}
	for _, want := range []string{`found MessageText "MY"`, "found MessageBinary", "found a text frame", "Limits.Handshake"} {
		if !strings.Contains(reasons, want) {
			t.Errorf("the rejections lack %q: %s", want, reasons)
		}
	}
	call(t, dialler(t, &Transport{}).Client(endpoint(t, "wss://"+addr, halibut.PinOf(identities()[0]))))
}

// .NET sends one message that never ends, and its pongs come unasked.
func TestEndlessMessage(t *testing.T) {
	rt, _ := listener(t, halibut.Options{Protocols: []halibut.Protocol{HTTP(&Handler{})}})
	addr := serve(t, rt)
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{identities()[1]}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, "GET /x/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: Octopus\r\nX-Octopus-RequestId: 1\r\n\r\n")
	answer := make([]byte, 0, 1024)
	for !strings.HasSuffix(string(answer), "\r\n\r\n") {
		var b [1]byte
		if _, err := conn.Read(b[:]); err != nil {
			t.Fatalf("%q: %v", answer, err)
		}
		answer = append(answer, b[0])
	}
	if !strings.Contains(string(answer), "101 Switching") || !strings.Contains(string(answer), "Sec-Websocket-Protocol: Octopus") {
		t.Fatalf("answer %q", answer)
	}
	frame := func(head byte, payload string) {
		// Masked with zeros, which leaves the text readable.
		if _, err := conn.Write(append([]byte{head, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)); err != nil {
			t.Fatal(err)
		}
	}
	frame(0x81, "MX")
	frame(0x8a, "") // a pong
	frame(0x02, "MX-CLI")
	frame(0x8a, "unasked")
	frame(0x00, "")
	frame(0x00, "ENT 1.0\r\n\r\n")
	got := make([]byte, 2+len("MX-SERVER 1.0\r\n\r\n"))
	if _, err := io.ReadFull(conn, got); err != nil || got[0] != 0x82 || string(got[2:]) != "MX-SERVER 1.0\r\n\r\n" {
		t.Errorf("got %q, %v", got, err)
	}
	frame(0x88, "\x03\xe8Closing")
	if rest, err := io.ReadAll(conn); err != nil || len(rest) < 4 || rest[0] != 0x88 {
		t.Errorf("the answer to a close frame is %q, %v", rest, err)
	}
}

// What answers at a wss:// address need not be a websocket of ours.
func TestBadListeners(t *testing.T) {
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"a page":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, `"200 OK"`},
		"not found": {http.NotFound, `"404 Not Found"`},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.com", http.StatusFound)
		}, `"302 Found"`},
		"another sub-protocol": {func(w http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(w, r, nil)
			if err == nil {
				_ = ws.CloseNow()
			}
		}, "sub-protocol Octopus"},
		"text": {func(w http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}})
			if err != nil {
				return
			}
			_ = ws.Write(r.Context(), websocket.MessageText, []byte("MX-SERVER 1.0\r\n\r\n"))
			_, _, _ = ws.Read(r.Context())
			_, _, _ = ws.Read(r.Context())
			_ = ws.CloseNow()
		}, "found a text frame"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(tt.handler)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{identities()[0]}}
			server.StartTLS()
			defer server.Close()
			to := endpoint(t, "wss://"+server.Listener.Addr().String(), halibut.PinOf(identities()[0]))
			err := dialler(t, &Transport{}).Client(to).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
			if halibut.CodeOf(err) != halibut.CodeProtocol || !strings.Contains(err.Error(), tt.want) || !halibut.SafeToRetry(err) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// asProxy is a reverse proxy that ends TLS, and forwards with the identity of a
// proxy and what header says about the client.
func asProxy(t *testing.T, over http.RoundTripper, target *url.URL, header func(der []byte) []string) (addr string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := r.Clone(r.Context())
		out.URL, out.RequestURI = target, ""
		out.Header["X-Client-Cert"] = header(r.TLS.PeerCertificates[0].Raw)
		answer, err := over.RoundTrip(out)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusSwitchingProtocols {
			w.WriteHeader(answer.StatusCode)
			_, _ = io.Copy(w, answer.Body)
			return
		}
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.StatusCode)
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		body := answer.Body.(io.ReadWriteCloser)
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(body, buffered); _ = body.Close(); _ = conn.Close() })
		both.Go(func() { _, _ = io.Copy(conn, body); _ = body.Close(); _ = conn.Close() })
		both.Wait()
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{identities()[2]}, ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"http/1.1"}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func base64Header(der []byte) []string { return []string{base64.StdEncoding.EncodeToString(der)} }

// Behind a reverse proxy the certificate comes in a header, from that proxy alone.
func TestReverseProxy(t *testing.T) {
	behind := &ReverseProxy{Header: "X-Client-Cert", Pins: []halibut.Pin{halibut.PinOf(identities()[2])}}
	rt, _ := listener(t, halibut.Options{})
	direct := mounted(t, &Handler{Runtime: rt, ReverseProxy: behind}, tls.RequestClientCert, identities()[0])
	asItself := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{identities()[2]}}}
	t.Cleanup(asItself.CloseIdleConnections)
	target := &url.URL{Scheme: "https", Host: direct}
	percent := func(der []byte) []string {
		return []string{url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))}
	}
	for name, header := range map[string]func([]byte) []string{
		"base64":   base64Header,
		"RFC 9440": func(der []byte) []string { return []string{":" + base64Header(der)[0] + ":"} },
		"PEM":      percent,
	} {
		t.Run(name, func(t *testing.T) {
			to := endpoint(t, "wss://"+asProxy(t, asItself, target, header), halibut.PinOf(identities()[2]))
			bothDirections(t, rt, to, &Transport{})
			got, err := halibut.Call[string](t.Context(), dialler(t, &Transport{}).Client(to), "IEchoService", "Via")
			if want := halibut.PinOf(identities()[1]).String() + " via " + halibut.PinOf(identities()[2]).String(); err != nil || got != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		})
	}
	refused := func(to halibut.Endpoint, want string) {
		t.Helper()
		err := dialler(t, &Transport{}).Client(to).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
		if halibut.CodeOf(err) != halibut.CodeProtocol || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for name, header := range map[string]func([]byte) []string{
		"none":          func([]byte) []string { return nil },
		"two":           func(der []byte) []string { return append(base64Header(der), base64Header(der)...) },
		"a fingerprint": func(der []byte) []string { return []string{halibut.PinSHA1(der).String()} },
		"base64 of one": func(der []byte) []string { return base64Header(der[:20]) },
		"a part":        func(der []byte) []string { return base64Header(der[:len(der)-1]) },
		"more":          func(der []byte) []string { return base64Header(append(der[:len(der):len(der)], 0)) },
		"two in a PEM":  func(der []byte) []string { return []string{percent(der)[0] + percent(der)[0]} },
	} {
		t.Run(name, func(t *testing.T) {
			refused(endpoint(t, "wss://"+asProxy(t, asItself, target, header), halibut.PinOf(identities()[2])), "403")
		})
	}
	t.Run("not the proxy", func(t *testing.T) {
		forged := &Transport{Header: http.Header{"X-Client-Cert": base64Header(identities()[1].Certificate[0])}}
		err := dialler(t, forged).Client(endpoint(t, "wss://"+direct, halibut.PinOf(identities()[0]))).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
		if halibut.CodeOf(err) != halibut.CodeProtocol || !strings.Contains(err.Error(), "403") {
			t.Error(err)
		}
	})
}

// On a Unix socket the proxy speaks in the clear.
func TestReverseProxyOnUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err)
	}
	rt, _ := listener(t, halibut.Options{})
	server := &http.Server{Handler: &Handler{Runtime: rt, ReverseProxy: &ReverseProxy{Header: "X-Client-Cert", UnixSocket: true}}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() { _ = rt.Close(); _ = server.Close(); <-served })
	over := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) }}
	t.Cleanup(over.CloseIdleConnections)
	to := endpoint(t, "wss://"+asProxy(t, over, &url.URL{Scheme: "http", Host: "backend"}, base64Header), halibut.PinOf(identities()[2]))
	bothDirections(t, rt, to, &Transport{})
	got, err := halibut.Call[string](t.Context(), dialler(t, &Transport{}).Client(to), "IEchoService", "Via")
	if err != nil || !strings.HasSuffix(got, " via unix:"+socket) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDecodeCertificate(t *testing.T) {
	der := identities()[0].Certificate[0]
	if _, err := x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{
		base64Header(der)[0]: true, "": false, ":": false, "::": false, "MAA=": false, "-----BEGIN": false,
		"-----BEGIN%20PRIVATE%20KEY-----%0AMAA=%0A-----END%20PRIVATE%20KEY-----%0A": false, "-----BEGIN%zz": false,
	} {
		if _, err := decodeCertificate(text); (err == nil) != ok {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}

// A reverse proxy whose server is being restarted is asked again.
func TestBadGatewayIsTriedAgain(t *testing.T) {
	rt, _ := listener(t, halibut.Options{})
	handler := &Handler{Runtime: rt}
	refusals := make(chan int, 3)
	for _, status := range []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		refusals <- status
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case status := <-refusals:
			http.Error(w, "no", status)
		default:
			handler.ServeHTTP(w, r)
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{identities()[0]}, ClientAuth: tls.RequestClientCert, NextProtos: []string{"http/1.1"}}
	server.StartTLS()
	t.Cleanup(func() { _ = rt.Close(); server.Close() })
	client := dialler(t, &Transport{}).Client(endpoint(t, "wss://"+server.Listener.Addr().String(), halibut.PinOf(identities()[0])))
	err := dialler(t, &Transport{}).Client(endpoint(t, "wss://"+server.Listener.Addr().String(), halibut.PinOf(identities()[0])), halibut.Retries(0)).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
	if halibut.CodeOf(err) != halibut.CodeConnect || !halibut.SafeToRetry(err) || err == nil || !strings.Contains(err.Error(), "could not reach it") {
		t.Error(err)
	}
	call(t, client)
}

// A frame that says it is longer than anything, and one that ends in the middle
// of a message, cost their connection and no memory.
func TestHugeFrames(t *testing.T) {
	rt, _ := listener(t, halibut.Options{Protocols: []halibut.Protocol{HTTP(&Handler{})}, Limits: halibut.Limits{Handshake: 2 * time.Second}})
	addr := serve(t, rt)
	for name, frames := range map[string]string{
		"as long as can be": "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00MX-CLIENT",
		"a negative length": "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
		"not masked":        "\x82\x02MX",
		"reserved bits":     "\xf2\x80\x00\x00\x00\x00",
		"cut in a header":   "\x82\xfe\x01",
		"cut in a message":  "\x82\x92\x00\x00\x00\x00MX-CLI",
	} {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{identities()[1]}})
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: Octopus\r\n\r\n\x81\x82\x00\x00\x00\x00MX"+frames)
		_ = conn.CloseWrite()
		if got, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(string(got), " 101 ") || strings.Contains(string(got), "MX-SERVER") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		_ = conn.Close()
	}
	call(t, dialler(t, &Transport{}).Client(endpoint(t, "wss://"+addr, halibut.PinOf(identities()[0]))))
}
