package halibut_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
)

// required reports whether the tests that need what are to fail where it is
// missing: HALIBUT_REQUIRE lists such words, parted by commas.
func required(what string) bool {
	return strings.Contains(","+os.Getenv("HALIBUT_REQUIRE")+",", ","+what+",")
}

// program finds a program that a test runs. Distributions put servers where
// not every PATH looks.
func program(t *testing.T, name, requirement string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	if required(requirement) {
		t.Fatalf("%s is not installed, and HALIBUT_REQUIRE names %s", name, requirement)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// run starts a program that listens at addr, and ends it with the test.
func run(t *testing.T, addr string, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	output := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s: %s", command[0], output)
		}
	})
	eventually(t, command[0]+" listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", command[0], output)
		default:
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// freeAddr is a port that nothing listened on a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l := listen(t)
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// openTempDir is a directory that a server which gives up its rights can read.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "halibut-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// selfSignedFor is the certificate of a web server at an address.
func selfSignedFor(t *testing.T, ip string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "proxy"}, IPAddresses: []net.IP{net.ParseIP(ip)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// throughRealProxy makes calls in both directions through a proxy that is
// running.
func throughRealProxy(t *testing.T, proxy *url.URL, options halibut.Options) pair {
	t.Helper()
	listening := setting{services: echoServices(), client: options}.listening(t)
	_, port, err := net.SplitHostPort(listening.to.Addr())
	if err != nil {
		t.Fatal(err)
	}
	listening.to = endpoint(t, "https://localhost:"+port, halibut.PinOf(certificates()[1])).WithProxy(proxy)
	for range 3 {
		hello(t, listening)
	}

	trust := new(halibut.TrustList)
	if err := trust.AllowPolling(halibut.PinOf(certificates()[1]), subscription); err != nil {
		t.Fatal(err)
	}
	client := newRuntime(t, certificates()[0], &halibut.Options{Authorizer: trust})
	ofService := options
	ofService.Services = echoServices()
	service := newRuntime(t, certificates()[1], &ofService)
	poll(t, service, endpoint(t, "https://"+serve(t, client), halibut.PinOf(certificates()[0])).WithProxy(proxy))
	hello(t, pair{client: client, to: endpoint(t, subscription)})
	return listening
}

// throughHTTPProxy does the same with an HTTP proxy, has it refuse a wrong
// password, and asks it for a peer that is not there.
func throughHTTPProxy(t *testing.T, proxy *url.URL, options halibut.Options) {
	t.Helper()
	listening := throughRealProxy(t, proxy, options)
	refused := func(to halibut.Endpoint, want string) {
		t.Helper()
		_, err := halibut.Call[string](context.Background(), listening.client.Client(to, halibut.Retries(0)), "IEchoService", "SayHello", "x")
		e := asError(t, err)
		if e.Code != halibut.CodeConnect || !strings.Contains(e.Message, want) || !strings.Contains(e.Message, "HTTP/1.") || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%v: want a status line with %q", err, want)
		}
	}
	refused(listening.to.WithProxy(&url.URL{Scheme: proxy.Scheme, Host: proxy.Host}), "407")
	refused(endpoint(t, "https://"+freeAddr(t), halibut.PinOf(certificates()[1])).WithProxy(proxy), " 50")
}

func TestThroughTinyproxy(t *testing.T) {
	tinyproxy := program(t, "tinyproxy", "proxy")
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	config := write(t, filepath.Join(openTempDir(t), "tinyproxy.conf"),
		"Port "+port+"\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nMaxClients 50\nBasicAuth me s3cr3t\n")
	run(t, addr, tinyproxy, "-d", "-c", config)
	throughHTTPProxy(t, &url.URL{Scheme: "http", User: url.UserPassword("me", "s3cr3t"), Host: addr}, halibut.Options{})
}

func TestThroughMicrosocks(t *testing.T) {
	microsocks := program(t, "microsocks", "proxy")
	addr := freeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	run(t, addr, microsocks, "-i", host, "-p", port, "-u", "me", "-P", "s3cr3t")
	proxy := &url.URL{Scheme: "socks5", User: url.UserPassword("me", "s3cr3t"), Host: addr}
	listening := throughRealProxy(t, proxy, halibut.Options{})
	for user, want := range map[*url.Userinfo]string{
		nil: "lets nobody in", url.UserPassword("me", "wr0ng"): "does not accept the user and password",
	} {
		to := listening.to.WithProxy(&url.URL{Scheme: "socks5", User: user, Host: addr})
		err := listening.client.Client(to).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
		if e := asError(t, err); e.Code != halibut.CodeConnect || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "wr0ng") || e.Attempts != 1 {
			t.Errorf("%v after %d tries: want %q", err, e.Attempts, want)
		}
	}
	to := endpoint(t, "https://"+freeAddr(t), halibut.PinOf(certificates()[1])).WithProxy(proxy)
	err := listening.client.Client(to, halibut.Retries(0)).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
	if !strings.Contains(err.Error(), "the peer refused the connection") {
		t.Error(err)
	}
}

// Squid is reached both in the clear and over TLS.
func TestThroughSquid(t *testing.T) {
	squid := program(t, "squid", "squid")
	passwords := ""
	for _, dir := range []string{"/usr/lib/squid", "/usr/lib64/squid", "/usr/libexec/squid", "/usr/local/libexec/squid"} {
		if _, err := os.Stat(dir + "/basic_ncsa_auth"); err == nil {
			passwords = dir + "/basic_ncsa_auth"
		}
	}
	if passwords == "" {
		t.Skip("squid has no basic_ncsa_auth")
	}
	dir := openTempDir(t)
	cert := selfSignedFor(t, "127.0.0.1")
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	pemFile := write(t, filepath.Join(dir, "proxy.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))+
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})))
	// What openssl passwd -apr1 makes of s3cr3t.
	users := write(t, filepath.Join(dir, "users"), "me:$apr1$halibut0$oIE1j6ClkkXFWFGbm8y8Z1\n")
	addr, securedAddr := freeAddr(t), freeAddr(t)
	config := write(t, filepath.Join(dir, "squid.conf"), fmt.Sprintf(`http_port %s
https_port %s tls-cert=%s
auth_param basic program %s %s
auth_param basic realm x
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
cache deny all
cache_log %s/cache.log
access_log none
pid_filename %[6]s/squid.pid
coredump_dir %[6]s
pinger_enable off
shutdown_lifetime 0 seconds
`, addr, securedAddr, pemFile, passwords, users, dir))
	run(t, securedAddr, squid, "-N", "-f", config)
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	options := halibut.Options{ProxyTLS: &tls.Config{RootCAs: roots}}
	user := url.UserPassword("me", "s3cr3t")
	t.Run("http", func(t *testing.T) { throughHTTPProxy(t, &url.URL{Scheme: "http", User: user, Host: addr}, options) })
	t.Run("https", func(t *testing.T) {
		throughHTTPProxy(t, &url.URL{Scheme: "https", User: user, Host: securedAddr}, options)
	})
}
