package vanished

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait and compute nothing: all of them run at once.
	if err := flag.Set("test.parallel", "100"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// found is how soon either side must have found out that the other has vanished.
const found = 75 * time.Second

// watched is a connection whose end is told. The library sees through it to
// the TCP connection, which it tunes.
type watched struct {
	net.Conn
	once  sync.Once
	ended chan time.Time
}

func newWatched(conn net.Conn) *watched {
	return &watched{Conn: conn, ended: make(chan time.Time, 1)}
}

func (w *watched) NetConn() net.Conn { return w.Conn }

func (w *watched) Close() error {
	w.once.Do(func() { w.ended <- time.Now() })
	return w.Conn.Close()
}

// watchedListener tells the connections that it accepts.
type watchedListener struct {
	net.Listener
	accepted chan *watched
}

func (l *watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w := newWatched(conn)
	select {
	case l.accepted <- w:
	default: // a reconnection
	}
	return w, nil
}

// endless yields bytes for ever, and tells when there were enough for every
// buffer on the way to be in use.
type endless struct {
	n    int
	once sync.Once
	flow chan struct{}
}

func newEndless() *endless { return &endless{flow: make(chan struct{})} }

func (e *endless) Read(p []byte) (int, error) {
	e.count(len(p))
	return len(p), nil
}

// Write makes endless the end of a stream as well.
func (e *endless) Write(p []byte) (int, error) {
	e.count(len(p))
	return len(p), nil
}

func (e *endless) count(n int) {
	if e.n += n; e.n > 8<<20 {
		e.once.Do(func() { close(e.flow) })
	}
}

const declared = 1 << 40 // bytes of a stream that does not end

// scene is a client on the near side and a service on the far one.
type scene struct {
	*place
	polling                       bool
	client                        *halibut.Client
	clientRuntime, serviceRuntime *halibut.Runtime
	ends                          map[string]*watched // both sides of the first connection
	running                       sync.WaitGroup

	sent, received *endless
	methodRuns     chan struct{}
	methodEnded    chan struct{} // when the context of Wait has
}

func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	cert, err := halibut.GenerateCertificate(name, &halibut.CertificateOptions{ECDSA: true})
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (s *scene) services() *halibut.Services {
	services := new(halibut.Services)
	services.Handle("ILong", "Hello", func(context.Context) error { return nil })
	services.Handle("ILong", "Take", func(_ context.Context, r io.Reader) error {
		_, err := io.Copy(s.received, r)
		return err
	})
	services.Handle("ILong", "Give", func(context.Context) (*halibut.DataStream, error) {
		return halibut.StreamOf(s.sent, declared), nil
	})
	services.Handle("ILong", "Wait", func(ctx context.Context) error {
		close(s.methodRuns)
		<-ctx.Done()
		close(s.methodEnded)
		return ctx.Err()
	})
	return services
}

// newScene connects the two sides, and makes a call to see that they are.
func newScene(t *testing.T, p *place, polling bool, limits halibut.Limits) *scene {
	s := &scene{
		place: p, polling: polling, ends: make(map[string]*watched),
		sent: newEndless(), received: newEndless(),
		methodRuns: make(chan struct{}), methodEnded: make(chan struct{}),
	}
	clientCert, serviceCert := certificate(t, "client"), certificate(t, "service")
	clientPin, servicePin := halibut.PinOf(clientCert), halibut.PinOf(serviceCert)
	var trust halibut.TrustList
	options := halibut.Options{Limits: limits, Authorizer: &trust, TempDir: t.TempDir()}
	options.Limits.ReconnectMin = time.Hour // what is watched is the first connection
	options.Limits.ConnectTries = 1
	clientOptions, serviceOptions := options, options
	serviceOptions.Services = s.services()
	dialled := make(chan *watched, 1)
	from := &clientOptions
	if polling {
		from = &serviceOptions
	}
	from.DialContext = s.dial(dialled)
	s.clientRuntime, s.serviceRuntime = newRuntime(t, clientCert, clientOptions), newRuntime(t, serviceCert, serviceOptions)
	t.Cleanup(s.running.Wait)
	t.Cleanup(func() {
		_ = s.clientRuntime.Close()
		_ = s.serviceRuntime.Close()
	})

	var accepted chan *watched
	if polling {
		if err := trust.AllowPolling(servicePin, "poll://vanishing"); err != nil {
			t.Fatal(err)
		}
		var addr string
		addr, accepted = s.serve(t, s.clientRuntime, s.near.listen(t, s.nearHost))
		to := endpoint(t, "https://"+addr, clientPin)
		s.running.Go(func() { _ = s.serviceRuntime.Poll(context.Background(), "poll://vanishing", to) })
		s.client = s.clientRuntime.Client(endpoint(t, "poll://vanishing", servicePin))
	} else {
		trust.AllowCalls(clientPin)
		var addr string
		addr, accepted = s.serve(t, s.serviceRuntime, s.far.listen(t, s.farHost))
		s.client = s.clientRuntime.Client(endpoint(t, "https://"+addr, servicePin))
	}
	if err := s.client.Call(t.Context(), "ILong", "Hello", nil); err != nil {
		t.Fatal(err)
	}
	s.ends["who dialled"], s.ends["who accepted"] = <-dialled, <-accepted
	return s
}

func newRuntime(t *testing.T, cert tls.Certificate, options halibut.Options) *halibut.Runtime {
	t.Helper()
	rt, err := halibut.New(cert, &options)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

func endpoint(t *testing.T, rawURL string, pin halibut.Pin) halibut.Endpoint {
	t.Helper()
	to, err := halibut.ParseEndpoint(rawURL, pin.String())
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// dial dials in the network of whoever is to dial, from its own address.
func (s *scene) dial(dialled chan *watched) func(context.Context, string, string) (net.Conn, error) {
	from, host := s.near, s.nearHost
	if s.polling {
		from, host = s.far, s.farHost
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var conn net.Conn
		err := from.within(func() (err error) {
			conn, err = dialer.DialContext(ctx, network, addr)
			return err
		})
		if err != nil {
			return nil, err
		}
		w := newWatched(conn)
		select {
		case dialled <- w:
		default:
		}
		return w, nil
	}
}

func (s *scene) serve(t *testing.T, rt *halibut.Runtime, l net.Listener) (addr string, accepted chan *watched) {
	t.Helper()
	accepted = make(chan *watched, 1)
	s.running.Go(func() { _ = rt.Serve(context.Background(), &watchedListener{l, accepted}) })
	return l.Addr().String(), accepted
}

// gone cuts the road and waits until both sides have closed the connection.
func (s *scene) gone(t *testing.T) {
	t.Helper()
	begun := time.Now()
	s.vanish(t)
	limit := time.NewTimer(found)
	defer limit.Stop()
	for side, conn := range s.ends {
		select {
		case end := <-conn.ended:
			t.Logf("%s found it after %.1f s", side, end.Sub(begun).Seconds())
		case <-limit.C:
			t.Fatalf("%s has not found within %s that its peer has vanished", side, found)
		}
	}
}

// lost checks how a call ended under which the peer vanished.
func lost(t *testing.T, err error, outcome halibut.Outcome) {
	t.Helper()
	var e *halibut.Error
	if !errors.As(err, &e) || e.Outcome != outcome {
		t.Errorf("the call ended with %v, want the outcome %q", err, outcome)
	}
	t.Logf("the caller was told: %v", err)
}

// kernelAlone are limits that leave it to the system to find a peer that has
// vanished.
func kernelAlone() halibut.Limits {
	return halibut.Limits{
		Read: -1, Write: -1, Response: -1, NextRequest: -1, PollRequest: -1,
		NullRequest: -1, NullAnswer: -1, PoolIdle: -1,
	}
}

// nullAtOnce has a null request under way two seconds after the last word, with
// nothing but the system to find that it stays without an answer.
func nullAtOnce() halibut.Limits {
	limits := kernelAlone()
	limits.NullRequest = 2 * time.Second
	return limits
}

func parked(t *testing.T, s *scene) { s.gone(t) }

func midWrite(t *testing.T, s *scene) {
	result := make(chan error, 1)
	go func() {
		result <- s.client.Call(t.Context(), "ILong", "Take", nil, halibut.StreamOf(newEndless(), declared))
	}()
	<-s.received.flow
	s.gone(t)
	lost(t, <-result, halibut.Unknown)
}

func midResponse(t *testing.T, s *scene) {
	result := make(chan error, 1)
	go func() {
		stream, err := halibut.Call[*halibut.DataStream](t.Context(), s.client, "ILong", "Give")
		if err == nil {
			_ = stream.Close()
		}
		result <- err
	}()
	<-s.sent.flow
	s.gone(t)
	lost(t, <-result, halibut.Ran)
}

func methodRuns(t *testing.T, s *scene) {
	result := make(chan error, 1)
	go func() { result <- s.client.Call(t.Context(), "ILong", "Wait", nil) }()
	<-s.methodRuns
	s.gone(t)
	lost(t, <-result, halibut.Unknown)
	<-s.methodEnded
}

// written is a request that was written to a peer that had vanished before.
func written(t *testing.T, s *scene) {
	s.vanish(t)
	result := make(chan error, 1)
	go func() { result <- s.client.Call(t.Context(), "ILong", "Hello", nil) }()
	s.gone(t)
	lost(t, <-result, halibut.Unknown)
}

// TestVanishedPeers lets a peer vanish in every place of the conversation, with
// the limits that a runtime has by itself and with those of the system alone.
func TestVanishedPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than a minute until a peer counts as vanished")
	}
	land := newCountryside(t)
	number := 10
	for _, test := range []struct {
		name   string
		limits halibut.Limits
		run    func(*testing.T, *scene)
	}{
		{"parked", halibut.Limits{}, parked},
		{"parked, the system alone", kernelAlone(), parked},
		{"after an unanswered null request", nullAtOnce(), parked},
		{"in the middle of a write", halibut.Limits{}, midWrite},
		{"in the middle of a write, the system alone", kernelAlone(), midWrite},
		{"in the middle of a response", halibut.Limits{}, midResponse},
		{"in the middle of a response, the system alone", kernelAlone(), midResponse},
		{"while the method runs", halibut.Limits{}, methodRuns},
		{"before a request is written", halibut.Limits{}, written},
	} {
		for mode, polling := range map[string]bool{"listening": false, "polling": true} {
			if !polling && strings.Contains(test.name, "null request") {
				continue // only who is polled sends one
			}
			number++
			p := land.place(t, number)
			t.Run(mode+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				test.run(t, newScene(t, p, polling, test.limits))
			})
		}
	}
}
