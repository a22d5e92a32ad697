package halibut

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/internal/mutualtls"
)

func mustGenerate(t testing.TB, name string) tls.Certificate {
	t.Helper()
	cert, err := GenerateCertificate(name, &CertificateOptions{ECDSA: true})
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestGenerateCertificate(t *testing.T) {
	tests := []struct {
		name      string
		opts      *CertificateOptions
		algorithm x509.SignatureAlgorithm
		lifetime  time.Duration
	}{
		{"nil", nil, x509.SHA256WithRSA, defaultLifetime},
		{"ECDSA", &CertificateOptions{ECDSA: true, Lifetime: time.Hour}, x509.ECDSAWithSHA256, time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cert, err := GenerateCertificate("Zoë's agent", test.opts)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(cert.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			if leaf.Subject.CommonName != "Zoë's agent" || leaf.Issuer.CommonName != leaf.Subject.CommonName {
				t.Errorf("subject %s, issuer %s", leaf.Subject, leaf.Issuer)
			}
			if leaf.SignatureAlgorithm != test.algorithm || len(leaf.Extensions) > 0 || leaf.SerialNumber.Sign() <= 0 {
				t.Errorf("signature %s, %d extensions, serial number %s", leaf.SignatureAlgorithm, len(leaf.Extensions), leaf.SerialNumber)
			}
			if err := leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature); err != nil {
				t.Error(err)
			}
			if left := time.Until(leaf.NotAfter); left > test.lifetime || left < test.lifetime-time.Minute {
				t.Errorf("valid for %v, want %v", left, test.lifetime)
			}
			switch key := leaf.PublicKey.(type) {
			case *rsa.PublicKey:
				if key.N.BitLen() != 2048 {
					t.Errorf("RSA key of %d bits", key.N.BitLen())
				}
			case *ecdsa.PublicKey:
				if name := key.Curve.Params().Name; name != "P-256" {
					t.Errorf("curve %s", name)
				}
			}
			if got := PinOf(cert); got != PinSHA1(leaf.Raw) || got.IsZero() {
				t.Errorf("PinOf is %s", got)
			}
		})
	}
	if !PinOf(tls.Certificate{}).IsZero() {
		t.Error("no certificate has a pin")
	}
}

func TestWriteAndLoadCertificate(t *testing.T) {
	for _, ecdsa := range []bool{false, true} {
		cert, err := GenerateCertificate("agent", &CertificateOptions{ECDSA: ecdsa})
		if err != nil {
			t.Fatal(err)
		}
		cert.Certificate = append(cert.Certificate, mustGenerate(t, "issuer").Certificate[0])
		dir := t.TempDir()
		certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		if err := WriteCertificate(cert, certFile, keyFile); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{certFile, keyFile} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
				t.Errorf("%s has mode %o", name, mode)
			}
		}
		loaded, err := LoadCertificate(certFile, keyFile)
		if err != nil {
			t.Fatal(err)
		}
		if PinOf(loaded) != PinOf(cert) || len(loaded.Certificate) != 2 {
			t.Errorf("loaded %s with a chain of %d, want %s", PinOf(loaded), len(loaded.Certificate), PinOf(cert))
		}
	}
}

func TestWriteCertificateOverwritesNothing(t *testing.T) {
	cert := mustGenerate(t, "agent")
	for _, taken := range []string{"cert.pem", "key.pem"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, taken), []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := WriteCertificate(cert, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s exists: %v, want fs.ErrExist", taken, err)
		}
		if content, err := os.ReadFile(filepath.Join(dir, taken)); string(content) != "precious" {
			t.Errorf("%s holds %q, %v", taken, content, err)
		}
		if entries, err := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("the error left %v, %v", entries, err)
		}
	}
}

func TestWriteCertificateRefuses(t *testing.T) {
	dir := t.TempDir()
	cert := mustGenerate(t, "agent")
	for name, cert := range map[string]tls.Certificate{
		"empty":       {},
		"no key":      {Certificate: cert.Certificate},
		"foreign key": {Certificate: cert.Certificate, PrivateKey: struct{}{}},
	} {
		if err := WriteCertificate(cert, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if err := WriteCertificate(cert, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "none", "key.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that does not exist: %v", err)
	}
	if entries, err := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("the errors left %v, %v", entries, err)
	}
}

// oldCertificate is like those of Halibut's generator of 2013 to 2016, whose
// authority key identifier is marked critical.
func oldCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	key := mustGenerate(t, "").PrivateKey.(*ecdsa.PrivateKey)
	template := &x509.Certificate{
		SerialNumber:    big.NewInt(1),
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 35}, Critical: true, Value: []byte{0x30, 0x03, 0x80, 0x01, 1}}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestLoadCertificateRefuses(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	agent, other := mustGenerate(t, "agent"), mustGenerate(t, "other")
	for name, cert := range map[string]tls.Certificate{"agent": agent, "other": other, "old": oldCertificate(t)} {
		if err := WriteCertificate(cert, path(name+".crt"), path(name+".key")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path("text"), []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ cert, key, want string }{
		{"none.crt", "agent.key", "none.crt"},
		{"agent.crt", "other.key", "does not match"},
		{"text", "agent.key", "PEM"},
		{"old.crt", "old.key", "halibut cert new"},
	}
	for _, test := range tests {
		_, err := LoadCertificate(path(test.cert), path(test.key))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s and %s: %v, want it to hold %q", test.cert, test.key, err, test.want)
		}
	}

	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: agent.Certificate[0]}), mustRead(t, path("agent.key"))...)
	if err := os.WriteFile(path("both"), both, 0o600); err != nil {
		t.Fatal(err)
	}
	if cert, err := LoadCertificate(path("both"), path("both")); err != nil || PinOf(cert) != PinOf(agent) {
		t.Errorf("both in one file: %s, %v", PinOf(cert), err)
	}
}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// handshakeTo dials a server that shows serverCert, as endpoint demands, and
// gives what the server saw of us.
func handshakeTo(t *testing.T, endpoint Endpoint, serverCert, clientCert tls.Certificate) (Peer, error) {
	t.Helper()
	near, far := memnet.Pipe("10.0.0.1:1000", "10.0.0.2:10933")
	defer near.Close()
	defer far.Close()
	seen := make(chan Peer, 1)
	go func() {
		conn, err := mutualtls.AcceptHandshake(context.Background(), far, mutualtls.Config{Certificate: serverCert}.Server())
		if err == nil {
			state := conn.ConnectionState()
			seen <- newPeer(&state, conn.RemoteAddr())
			_, err = io.Copy(io.Discard, conn)
		}
		if err != nil {
			far.Close()
		}
		close(seen)
	}()
	config := mutualtls.Config{Certificate: clientCert, Verify: endpoint.verify()}.Client(endpoint.ServerName())
	conn, err := mutualtls.DialHandshake(t.Context(), near, config)
	if err != nil {
		near.Close()
		<-seen
		return Peer{}, err
	}
	peer := <-seen
	return peer, conn.Close()
}

func TestHandshakeWithEndpoint(t *testing.T) {
	alice, bob := mustGenerate(t, "alice"), mustGenerate(t, "bob")
	bob1, bob256 := PinSHA1(bob.Certificate[0]).String(), PinSHA256(bob.Certificate[0]).String()
	alice1 := PinOf(alice).String()
	tests := []struct {
		name             string
		pins             []string
		expect, received string // "" if the handshake succeeds
	}{
		{"SHA-1", []string{bob1}, "", ""},
		{"SHA-256", []string{bob256}, "", ""},
		{"the second of two", []string{alice1, bob1}, "", ""},
		{"wrong", []string{alice1}, "expected " + alice1, "received " + bob1 + ` of "CN=bob"`},
		{"wrong SHA-256", []string{otherSHA256}, "expected " + otherSHA256, "received " + bob256},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			endpoint := mustEndpoint(t, "https://host.example:10933", test.pins...)
			peer, err := handshakeTo(t, endpoint, bob, alice)
			if test.expect == "" {
				if err != nil {
					t.Fatal(err)
				}
				if peer.Thumbprint != PinOf(alice) || peer.Certificate == nil || peer.TLS.ServerName != "host.example" || peer.TLS.Version != tls.VersionTLS13 {
					t.Errorf("the server saw %+v", peer)
				}
				return
			}
			var mismatch *unexpectedCertificateError
			if !errors.As(err, &mismatch) {
				t.Fatalf("got %v, want an unexpectedCertificateError", err)
			}
			if text := err.Error(); !strings.Contains(text, test.expect) || !strings.Contains(text, test.received) {
				t.Errorf("got %q, want it to hold %q and %q", text, test.expect, test.received)
			}
		})
	}
}

func TestVerifyWithoutPinsRefuses(t *testing.T) {
	err := mustEndpoint(t, "poll://name").verify()([]byte("abc"), tls.ConnectionState{})
	var mismatch *unexpectedCertificateError
	if !errors.As(err, &mismatch) || mismatch.Received != mustPin(t, abcSHA1) {
		t.Errorf("got %v", err)
	}
}

func TestPeer(t *testing.T) {
	cert := mustGenerate(t, "alice")
	addr := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}
	readable := newPeerDER(cert.Certificate[0], addr, TLSInfo{Version: tls.VersionTLS12})
	if !readable.Presented() || readable.Certificate == nil || readable.Thumbprint != PinOf(cert) || !readable.Is(PinSHA256(cert.Certificate[0])) {
		t.Errorf("got %+v", readable)
	}
	old := newPeerDER(oldCertificate(t).Certificate[0], addr, TLSInfo{})
	if !old.Presented() || old.Certificate != nil || old.Thumbprint.IsZero() || old.SHA256.IsZero() {
		t.Errorf("a certificate that Go cannot read gave %+v", old)
	}
	none := newPeer(&tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}, addr)
	if none.Presented() || !none.Thumbprint.IsZero() || none.Is(Pin{}) {
		t.Errorf("no certificate gave %+v", none)
	}
	if got, want := none.TLS.String(), "TLS 1.3 TLS_AES_128_GCM_SHA256"; got != want {
		t.Errorf("TLS is %q, want %q", got, want)
	}
	if got := (TLSInfo{}).String(); got != "" {
		t.Errorf("no TLS is %q", got)
	}
}

func TestPeerLogValue(t *testing.T) {
	peer := peerOf("abc", RolePoller, "poll://a/")
	peer.Addr, peer.Via = memnet.Addr("10.0.0.1:1"), "proxy"
	if got, want := peer.LogValue().String(), "[addr=10.0.0.1:1 thumbprint="+abcSHA1+" role=poller subscription=poll://a/ via=proxy]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := (Peer{}).LogValue().String(), "[thumbprint= role=unknown]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for role, want := range map[Role]string{RoleClient: "client", RoleService: "service", Role(9): "Role(9)"} {
		if got := role.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPeerFromContext(t *testing.T) {
	if peer, ok := PeerFromContext(t.Context()); ok {
		t.Errorf("found %+v in an empty context", peer)
	}
	want := peerOf("abc", RoleClient, "")
	got, ok := PeerFromContext(&caller{Context: t.Context(), peer: &want})
	if !ok || got.Thumbprint != want.Thumbprint || got.Role != want.Role {
		t.Errorf("got %+v, %t", got, ok)
	}
}
