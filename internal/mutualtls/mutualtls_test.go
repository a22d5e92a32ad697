package mutualtls_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/internal/mutualtls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Keys are slow to make, so that tests share two.
var (
	rsaKey = sync.OnceValue(func() crypto.Signer {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	ecdsaKey = sync.OnceValue(func() crypto.Signer {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	})
)

// newCertificate makes a self-signed certificate, without parsing it.
func newCertificate(t testing.TB, name string, key crypto.Signer, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// criticalAuthorityKeyID marks the authority key identifier as Halibut's
// generator of 2013 did.
func criticalAuthorityKeyID(template *x509.Certificate) {
	template.ExtraExtensions = []pkix.Extension{{
		Id:       []int{2, 5, 29, 35},
		Critical: true,
		Value:    []byte{0x30, 0x06, 0x80, 0x04, 1, 2, 3, 4},
	}}
}

var errUnexpected = errors.New("unexpected certificate")

func expect(cert tls.Certificate) mutualtls.Verify {
	return func(der []byte, _ tls.ConnectionState) error {
		if !bytes.Equal(der, cert.Certificate[0]) {
			return errUnexpected
		}
		return nil
	}
}

// link gives the two ends of a connection.
type link func(t *testing.T) (dialled, accepted net.Conn)

func overMemory(*testing.T) (net.Conn, net.Conn) {
	a, b := memnet.Pipe("client", "server")
	return a, b
}

func overTCP(t *testing.T) (net.Conn, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

type result struct {
	conn *tls.Conn
	err  error
}

// handshake runs both sides of a handshake, and a byte each way where it went
// well, since a TLS 1.3 client learns only then that it was refused.
func handshake(t *testing.T, connect link, client, server *tls.Config) (dialled, accepted result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	near, far := connect(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		accepted.conn, accepted.err = mutualtls.AcceptHandshake(ctx, far, server)
		if accepted.err == nil {
			accepted.err = pingPong(accepted.conn)
		}
	}()
	dialled.conn, dialled.err = mutualtls.DialHandshake(ctx, near, client)
	if dialled.err == nil {
		dialled.err = pingPong(dialled.conn)
	}
	<-done
	t.Cleanup(func() {
		near.Close()
		far.Close()
	})
	return dialled, accepted
}

func pingPong(conn *tls.Conn) error {
	if _, err := conn.Write([]byte{1}); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

func TestBothSidesSeeTheOtherCertificate(t *testing.T) {
	links := map[string]link{"memory": overMemory, "tcp": overTCP}
	keys := map[string]func() crypto.Signer{"RSA": rsaKey, "ECDSA": ecdsaKey}
	for linkName, connect := range links {
		for keyName, key := range keys {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				t.Run(linkName+"/"+keyName+"/"+tls.VersionName(version), func(t *testing.T) {
					alice := newCertificate(t, "alice", key(), nil)
					bob := newCertificate(t, "bob", key(), nil)
					client := mutualtls.Config{Certificate: alice, Verify: expect(bob)}.Client("bob.example")
					client.MaxVersion = version
					server := mutualtls.Config{Certificate: bob}.Server()

					dialled, accepted := handshake(t, connect, client, server)
					if dialled.err != nil || accepted.err != nil {
						t.Fatalf("client: %v, server: %v", dialled.err, accepted.err)
					}
					state := accepted.conn.ConnectionState()
					if got := mutualtls.PeerDER(&state); !bytes.Equal(got, alice.Certificate[0]) {
						t.Errorf("the server saw %d bytes, want alice's certificate", len(got))
					}
					if state.Version != version || state.ServerName != "bob.example" || state.NegotiatedProtocol != "" {
						t.Errorf("got version %x, server name %q, protocol %q", state.Version, state.ServerName, state.NegotiatedProtocol)
					}
				})
			}
		}
	}
}

func TestWrongServerCertificate(t *testing.T) {
	alice := newCertificate(t, "alice", ecdsaKey(), nil)
	bob := newCertificate(t, "bob", ecdsaKey(), nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			client := mutualtls.Config{Certificate: alice, Verify: expect(alice)}.Client("bob.example")
			client.MaxVersion = version
			server := mutualtls.Config{Certificate: bob}.Server()
			dialled, accepted := handshake(t, overMemory, client, server)
			if !errors.Is(dialled.err, errUnexpected) {
				t.Errorf("client got %v, want the error of Verify", dialled.err)
			}
			if accepted.err == nil {
				t.Error("the server noticed nothing")
			}
		})
	}
}

func TestServerVerify(t *testing.T) {
	alice := newCertificate(t, "alice", ecdsaKey(), nil)
	bob := newCertificate(t, "bob", ecdsaKey(), nil)
	server := mutualtls.Config{Certificate: bob, Verify: expect(bob)}.Server()
	for name, own := range map[string]tls.Certificate{"another": alice, "none": {}} {
		t.Run(name, func(t *testing.T) {
			_, accepted := handshake(t, overMemory, mutualtls.Config{Certificate: own}.Client(""), server)
			if !errors.Is(accepted.err, errUnexpected) {
				t.Errorf("got %v, want the error of Verify", accepted.err)
			}
		})
	}
}

func TestNoClientCertificatePasses(t *testing.T) {
	bob := newCertificate(t, "bob", ecdsaKey(), nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := mutualtls.Config{Verify: expect(bob)}.Client("")
		client.MaxVersion = version
		dialled, accepted := handshake(t, overMemory, client, mutualtls.Config{Certificate: bob}.Server())
		if dialled.err != nil || accepted.err != nil {
			t.Fatalf("client: %v, server: %v", dialled.err, accepted.err)
		}
		state := accepted.conn.ConnectionState()
		if der := mutualtls.PeerDER(&state); der != nil {
			t.Errorf("%s: the server saw a certificate of %d bytes", tls.VersionName(version), len(der))
		}
	}
}

func TestClientCertificateIsShownWhateverTheServerNames(t *testing.T) {
	alice := newCertificate(t, "alice", ecdsaKey(), nil)
	bob := newCertificate(t, "bob", ecdsaKey(), nil)
	parsed, err := x509.ParseCertificate(bob.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	server := mutualtls.Config{Certificate: bob}.Server()
	server.ClientCAs = x509.NewCertPool()
	server.ClientCAs.AddCert(parsed) // sent as the only acceptable issuer

	_, accepted := handshake(t, overMemory, mutualtls.Config{Certificate: alice}.Client(""), server)
	if accepted.err != nil {
		t.Fatal(accepted.err)
	}
	state := accepted.conn.ConnectionState()
	if !bytes.Equal(mutualtls.PeerDER(&state), alice.Certificate[0]) {
		t.Error("the client withheld its certificate")
	}
}

// TestNoResumption gives the other side everything it needs to resume a
// session. That the same two connections do resume without our configuration is
// checked as well.
func TestNoResumption(t *testing.T) {
	alice := newCertificate(t, "alice", ecdsaKey(), nil)
	bob := newCertificate(t, "bob", ecdsaKey(), nil)
	ours := mutualtls.Config{Certificate: alice, Verify: expect(bob)}
	theirs := mutualtls.Config{Certificate: bob}
	willing := func(config *tls.Config) *tls.Config {
		config.SessionTicketsDisabled = false
		config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		return config
	}
	tests := []struct {
		name           string
		client, server *tls.Config
		resumes        bool
	}{
		{"our client", ours.Client("bob.example"), willing(theirs.Server()), false},
		{"our server", willing(ours.Client("bob.example")), theirs.Server(), false},
		{"neither", willing(ours.Client("bob.example")), willing(theirs.Server()), true},
	}
	for _, test := range tests {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(test.name+"/"+tls.VersionName(version), func(t *testing.T) {
				client := test.client.Clone()
				client.MaxVersion = version
				for i := range 2 {
					dialled, accepted := handshake(t, overMemory, client, test.server)
					if dialled.err != nil || accepted.err != nil {
						t.Fatalf("client: %v, server: %v", dialled.err, accepted.err)
					}
					want := test.resumes && i == 1
					if got := dialled.conn.ConnectionState().DidResume; got != want {
						t.Errorf("connection %d: DidResume is %t, want %t", i, got, want)
					}
				}
			})
		}
	}
}

func TestExpiredCertificatesAreAccepted(t *testing.T) {
	expired := func(template *x509.Certificate) { template.NotAfter = template.NotBefore.Add(time.Hour) }
	alice := newCertificate(t, "alice", rsaKey(), expired)
	bob := newCertificate(t, "bob", rsaKey(), expired)
	dialled, accepted := handshake(t, overMemory,
		mutualtls.Config{Certificate: alice, Verify: expect(bob)}.Client("bob.example"),
		mutualtls.Config{Certificate: bob, Verify: expect(alice)}.Server())
	if dialled.err != nil || accepted.err != nil {
		t.Fatalf("client: %v, server: %v", dialled.err, accepted.err)
	}
}

func TestCriticalAuthorityKeyID(t *testing.T) {
	old := newCertificate(t, "of 2013", rsaKey(), criticalAuthorityKeyID)
	fresh := newCertificate(t, "of today", rsaKey(), nil)
	check := func(t *testing.T, err error) {
		t.Helper()
		var unreadable *mutualtls.CertificateError
		if !errors.As(err, &unreadable) {
			t.Fatalf("got %v, want a CertificateError", err)
		}
		if !unreadable.CriticalAuthorityKeyID || !strings.Contains(unreadable.Hint(), "2013") {
			t.Errorf("got %+v, hint %q", unreadable, unreadable.Hint())
		}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run("server/"+tls.VersionName(version), func(t *testing.T) {
			client := mutualtls.Config{Certificate: fresh, Verify: expect(old)}.Client("")
			client.MaxVersion = version
			dialled, _ := handshake(t, overMemory, client, mutualtls.Config{Certificate: old}.Server())
			check(t, dialled.err)
		})
		t.Run("client/"+tls.VersionName(version), func(t *testing.T) {
			client := mutualtls.Config{Certificate: old, Verify: expect(fresh)}.Client("")
			client.MaxVersion = version
			_, accepted := handshake(t, overMemory, client, mutualtls.Config{Certificate: fresh}.Server())
			check(t, accepted.err)
		})
	}
}

func TestOtherUnreadableCertificate(t *testing.T) {
	broken := newCertificate(t, "broken", rsaKey(), nil)
	broken.Certificate = [][]byte{bytes.Clone(broken.Certificate[0])}
	broken.Certificate[0][4] = 0xff
	fresh := newCertificate(t, "fresh", rsaKey(), nil)
	dialled, _ := handshake(t, overMemory,
		mutualtls.Config{Certificate: fresh}.Client(""), mutualtls.Config{Certificate: broken}.Server())
	var unreadable *mutualtls.CertificateError
	if !errors.As(dialled.err, &unreadable) || unreadable.CriticalAuthorityKeyID {
		t.Fatalf("got %#v, want a CertificateError of the general kind", dialled.err)
	}
	if unreadable.Hint() == "" || unreadable.Error() != errors.Unwrap(unreadable).Error() {
		t.Errorf("hint %q, text %q", unreadable.Hint(), unreadable)
	}
}

func TestExplainLeavesOtherErrors(t *testing.T) {
	if err := mutualtls.Explain(nil); err != nil {
		t.Errorf("nil became %v", err)
	}
	if err := mutualtls.Explain(io.EOF); err != io.EOF {
		t.Errorf("io.EOF became %v", err)
	}
}

func TestChain(t *testing.T) {
	alice := newCertificate(t, "alice", ecdsaKey(), nil)
	bob := newCertificate(t, "bob", rsaKey(), nil)
	large := func(template *x509.Certificate) {
		template.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 4, 1, 1}, Value: make([]byte, 4<<10)}}
	}
	other := newCertificate(t, "issuer", rsaKey(), large).Certificate[0]

	bob.Certificate = append(bob.Certificate[:1:1], slicesOf(other, 40)...)
	client := mutualtls.Config{Certificate: alice, Verify: expect(bob)}.Client("")
	dialled, accepted := handshake(t, overMemory, client, mutualtls.Config{Certificate: bob}.Server())
	if dialled.err != nil || accepted.err != nil {
		t.Errorf("40 certificates: client: %v, server: %v", dialled.err, accepted.err)
	}

	bob.Certificate = append(bob.Certificate[:1:1], slicesOf(other, 400)...)
	dialled, _ = handshake(t, overMemory, client, mutualtls.Config{Certificate: bob}.Server())
	if dialled.err == nil {
		t.Error("a chain of 2 MB was read")
	}
}

func slicesOf(der []byte, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = der
	}
	return all
}

func TestVersions(t *testing.T) {
	cert := newCertificate(t, "both", rsaKey(), nil)
	tests := []struct {
		name     string
		min      uint16
		peerMax  uint16
		accepted bool
	}{
		{"TLS 1.1 is refused", 0, tls.VersionTLS11, false},
		{"TLS 1.2 is enough", 0, tls.VersionTLS12, true},
		{"TLS 1.3 demanded", tls.VersionTLS13, tls.VersionTLS12, false},
		{"TLS 1.0 allowed", tls.VersionTLS10, tls.VersionTLS10, !fips140.Enabled()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := mutualtls.Config{Certificate: cert, MinVersion: tls.VersionTLS10}.Client("")
			client.MaxVersion = test.peerMax
			_, accepted := handshake(t, overMemory, client, mutualtls.Config{Certificate: cert, MinVersion: test.min}.Server())
			if ok := accepted.err == nil; ok != test.accepted {
				t.Errorf("server: %v", accepted.err)
			}
			server := mutualtls.Config{Certificate: cert, MinVersion: tls.VersionTLS10}.Server()
			server.MaxVersion = test.peerMax
			dialled, _ := handshake(t, overMemory, mutualtls.Config{Certificate: cert, MinVersion: test.min}.Client(""), server)
			if ok := dialled.err == nil; ok != test.accepted {
				t.Errorf("client: %v", dialled.err)
			}
		})
	}
}

func TestServerNameAndProtocol(t *testing.T) {
	cert := newCertificate(t, "both", ecdsaKey(), nil)
	for serverName, want := range map[string]string{"host.example": "host.example", "": "", "192.0.2.1": "", "2001:db8::1": ""} {
		client := mutualtls.Config{Certificate: cert, NextProtos: []string{"other", "halibut"}}.Client(serverName)
		server := mutualtls.Config{Certificate: cert, NextProtos: []string{"halibut"}}.Server()
		dialled, accepted := handshake(t, overMemory, client, server)
		if dialled.err != nil || accepted.err != nil {
			t.Fatalf("%q: client: %v, server: %v", serverName, dialled.err, accepted.err)
		}
		state := accepted.conn.ConnectionState()
		if state.ServerName != want || state.NegotiatedProtocol != "halibut" {
			t.Errorf("%q: the server saw %q and chose %q", serverName, state.ServerName, state.NegotiatedProtocol)
		}
	}
}

func TestIdentityIsChosenForEachConnection(t *testing.T) {
	first := newCertificate(t, "first", ecdsaKey(), nil)
	second := newCertificate(t, "second", ecdsaKey(), nil)
	current := &first
	config := mutualtls.Config{
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current, nil },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return current, nil },
	}
	client, server := config.Client(""), config.Server()
	for _, cert := range []*tls.Certificate{&first, &second} {
		current = cert
		dialled, accepted := handshake(t, overMemory, client, server)
		if dialled.err != nil || accepted.err != nil {
			t.Fatalf("client: %v, server: %v", dialled.err, accepted.err)
		}
		for _, conn := range []*tls.Conn{dialled.conn, accepted.conn} {
			state := conn.ConnectionState()
			if !bytes.Equal(mutualtls.PeerDER(&state), cert.Certificate[0]) {
				t.Error("a side showed the other certificate")
			}
		}
	}
}

// TestHandshakeEndsWithContext lets the other side say nothing.
func TestHandshakeEndsWithContext(t *testing.T) {
	cert := newCertificate(t, "both", ecdsaKey(), nil)
	config := mutualtls.Config{Certificate: cert}
	for name, start := range map[string]func(context.Context, net.Conn) (*tls.Conn, error){
		"dial": func(ctx context.Context, c net.Conn) (*tls.Conn, error) {
			return mutualtls.DialHandshake(ctx, c, config.Client(""))
		},
		"accept": func(ctx context.Context, c net.Conn) (*tls.Conn, error) {
			return mutualtls.AcceptHandshake(ctx, c, config.Server())
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				near, far := memnet.Pipe("near", "far")
				begun := time.Now()
				if _, err := start(ctx, near); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want the context's error", err)
				}
				if took := time.Since(begun); took != 30*time.Second {
					t.Errorf("took %v of the bubble's time, want 30s", took)
				}
				if _, err := near.Write([]byte{1}); !errors.Is(err, net.ErrClosed) {
					t.Errorf("the connection is not closed: %v", err)
				}
				far.Close()
			})
		})
	}
}

// TestOneWriteForEachRecord is the reason for DynamicRecordSizingDisabled: on a
// new connection 16 KiB would take four writes, the first of 1.2 kB.
func TestOneWriteForEachRecord(t *testing.T) {
	cert := newCertificate(t, "both", ecdsaKey(), nil)
	config := mutualtls.Config{Certificate: cert}
	dialled, accepted := handshake(t, overMemory, config.Client(""), config.Server())
	if dialled.err != nil || accepted.err != nil {
		t.Fatalf("client: %v, server: %v", dialled.err, accepted.err)
	}
	message := make([]byte, 16<<10) // the largest record
	below := dialled.conn.NetConn().(*memnet.Conn)
	before := below.Writes()
	if _, err := dialled.conn.Write(message); err != nil {
		t.Fatal(err)
	}
	if got := below.Writes() - before; got != 1 {
		t.Errorf("16 KiB took %d writes, want 1", got)
	}
}
