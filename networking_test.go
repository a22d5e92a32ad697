package halibut_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/websocket"
)

// The configurations in docs/networking.md are what these tests run, with other
// addresses, and files in a folder of their own.

// configuration is the n-th block of a language in docs/networking.md, with each
// of the pairs replaced that has to stand in it once.
func configuration(t *testing.T, language string, n int, replace ...string) string {
	t.Helper()
	blocks := strings.Split(readFile(t, "docs/networking.md"), "```"+language+"\n")
	if len(blocks) <= n {
		t.Fatalf("docs/networking.md has no %d blocks of %s", n, language)
	}
	config, _, _ := strings.Cut(blocks[n], "```")
	for i := 0; i < len(replace); i += 2 {
		if strings.Count(config, replace[i]) != 1 {
			t.Fatalf("the configuration does not name %s once: %s", replace[i], config)
		}
		config = strings.Replace(config, replace[i], replace[i+1], 1)
	}
	return config
}

// runNginx runs a configuration in a process that ends with the test.
func runNginx(t *testing.T, addr, config string) {
	t.Helper()
	nginx := program(t, "nginx", "nginx")
	dir := openTempDir(t)
	modules := ""
	if strings.HasPrefix(config, "stream") {
		const dynamic = "/usr/lib/nginx/modules/ngx_stream_module.so" // Debian's
		if _, err := os.Stat(dynamic); err == nil {
			modules = "load_module " + dynamic + ";\n"
		}
	}
	config = modules + "daemon off; master_process off; worker_processes 1; error_log stderr; pid " + dir + "/pid;\nevents {}\n" + config
	run(t, addr, nginx, "-p", dir, "-e", "stderr", "-c", write(t, filepath.Join(dir, "nginx.conf"), config))
}

// inHTTP is a configuration of nginx for its http module, which keeps what it
// may have to put aside in one folder.
func inHTTP(t *testing.T, server string) string {
	t.Helper()
	dir := openTempDir(t)
	var config strings.Builder
	config.WriteString("http {\naccess_log off;\n")
	for _, of := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&config, "%s_temp_path %s/%s;\n", of, dir, of)
	}
	return config.String() + server + "}\n"
}

// behindBalancer is called and polled through a balancer that tells peers apart
// by SNI and passes TLS on as it is.
func behindBalancer(t *testing.T, rt *halibut.Runtime, front string) {
	t.Helper()
	client := newRuntime(t, certificates()[0], nil)
	to := endpoint(t, "https://"+front, halibut.PinOf(certificates()[1]))
	got, err := halibut.Call[string](t.Context(), client.Client(to, halibut.ServerName("halibut.example.com")), "IWhereService", "From")
	if err != nil || !strings.HasPrefix(got, "127.0.0.1:") || !strings.HasSuffix(got, " halibut.example.com") {
		t.Errorf("%q, %v", got, err)
	}
	hello(t, pair{client: newRuntime(t, certificates()[0], &halibut.Options{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, front)
	}}), to: endpoint(t, "https://halibut.example.com", halibut.PinOf(certificates()[1]))})

	// A polling service asks for the name, too.
	service := newRuntime(t, certificates()[1], &halibut.Options{Services: echoServices()})
	poll(t, service, to, halibut.PollServerName("halibut.example.com"))
	hello(t, pair{client: rt, to: endpoint(t, subscription)})

	// Another name is another's.
	other := client.Client(endpoint(t, "https://"+front, halibut.PinOf(certificates()[1]), halibut.PinOf(certificates()[2])), halibut.ServerName("www.example.com"), halibut.Retries(0))
	if err := other.Call(t.Context(), "IWhereService", "From", nil); halibut.CodeOf(err) != halibut.CodeUntrusted {
		t.Errorf("another name does not lead to the other server: %v", err)
	}
}

// otherServer lets nobody in.
func otherServer(t *testing.T) (addr string) {
	t.Helper()
	return serve(t, newRuntime(t, certificates()[2], nil))
}

// HAProxy says where peers come from, besides.
func TestBehindHAProxy(t *testing.T) {
	haproxy := program(t, "haproxy", "haproxy")
	rt, backend := serveBehind(t, halibut.Options{Services: echoServices()}, "127.0.0.1/32")
	front := freeAddr(t)
	config := configuration(t, "haproxy", 1, "*:443", front, "127.0.0.1:10943", backend, "127.0.0.1:8443", otherServer(t))
	run(t, front, haproxy, "-f", write(t, filepath.Join(openTempDir(t), "haproxy.cfg"), config))
	behindBalancer(t, rt, front)
}

func TestBehindNginx(t *testing.T) {
	rt, backend := serveBehind(t, halibut.Options{Services: echoServices()}, "192.0.2.0/24")
	front := freeAddr(t)
	runNginx(t, front, configuration(t, "nginx", 1, " 443;", " "+front+";", "127.0.0.1:10943", backend, "127.0.0.1:8443", otherServer(t)))
	behindBalancer(t, rt, front)
}

// endsTLS is a server behind a reverse proxy that ends TLS, and what the proxy
// needs: three certificates in PEM files, in a form that each proxy knows.
type endsTLS struct {
	rt                   *halibut.Runtime
	dir                  string
	front, proxy, server tls.Certificate
}

func newEndsTLS(t *testing.T) endsTLS {
	t.Helper()
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(certificates()[0]))
	if err := trust.AllowPolling(halibut.PinOf(certificates()[0]), subscription); err != nil {
		t.Fatal(err)
	}
	services := echoServices()
	services.Handle("IWhereService", "Via", func(ctx context.Context) (string, error) {
		peer, _ := halibut.PeerFromContext(ctx)
		return peer.Thumbprint.String() + " via " + peer.Via, nil
	})
	e := endsTLS{rt: newRuntime(t, certificates()[1], &halibut.Options{Services: services, Authorizer: trust}), dir: openTempDir(t)}
	for name, made := range map[string]*tls.Certificate{"front": &e.front, "proxy": &e.proxy, "server": &e.server} {
		var err error
		if *made, err = halibut.GenerateCertificate(name, &halibut.CertificateOptions{ECDSA: true}); err != nil {
			t.Fatal(err)
		}
		crt, key := filepath.Join(e.dir, name+".crt"), filepath.Join(e.dir, name+".key")
		if err := halibut.WriteCertificate(*made, crt, key); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(e.dir, name+".pem"), readFile(t, crt)+readFile(t, key))
	}
	return e
}

// files gives the files' names in a configuration their folder.
func (e endsTLS) files(config string) string {
	for _, name := range []string{"front", "proxy", "server"} {
		for _, ext := range []string{".crt", ".key", ".pem"} {
			config = strings.ReplaceAll(config, " "+name+ext, " "+filepath.Join(e.dir, name+ext))
		}
	}
	return config
}

// serve answers behind the proxy, over TLS or on a Unix socket.
func (e endsTLS) serve(t *testing.T, l net.Listener, reverse *websocket.ReverseProxy) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/agents", &websocket.Handler{Runtime: e.rt, ReverseProxy: reverse})
	server := &http.Server{Handler: mux, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{e.server}, ClientAuth: tls.RequestClientCert, NextProtos: []string{"http/1.1"},
	}}
	served := make(chan error, 1)
	go func() {
		if l.Addr().Network() == "unix" {
			served <- server.Serve(l)
		} else {
			served <- server.ServeTLS(l, "", "")
		}
	}()
	t.Cleanup(func() {
		_ = e.rt.Close()
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// check calls and polls through the proxy, with a forged header too.
func (e endsTLS) check(t *testing.T, front, via string) {
	t.Helper()
	to := endpoint(t, "wss://"+front+"/agents", halibut.PinOf(e.front))
	agent := func(cert tls.Certificate, header http.Header) *halibut.Runtime {
		return newRuntime(t, cert, &halibut.Options{
			Services: echoServices(), Transports: map[string]halibut.Transport{"wss": &websocket.Transport{Header: header}},
		})
	}
	client := agent(certificates()[0], nil)
	hello(t, pair{client: client, to: to})
	got, err := halibut.Call[string](t.Context(), client.Client(to), "IWhereService", "Via")
	if want := halibut.PinOf(certificates()[0]).String() + " via " + via; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	poll(t, agent(certificates()[0], nil), to)
	hello(t, pair{client: e.rt, to: endpoint(t, subscription, halibut.PinOf(certificates()[0]))})

	// Who claims to be the agent in the header is who the proxy says it is.
	forged := http.Header{"X-Client-Cert": {base64Of(certificates()[0])}}
	err = agent(certificates()[2], forged).Client(to, halibut.Retries(0)).Call(t.Context(), "IWhereService", "Via", nil)
	if halibut.CodeOf(err) != halibut.CodeUntrusted {
		t.Errorf("a forged header: %v", err)
	}
	conn, err := tls.Dial("tcp", front, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if answer := upgrade(t, conn, "/agents", forged); answer.StatusCode != http.StatusForbidden {
		t.Errorf("a forged header without a certificate: %s", answer.Status)
	}
}

func base64Of(cert tls.Certificate) string {
	return base64.StdEncoding.EncodeToString(cert.Certificate[0])
}

// upgrade asks for a websocket by hand.
func upgrade(t *testing.T, conn net.Conn, path string, header http.Header) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://host.example"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13",
		"Sec-Websocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-Websocket-Protocol": "Octopus",
	} {
		request.Header.Set(name, value)
	}
	maps.Copy(request.Header, header)
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer
}

func TestNginxEndsTLS(t *testing.T) {
	const blocks = 2
	t.Run("pinned", func(t *testing.T) {
		e := newEndsTLS(t)
		l, front := listen(t), freeAddr(t)
		e.serve(t, l, &websocket.ReverseProxy{Header: "X-Client-Cert", Pins: []halibut.Pin{halibut.PinOf(e.proxy)}})
		config := configuration(t, "nginx", blocks, "443 ssl;", front+" ssl;", "127.0.0.1:8443", l.Addr().String())
		runNginx(t, front, inHTTP(t, e.files(config)))
		e.check(t, front, halibut.PinOf(e.proxy).String())
	})
	t.Run("Unix socket", func(t *testing.T) {
		e := newEndsTLS(t)
		socket, front := filepath.Join(e.dir, "socket"), freeAddr(t)
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Skip(err)
		}
		if err := os.Chmod(socket, 0o777); err != nil {
			t.Fatal(err)
		}
		e.serve(t, l, &websocket.ReverseProxy{Header: "X-Client-Cert", UnixSocket: true})
		config := configuration(t, "nginx", blocks, "443 ssl;", front+" ssl;", "https://127.0.0.1:8443", "http://unix:"+socket)
		runNginx(t, front, inHTTP(t, e.files(config)))
		e.check(t, front, "unix:"+socket)
	})
}

func TestHAProxyEndsTLS(t *testing.T) {
	haproxy := program(t, "haproxy", "haproxy")
	e := newEndsTLS(t)
	l, front := listen(t), freeAddr(t)
	e.serve(t, l, &websocket.ReverseProxy{Header: "X-Client-Cert", Pins: []halibut.Pin{halibut.PinOf(e.proxy)}})
	config := e.files(configuration(t, "haproxy", 2, "*:443", front, "127.0.0.1:8443", l.Addr().String()))
	run(t, front, haproxy, "-f", write(t, filepath.Join(e.dir, "haproxy.cfg"), config))
	e.check(t, front, halibut.PinOf(e.proxy).String())
}
