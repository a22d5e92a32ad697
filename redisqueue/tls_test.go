package redisqueue

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut/queue"
)

// serverCertificate writes a certificate for 127.0.0.1 and its key into dir, and
// returns the authorities that know it.
func serverCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"crt": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(dir, "server."+name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool
}

// TestTLSAndUser: a connection over TLS, as the user that docs/clustering.md
// names, who may do no more than a node needs.
func TestTLSAndUser(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	pool := serverCertificate(t, dir)
	s := startServer(t, "--tls-port", port, "--tls-auth-clients", "no",
		"--tls-cert-file", filepath.Join(dir, "server.crt"), "--tls-key-file", filepath.Join(dir, "server.key"))
	page, err := os.ReadFile("../docs/clustering.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rule, ok := strings.Cut(string(page), "\nACL SETUSER halibut ")
	if !ok {
		t.Fatal("docs/clustering.md names no user")
	}
	rule, _, _ = strings.Cut(rule, "\n")
	s.do(t, append([]string{"ACL", "SETUSER", "halibut"}, strings.Fields(rule)...)...)
	url := "rediss://halibut:password@127.0.0.1:" + port
	if p, err := Open(t.Context(), url, &Options{Prefix: "production"}); err == nil {
		_ = p.Close()
		t.Error("a certificate that nobody knows was taken")
	}
	opts := &Options{Prefix: "production", TLS: &tls.Config{RootCAs: pool}}
	a, b := nodeAt(t, url, opts, hasty), nodeAt(t, url, opts, hasty)
	a.Attend("poll://a/", peer)
	eventually(t, "the other node knows the agent", func() bool { return len(attends(t, b)) == 1 })
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	d := next(t, queueOf(t, b))
	d.Started()
	<-time.After(300 * time.Millisecond) // heartbeats go both ways
	respond(t, d)
	succeeds(t, done)
	for name, test := range map[string]struct{ url, prefix, want string }{
		"another prefix": {url, "other", "NOPERM"},
		"wrong password": {"rediss://halibut:wrong@127.0.0.1:" + port, "production", "WRONGPASS"},
	} {
		p, err := Open(t.Context(), test.url, &Options{Prefix: test.prefix, TLS: opts.TLS})
		if err == nil {
			_ = p.Close()
			t.Errorf("%s was taken", name)
		} else if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "password@") || !strings.Contains(err.Error(), "; ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
