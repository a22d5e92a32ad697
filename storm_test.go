package halibut

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/internal/memnet"
)

// certifiedConn is a connection with the certificate of its peer and no TLS.
type certifiedConn struct {
	net.Conn
	peer *x509.Certificate
}

func (c certifiedConn) ConnectionState() tls.ConnectionState {
	return tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.peer}}
}

func (c certifiedConn) CloseWrite() error { return c.Conn.(*memnet.Conn).CloseWrite() }

// handshakesOf stand in for TLS, so that in virtual time a handshake costs the
// acceptor what it costs a slow machine: a place for so long.
func handshakesOf(peer *x509.Certificate, cost time.Duration) (dial, accept handshake) {
	dial = func(_ context.Context, conn net.Conn, _ *tls.Config) (securedConn, error) {
		if _, err := conn.Write([]byte{1}); err != nil {
			return nil, err
		}
		_, err := conn.Read(make([]byte, 1))
		return certifiedConn{conn, peer}, err
	}
	accept = func(_ context.Context, conn net.Conn, _ *tls.Config) (securedConn, error) {
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return nil, err
		}
		time.Sleep(cost)
		_, err := conn.Write([]byte{1})
		within := conn
		if waiting, ok := conn.(*handshakeConn); ok {
			within = waiting.Conn
		}
		return certifiedConn{within, peer}, err
	}
	return dial, accept
}

// tally counts log lines by their message.
type tally struct {
	slog.Handler
	mu    sync.Mutex
	lines map[string]int
}

func newTally() *tally { return &tally{Handler: slog.DiscardHandler, lines: make(map[string]int)} }

func (c *tally) Enabled(context.Context, slog.Level) bool { return true }

func (c *tally) WithAttrs([]slog.Attr) slog.Handler { return c }

func (c *tally) Handle(_ context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines[r.Message]++
	return nil
}

func (c *tally) of(start string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for message, count := range c.lines {
		if strings.HasPrefix(message, start) {
			n += count
		}
	}
	return n
}

// storm is a client that is polled by very many services from one address.
type storm struct {
	t        *testing.T
	network  memnet.Network
	cert     tls.Certificate
	handlers sync.WaitGroup
	log      *tally
	client   *Runtime
}

func (s *storm) runtime(opts *Options) *Runtime {
	rt, err := New(s.cert, opts)
	if err != nil {
		s.t.Fatal(err)
	}
	// A machine with eight places for handshakes of 10 ms: 800 a second.
	rt.dialHandshake, rt.acceptHandshake = handshakesOf(s.cert.Leaf, 10*time.Millisecond)
	return rt
}

// startClient starts a client, or its successor, at the address that all know.
func (s *storm) startClient() {
	l, err := s.network.Listen("127.0.0.1:10943")
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = newTally()
	admitAll := AuthorizerFunc(func(context.Context, Peer) error { return nil })
	rt := s.runtime(&Options{Authorizer: admitAll, Logger: slog.New(s.log), Limits: Limits{Handshakes: 8, PeerSubscriptions: -1}})
	s.client = rt
	s.handlers.Go(func() {
		if err := rt.Serve(context.Background(), l); !errors.Is(err, ErrClosed) {
			s.t.Errorf("Serve: %v", err)
		}
	})
}

// connected waits until n services poll the client, and returns how long that
// took.
func (s *storm) connected(n int, limit time.Duration) time.Duration {
	s.t.Helper()
	begun := time.Now()
	for {
		s.client.live.mu.Lock()
		there := len(s.client.live.perName)
		s.client.live.mu.Unlock()
		took := time.Since(begun)
		if there == n {
			return took
		}
		if took > limit {
			s.t.Fatalf("%d of %d services were there after %s", there, n, limit)
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
}

// TestReconnectStorm has 1,000 and 10,000 services lose their client at once,
// all of them behind one address. They come back by themselves, and nobody is
// refused: who cannot be served at once waits.
func TestReconnectStorm(t *testing.T) {
	cert, err := GenerateCertificate("storm", &CertificateOptions{ECDSA: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1000, 10_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if n > 1000 && testing.Short() {
				t.Skip("it takes a while to compute")
			}
			synctest.Test(t, func(t *testing.T) {
				s := &storm{t: t, cert: cert}
				s.startClient()
				services := newTally()
				service := s.runtime(&Options{DialContext: s.network.DialContext, Logger: slog.New(services)})
				to, err := ParseEndpoint("https://127.0.0.1:10943", PinOf(cert).String())
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					s.handlers.Go(func() {
						if err := service.Poll(context.Background(), fmt.Sprintf("poll://agent-%d", i), to); !errors.Is(err, ErrClosed) {
							t.Errorf("Poll: %v", err)
						}
					})
				}
				t.Logf("%d services connect within %s", n, s.connected(n, time.Minute))
				before := services.of("polling interrupted")

				_ = s.client.Close()
				s.startClient()
				t.Logf("%d services are back after %s", n, s.connected(n, time.Minute))
				if lost := services.of("polling interrupted") - before; lost != n {
					t.Errorf("polling was interrupted %d times, want once for each of the %d services: some were turned away", lost, n)
				}
				if refused := s.client.Rejections(); len(refused) > 0 {
					t.Errorf("%d connections were refused, one of them because %v", len(refused), refused[0].Reason)
				}
				paused, waited := s.log.of("accepting pauses"), s.log.of("connections wait")
				t.Logf("accepting paused %d times, the address had to wait %d times", paused, waited)
				if n == 10_000 && (paused == 0 || waited == 0) {
					t.Error("no limit was reached: that shows nothing")
				}
				_ = service.Close()
				_ = s.client.Close()
				s.handlers.Wait()
			})
		})
	}
}

func TestOrigin(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:1000":            "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1000":   "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:99": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:99":         "fe80::/64",
		"pipe":                      netip.Prefix{}.String(),
	} {
		if got := origin(memnet.Addr(addr)).String(); got != want {
			t.Errorf("the origin of %s is %s, want %s", addr, got, want)
		}
	}
}

// TestOneAddressCannotTakeAllPlaces has silent connections from one address take
// its places and stand in line, while another address is served.
func TestOneAddressCannotTakeAllPlaces(t *testing.T) {
	cert, err := GenerateCertificate("storm", &CertificateOptions{ECDSA: true})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := &storm{t: t, cert: cert, log: newTally()}
		l, err := s.network.Listen("127.0.0.1:10943")
		if err != nil {
			t.Fatal(err)
		}
		admitAll := AuthorizerFunc(func(context.Context, Peer) error { return nil })
		rt := s.runtime(&Options{
			Authorizer: admitAll, Logger: slog.New(s.log),
			Limits: Limits{Unauthenticated: 10, UnauthenticatedPerAddress: 4, PeerSubscriptions: -1},
		})
		s.handlers.Go(func() { _ = rt.Serve(context.Background(), l) })
		from := func(host string) *memnet.Conn {
			conn, err := s.network.DialFrom(t.Context(), host+":0", "127.0.0.1:10943")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			return conn
		}
		// served reports whether the other side answers within a second.
		served := func(conn *memnet.Conn) bool {
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			_, _ = conn.Write([]byte{1})
			_, err := conn.Read(make([]byte, 1))
			return err == nil
		}
		for range 13 { // four inside, nine in line
			from("192.0.2.1")
		}
		if !served(from("192.0.2.2")) {
			t.Error("another address is not served beside one that floods")
		}
		if s.log.of("connections wait") != 1 || s.log.of("accepting pauses") != 0 {
			t.Errorf("the log tells %v", s.log.lines)
		}
		from("192.0.2.1") // the line is full with it
		synctest.Wait()
		if served(from("192.0.2.2")) || s.log.of("accepting pauses") != 1 {
			t.Errorf("accepting does not pause while the line is full: %v", s.log.lines)
		}
		// The silent ones are given up after Limits.Handshake, and everybody has a turn.
		time.Sleep(3 * time.Minute)
		if n := len(rt.Rejections()); n < 14 {
			t.Errorf("%d connections were given up, want the 14 of the flood at least", n)
		}
		if !served(from("192.0.2.1")) {
			t.Error("the address is not served when its flood is over")
		}
		for range 10 {
			from("192.0.2.3")
		}
		synctest.Wait()
		_ = rt.Close() // with connections in line
		s.handlers.Wait()
	})
}
