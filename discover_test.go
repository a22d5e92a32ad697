package halibut_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
)

func httpsURL(addr string) *url.URL { return &url.URL{Scheme: "https", Host: addr} }

// TestDiscover asks a runtime that trusts nobody.
func TestDiscover(t *testing.T) {
	cert := certificates()[1]
	service, listener := newRuntime(t, cert, nil), listen(t)
	served := make(chan error)
	go func() { served <- service.Serve(t.Context(), listener) }()

	found, err := newRuntime(t, certificates()[0], nil).Discover(t.Context(), httpsURL(listener.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	der := cert.Certificate[0]
	if !found.Thumbprint.Matches(der) || !found.SHA256.Matches(der) || string(found.Raw) != string(der) || found.Certificate.Subject.CommonName != "service" {
		t.Errorf("found %+v, want the certificate %s", found, halibut.PinOf(cert))
	}
	if found.URL.String() != "https://"+listener.Addr().String()+"/" || found.Addr != listener.Addr().String() || found.TLS.Version != tls.VersionTLS13 {
		t.Errorf("found at %s (%s) with %s", found.URL, found.Addr, found.TLS)
	}
	if err := service.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, halibut.ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
	if refused := service.Rejections(); len(refused) != 0 {
		t.Errorf("a discovery was logged as refused: %v", refused)
	}
}

// TestDiscoverSays holds what goes over the wire: no certificate, and the same
// greeting as the reference's.
func TestDiscoverSays(t *testing.T) {
	cert := certificates()[1]
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	type heard struct {
		text         string
		certificates int
		err          error
	}
	hears := make(chan heard, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			hears <- heard{err: err}
			return
		}
		defer conn.Close()
		text, err := io.ReadAll(conn)
		hears <- heard{string(text), len(conn.(*tls.Conn).ConnectionState().PeerCertificates), err}
	}()
	if _, err := newRuntime(t, certificates()[0], nil).Discover(t.Context(), httpsURL(listener.Addr().String())); err != nil {
		t.Fatal(err)
	}
	if got, want := <-hears, (heard{text: "HELLO\r\n\r\n"}); got != want {
		t.Errorf("the peer heard %+v, want %+v", got, want)
	}
}

func TestDiscoverFails(t *testing.T) {
	plain := listen(t)
	defer plain.Close()
	go func() {
		for {
			conn, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 mail.example ESMTP\r\n"))
			_ = conn.Close()
		}
	}()
	closed := listen(t)
	closed.Close()

	for _, tt := range []struct {
		url  *url.URL
		want string
	}{
		{httpsURL(plain.Addr().String()), "first record does not look like a TLS handshake"},
		{httpsURL(closed.Addr().String()), "could not connect: "},
		{&url.URL{Scheme: "poll", Host: "agent"}, "only what listens at an https:// or wss:// address can be discovered"},
		{&url.URL{Scheme: "https", Host: ":443"}, "the host is empty"},
		{&url.URL{Scheme: "https", Host: "example.com", User: url.UserPassword("me", "secret")}, "user name"},
	} {
		_, err := newRuntime(t, certificates()[0], nil).Discover(t.Context(), tt.url)
		if halibut.CodeOf(err) != halibut.CodeConnect || !strings.Contains(err.Error(), tt.want) || !halibut.SafeToRetry(err) {
			t.Errorf("%s: %v, want %q", tt.url.Redacted(), err, tt.want)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	if _, err := newRuntime(t, certificates()[0], nil).Discover(t.Context(), nil); err == nil {
		t.Error("no URL at all was discovered")
	}
	rt := newRuntime(t, certificates()[0], nil)
	rt.Close()
	if _, err := rt.Discover(t.Context(), httpsURL(plain.Addr().String())); !errors.Is(err, halibut.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestDiscoverEnds holds that a peer that says nothing is not waited for longer
// than told: by the context, or by the limit.
func TestDiscoverEnds(t *testing.T) {
	silent := listen(t)
	defer silent.Close()

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := silent.Accept()
		if err != nil {
			return
		}
		_, _ = io.ReadFull(conn, make([]byte, 5)) // the hello has begun
		cancel()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}()
	if _, err := newRuntime(t, certificates()[0], nil).Discover(ctx, httpsURL(silent.Addr().String())); !errors.Is(err, context.Canceled) || halibut.CodeOf(err) != halibut.CodeCanceled {
		t.Errorf("cancelled: %v", err)
	}
	limited := newRuntime(t, certificates()[0], &halibut.Options{Limits: halibut.Limits{Handshake: 50 * time.Millisecond}})
	if _, err := limited.Discover(t.Context(), httpsURL(silent.Addr().String())); halibut.CodeOf(err) != halibut.CodeConnect {
		t.Errorf("limited: %v", err)
	}
}
