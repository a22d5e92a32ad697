package halibut_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
)

// TestWrongThumbprint: the error names the endpoint, what was expected, what
// came, and what to do; nothing is tried again.
func TestWrongThumbprint(t *testing.T) {
	certs := certificates()
	expected, received := halibut.PinOf(certs[2]), halibut.PinOf(certs[1])
	for name, pins := range map[string][]halibut.Pin{
		"SHA-1":   {expected},
		"SHA-256": {halibut.PinSHA256(certs[2].Certificate[0])},
		"several": {expected, halibut.PinOf(certs[0])},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, setting{})
			wrong := endpoint(t, "https://"+g.addr, pins...)
			err := g.client.Client(wrong).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
			e := asError(t, err)
			if e.Code != halibut.CodeUntrusted || e.Outcome != halibut.NotSent || e.Phase != halibut.PhaseConnecting || e.Attempts != 1 {
				t.Errorf("%v, %v, %v after %d tries", e.Code, e.Outcome, e.Phase, e.Attempts)
			}
			if len(e.Expected) != len(pins) || !slices.Contains(e.Expected, pins[0]) || e.Hint == "" || e.Addr != g.addr {
				t.Errorf("expected %v, addr %s, hint %q", e.Expected, e.Addr, e.Hint)
			}
			if want := received; e.Received != want && e.Received != halibut.PinSHA256(certs[1].Certificate[0]) {
				t.Errorf("received %v", e.Received)
			}
			if !hasAll(err.Error(), []string{"https://" + g.addr + "/", pins[0].String(), e.Received.String(), "compare the pin"}) {
				t.Error(err)
			}
			hello(t, g.pair)
		})
	}
}

// TestPollingTheWrongClient: a polling service shows nothing to a client that
// is not the one it was told of, and goes on trying.
func TestPollingTheWrongClient(t *testing.T) {
	onEachCarrier(t, func(t *testing.T, s setting) {
		certs := certificates()
		log := newLogBook()
		s.services, s.service.Logger = echoServices(), log.logger()
		client, service := s.newClient(t), s.newService(t)
		addr := serveOn(t, client, s.listen(t))
		poll(t, service, endpoint(t, s.url(addr), halibut.PinOf(certs[2])))
		for range 3 {
			log.await(t, "WARN polling interrupted", "poll://sq-test/", halibut.PinOf(certs[2]).String(), halibut.PinOf(certs[0]).String())
		}
		p := service.Pollers()
		if len(p) != 1 || p[0].Failures == 0 || halibut.CodeOf(p[0].Err) != halibut.CodeUntrusted {
			t.Errorf("%+v", p)
		}
	})
}

// TestUntrustedClient: the service tells nothing, so that the error can only
// guess; the service's log has the thumbprint.
func TestUntrustedClient(t *testing.T) {
	certs := certificates()
	for name, trust := range map[string]func(*halibut.TrustList){
		"nobody":           func(*halibut.TrustList) {},
		"somebody else":    func(l *halibut.TrustList) { l.AllowCalls(halibut.PinOf(certs[2])) },
		"only for polling": func(l *halibut.TrustList) { _ = l.AllowPolling(halibut.PinOf(certs[0]), halibut.AnySubscription) },
	} {
		t.Run(name, func(t *testing.T) {
			var list halibut.TrustList
			trust(&list)
			g := newGuarded(t, setting{service: halibut.Options{Authorizer: &list}})
			own := halibut.PinOf(certs[0])
			err := g.client.Client(g.to, halibut.Retries(0)).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
			e := asError(t, err)
			if e.Code != halibut.CodeUntrusted || e.Outcome != halibut.NotSent || !e.Received.IsZero() {
				t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
			}
			if !hasAll(err.Error(), []string{"closed the connection before it identified itself", "may not trust our certificate " + own.String()}) {
				t.Error(err)
			}
			g.log.await(t, "WARN connection refused", own.String())
			r := g.service.Rejections()
			if len(r) != 1 || r[0].Thumbprint != own || r[0].Role != halibut.RoleClient || r[0].Reason == nil {
				t.Errorf("%v", r)
			}
			list.AllowCalls(own)
			hello(t, g.pair)
		})
	}
}

// TestUntrustedPollingService is the same where the service dials.
func TestUntrustedPollingService(t *testing.T) {
	certs := certificates()
	for name, trust := range map[string]func(*halibut.TrustList){
		"nobody":         func(*halibut.TrustList) {},
		"only for calls": func(l *halibut.TrustList) { l.AllowCalls(halibut.PinOf(certs[1])) },
		"for another subscription": func(l *halibut.TrustList) {
			_ = l.AllowPolling(halibut.PinOf(certs[1]), "poll://another")
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				var list halibut.TrustList
				trust(&list)
				log := newLogBook()
				p := setting{
					network: network, services: echoServices(),
					client: halibut.Options{Authorizer: &list, Logger: log.logger()},
				}.polling(t)
				own := halibut.PinOf(certs[1])
				log.await(t, "WARN connection refused", own.String(), "poll://sq-test/")
				if r := p.client.Rejections(); len(r) == 0 || r[0].Subscription != "poll://sq-test/" || r[0].Role != halibut.RolePoller {
					t.Errorf("%v", r)
				}
				if err := list.AllowPolling(own, subscription); err != nil {
					t.Fatal(err)
				}
				hello(t, p) // the service comes again
			})
		})
	}
}

// TestAlertForOurCertificate: a peer that ends the handshake over it.
func TestAlertForOurCertificate(t *testing.T) {
	certs := certificates()
	config := &tls.Config{
		Certificates: certs[1:2], ClientAuth: tls.RequireAnyClientCert,
		VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return errors.New("who is that?") },
	}
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err == nil {
			_ = tls.Server(conn, config).Handshake()
			_ = conn.Close()
		}
	}()
	client := newRuntime(t, certs[0], nil)
	to := endpoint(t, "https://"+l.Addr().String(), halibut.PinOf(certs[1]))
	err := client.Client(to, halibut.Retries(0)).Call(t.Context(), "I", "M", nil)
	<-done
	_ = l.Close()
	if e := asError(t, err); e.Code != halibut.CodeUntrusted || e.Outcome != halibut.NotSent {
		t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
	}
	var alert *net.OpError
	if !errors.As(err, &alert) || !strings.Contains(err.Error(), halibut.PinOf(certs[0]).String()) {
		t.Error(err)
	}
}

// TestRuntimeNeedsAWholeCertificate, or it could not say who it is.
func TestRuntimeNeedsAWholeCertificate(t *testing.T) {
	whole := certificates()[0]
	for want, cert := range map[string]tls.Certificate{
		"no content":     {},
		"no private key": {Certificate: whole.Certificate},
	} {
		if _, err := halibut.New(cert, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

// TestCertificatesCanBeReplaced without a restart, on both sides.
func TestCertificatesCanBeReplaced(t *testing.T) {
	certs := certificates()
	var trust halibut.TrustList
	trust.AllowCalls(halibut.PinOf(certs[2]))
	g := newGuarded(t, setting{
		service: halibut.Options{
			Authorizer:     &trust,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certs[0], nil },
		},
		client: halibut.Options{
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certs[2], nil },
		},
	})
	g.to = endpoint(t, "https://"+g.addr, halibut.PinOf(certs[0]))
	hello(t, g.pair)
}
