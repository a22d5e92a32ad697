package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
	"github.com/halibut-go/halibut/jsonrpc"
)

// identityFile writes a throwaway identity and returns what --identity takes.
func identityFile(t *testing.T, name string) string {
	t.Helper()
	base := filepath.Join(t.TempDir(), name)
	if err := halibut.WriteCertificate(halibuttest.Certificate(name), base+".crt", base+".key"); err != nil {
		t.Fatal(err)
	}
	return base
}

func pinOf(name string) string { return halibut.PinOf(halibuttest.Certificate(name)).String() }

// diagnosis is what 'halibut doctor --json' prints.
type diagnosis struct {
	Verdict verdict
	Steps   []struct {
		Step, Detail, Advice string
		OK                   bool
		Verdict              verdict
	}
}

// consult runs the doctor.
func consult(t *testing.T, args ...string) (d diagnosis, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = run(t.Context(), append([]string{"doctor", "--json", "-i", identityFile(t, "me")}, args...), nil, &stdout, &stderr)
	if err := json.Unmarshal(stdout.Bytes(), &d); err != nil {
		t.Fatalf("%v: %s\n%s", err, &stdout, &stderr)
	}
	if len(d.Steps) == 0 || (d.Verdict != verdictOK && d.Steps[len(d.Steps)-1].Detail == "") {
		t.Errorf("the verdict %s has no reason: %+v", d.Verdict, d.Steps)
	}
	return d, status
}

// serveTCP hands each connection to handle, and ends with the test.
func serveTCP(t *testing.T, handle func(net.Conn)) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				stop := context.AfterFunc(t.Context(), func() { _ = conn.Close() })
				defer stop()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

// serveTLS is serveTCP behind a TLS handshake.
func serveTLS(t *testing.T, config *tls.Config, handle func(*tls.Conn)) (addr string) {
	return serveTCP(t, func(conn net.Conn) {
		secured := tls.Server(conn, config)
		if secured.Handshake() == nil && handle != nil {
			handle(secured)
		}
	})
}

func tlsOf(name string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{halibuttest.Certificate(name)}, ClientAuth: tls.RequestClientCert}
}

// serveHalibut runs a runtime that listens.
func serveHalibut(t *testing.T, opts *halibut.Options) (addr string) {
	t.Helper()
	rt, err := halibut.New(halibuttest.Certificate("peer"), opts)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = rt.Serve(context.Background(), listener) })
	t.Cleanup(func() {
		_ = rt.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

func silent(conn io.Reader) { _, _ = io.Copy(io.Discard, conn) }

// TestDoctor plants each fault and reads the verdict.
func TestDoctor(t *testing.T) {
	me, peer := halibut.PinOf(halibuttest.Certificate("me")), pinOf("peer")
	calls := &halibut.TrustList{}
	calls.AllowCalls(me)
	polls := &halibut.TrustList{}
	if err := polls.AllowPolling(me, halibut.AnySubscription); err != nil {
		t.Fatal(err)
	}
	refusedListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refusedListener.Close()
	web := httptest.NewUnstartedServer(http.NotFoundHandler())
	web.TLS = tlsOf("peer")
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(web.Close)

	shared := serveHalibut(t, &halibut.Options{Authorizer: calls, Protocols: websockets()})
	forbidding := answering(t, http.StatusForbidden)
	gateway := answering(t, http.StatusBadGateway)
	wantsPassword := serveTCP(t, wantsPassword)
	tunnel := serveTCP(t, relayConnect)
	for _, tt := range []struct {
		name   string
		addr   string
		args   []string
		want   verdict
		status int
		says   string
	}{
		{"all is well", serveHalibut(t, &halibut.Options{Authorizer: calls}), nil, verdictOK, 0, "as it should"},
		{"name not found", "no-such-host.invalid:10933", nil, verdictNameNotFound, exitUnreachable, ""},
		{"refused", refusedListener.Addr().String(), nil, verdictRefused, exitUnreachable, "the connection is refused"},
		{"through a proxy", serveHalibut(t, &halibut.Options{Authorizer: calls}), []string{"--proxy=http://" + tunnel}, verdictOK, 0, "as it should"},
		{"proxy wants a password", "build-7.example:10933", []string{"--proxy=http://" + wantsPassword}, verdictProxyPassword, exitUnreachable, "407"},
		{"no proxy there", "build-7.example:10933", []string{"--proxy=http://" + refusedListener.Addr().String()}, verdictProxy, exitUnreachable, "the proxy cannot be reached"},
		{"refused behind the proxy", refusedListener.Addr().String(), []string{"--proxy=http://" + tunnel}, verdictProxy, exitUnreachable, "502"},
		{"plain text", serveTCP(t, func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.6\r\n")); silent(c) }), nil, verdictNotTLS, exitUnreachable, `it answers "SSH-2"`},
		{"silent", serveTCP(t, func(c net.Conn) { silent(c) }), []string{"--timeout=50ms"}, verdictTLSFailed, exitUnreachable, "says nothing"},
		{"closed in the handshake", serveTCP(t, func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 100)) }), nil, verdictTLSFailed, exitUnreachable, "closed the connection in the TLS handshake"},
		{"old TLS", serveTLS(t, &tls.Config{Certificates: tlsOf("peer").Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, nil), nil, verdictTLSVersion, exitUnreachable, "protocol version"},
		{"wrong certificate", serveTLS(t, tlsOf("stranger"), nil), nil, verdictWrongCertificate, exitUntrusted, pinOf("stranger")},
		{"intercepted", serveTLS(t, &tls.Config{Certificates: []tls.Certificate{issuedCertificate(t)}}, nil), nil, verdictIntercepted, exitUntrusted, `issued by "CN=Corporate Inspection"`},
		{"critical authority key identifier", serveTLS(t, &tls.Config{Certificates: []tls.Certificate{criticalCertificate(t)}}, nil), nil, verdictCertificate, exitUntrusted, "incorrectly marked critical"},
		{"not trusted", serveHalibut(t, nil), nil, verdictNotTrusted, exitUntrusted, "closed the connection when we had said who we are"},
		{"a web server", web.Listener.Addr().String(), nil, verdictNotHalibut, exitUnreachable, "HTTP/1.1 400"},
		{"silent behind TLS", serveTLS(t, tlsOf("peer"), func(c *tls.Conn) { silent(c) }), []string{"--timeout=1s"}, verdictNotHalibut, exitUnreachable, "does not say who it is"},
		{"hangs", serveTLS(t, tlsOf("peer"), identifiesOnly), []string{"--timeout=1s"}, verdictCallFailed, exitFailed, "a call is not answered"},
		{"may poll", serveHalibut(t, &halibut.Options{Authorizer: polls}), []string{"--subscription=poll://agent"}, verdictOK, 0, "lets us poll for poll://agent/"},
		{"may call and not poll", serveHalibut(t, &halibut.Options{Authorizer: calls}), []string{"--subscription=poll://agent"}, verdictSubscriptionRefused, exitUntrusted, "and lets us call"},
		{"may do nothing", serveHalibut(t, nil), []string{"--subscription=poll://agent"}, verdictNotTrusted, exitUntrusted, "closed the connection"},
		{"a web server without websockets", "wss://" + web.Listener.Addr().String() + "/agents", nil, verdictNotWebsocket, exitUnreachable, `the server's answer "404 Not Found"`},
		{"no websocket at that path", "wss://" + shared + "/elsewhere", nil, verdictNotWebsocket, exitUnreachable, "404"},
		{"no certificate arrives", "wss://" + forbidding + "/agents", nil, verdictNotWebsocket, exitUnreachable, `"403 Forbidden"`},
		{"a gateway in between", "wss://" + gateway + "/agents", nil, verdictNotWebsocket, exitUnreachable, `"502 Bad Gateway"`},
		{"a listener without websockets", "wss://" + serveHalibut(t, &halibut.Options{Authorizer: calls}) + "/agents", nil, verdictNotWebsocket, exitUnreachable, "no websocket"},
		{"silent before the websocket", "wss://" + serveTLS(t, tlsOf("peer"), func(c *tls.Conn) { silent(c) }) + "/agents", []string{"--timeout=1s"}, verdictNotWebsocket, exitUnreachable, "does not answer the request for a websocket"},
		{"closed before the websocket", "wss://" + serveTLS(t, tlsOf("peer"), func(c *tls.Conn) { _, _ = c.Read(make([]byte, 1)) }) + "/agents", nil, verdictNotWebsocket, exitUnreachable, "closed the connection when a websocket was asked for"},
		{"wrong certificate at a websocket", "wss://" + serveTLS(t, tlsOf("stranger"), nil) + "/agents", nil, verdictWrongCertificate, exitUntrusted, pinOf("stranger")},
		{"not trusted behind a websocket", "wss://" + serveHalibut(t, &halibut.Options{Protocols: websockets()}) + "/agents", nil, verdictNotTrusted, exitUntrusted, "closed the connection when we had said who we are"},
		{"may poll over a websocket", "wss://" + serveHalibut(t, &halibut.Options{Authorizer: polls, Protocols: websockets()}) + "/agents", []string{"--subscription=poll://agent"}, verdictOK, 0, "lets us poll for poll://agent/"},
		{"may call and not poll over a websocket", "wss://" + shared + "/agents", []string{"--subscription=poll://agent"}, verdictSubscriptionRefused, exitUntrusted, "and lets us call"},
		{"not trusted in the protocol of 2013", "rpc://" + serveHalibut(t, &halibut.Options{Protocols: []halibut.Protocol{&jsonrpc.Protocol{}}}), nil, verdictNotTrusted, exitUntrusted, "without an answer"},
		{"silent in the protocol of 2013", "rpc://" + serveTLS(t, tlsOf("peer"), func(c *tls.Conn) { silent(c) }), []string{"--timeout=1s"}, verdictNotHalibut, exitUnreachable, "not answered"},
		{"connection limit", fullOf(t, polls, "poll://agent"), []string{"--subscription=poll://agent"}, verdictConnectionLimit, exitUnreachable, "lets us poll under another name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := tt.addr
			if !strings.Contains(url, "://") {
				url = "https://" + url
			}
			d, status := consult(t, append([]string{url, "--pin", peer}, tt.args...)...)
			last := d.Steps[len(d.Steps)-1]
			if d.Verdict != tt.want || status != tt.status || !strings.Contains(last.Detail, tt.says) {
				t.Errorf("verdict %s with status %d, want %s with %d and %q: %+v", d.Verdict, status, tt.want, tt.status, tt.says, d.Steps)
			}
			if d.Verdict != verdictOK && last.Verdict != d.Verdict {
				t.Errorf("the last step says %s", last.Verdict)
			}
		})
	}
}

// websockets are what 'serve --websocket /agents' speaks.
func websockets() []halibut.Protocol {
	protocols, err := (&protocolFlags{websocket: "/agents"}).protocols()
	if err != nil {
		panic(err)
	}
	return protocols
}

// answering is a web server with one answer for all.
func answering(t *testing.T, status int) (addr string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	server.TLS = tlsOf("peer")
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// wantsPassword is an HTTP proxy that accepts none.
func wantsPassword(conn net.Conn) {
	_, _ = http.ReadRequest(bufio.NewReader(conn))
	_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
}

// relayConnect is an HTTP proxy.
func relayConnect(conn net.Conn) {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	target, err := net.Dial("tcp", request.Host)
	if err != nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	defer target.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	var running sync.WaitGroup
	running.Go(func() {
		_, _ = io.Copy(target, conn)
		_ = target.Close()
	})
	_, _ = io.Copy(conn, target)
	_ = conn.Close()
	running.Wait()
}

// identifiesOnly is a peer that lets everybody in and answers no call.
func identifiesOnly(conn *tls.Conn) {
	if _, err := io.ReadFull(conn, make([]byte, len("MX\r\n\r\nMX-CLIENT 1.0\r\n\r\n"))); err == nil {
		_, _ = conn.Write([]byte("MX-SERVER 1.0\r\n\r\n"))
	}
	silent(conn)
}

// fullOf is a client whose one connection for a subscription is taken.
func fullOf(t *testing.T, trust *halibut.TrustList, subscription string) (addr string) {
	t.Helper()
	addr = serveHalibut(t, &halibut.Options{Authorizer: trust, Limits: halibut.Limits{SubscriptionConnections: 1}})
	rt, err := halibut.New(halibuttest.Certificate("me"), nil)
	if err != nil {
		t.Fatal(err)
	}
	to, err := halibut.ParseEndpoint("https://"+addr, pinOf("peer"))
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = rt.Poll(context.Background(), subscription, to) })
	t.Cleanup(func() {
		_ = rt.Close()
		running.Wait()
	})
	limit, tick := time.After(20*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !slices.ContainsFunc(rt.Pollers(), func(p halibut.Poller) bool { return p.Connections == 1 }) {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the poller does not connect")
		}
	}
	return addr
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

// issuedCertificate is one as an intercepting proxy makes it.
func issuedCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	issuer, issuerKey, key := template("Corporate Inspection"), newKey(t), newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template("build-7.example.com"), issuer, key.Public(), issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// criticalCertificate is one as Halibut's generator of 2013 made it.
func criticalCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, form := newKey(t), template("critical")
	form.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 35}, Critical: true, Value: []byte{0x30, 0x06, 0x80, 0x04, 1, 2, 3, 4}}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestDoctorNeverPolls holds that the wait for an agent ends.
func TestDoctorNeverPolls(t *testing.T) {
	d, status := consult(t, "poll://agent", "--pin", pinOf("peer"), "--listen=127.0.0.1:0", "--timeout=20ms")
	if d.Verdict != verdictNeverPolls || status != exitUnreachable {
		t.Errorf("verdict %s with status %d: %+v", d.Verdict, status, d.Steps)
	}
}
