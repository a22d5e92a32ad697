package halibut_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// TestStalledPooledConnection: one whose peer says nothing any more is found at
// NEXT, and replaced within the same call.
func TestStalledPooledConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		to, connections := serveScripted(t, network, func(s *scripted) {
			s.meet(true)
			s.write(asServer)
			s.respond(result(s.t, s.request().ID, "first"))
			s.line(wire.Next)
			silent(s)
		}, answering)
		client := newRuntime(t, certificates()[0], &halibut.Options{
			Limits: halibut.Limits{Read: 15 * time.Second}, DialContext: network.DialContext,
		})
		c := client.Client(to)
		if got, err := halibut.Call[string](t.Context(), c, "I", "M"); err != nil || got != "first" {
			t.Fatalf("%q, %v", got, err)
		}
		start := time.Now()
		got, err := halibut.Call[string](t.Context(), c, "I", "Second")
		if err != nil || got != "Second" || connections.value() != 2 {
			t.Errorf("%q over %d connections, %v", got, connections.value(), err)
		}
		if waited := time.Since(start); waited < 15*time.Second || waited > 20*time.Second {
			t.Errorf("after %s", waited)
		}
	})
}

// TestCancelDuringHandshake: TCP stands, TLS stands still.
func TestCancelDuringHandshake(t *testing.T) {
	l := listen(t)
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if conn, err := l.Accept(); err == nil {
			accepted <- conn
		}
	}()
	client := newRuntime(t, certificates()[0], nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn := <-accepted
		_, _ = conn.Read(make([]byte, 1)) // the handshake has begun
		cancel()
	}()
	err := client.Client(endpoint(t, "https://"+l.Addr().String(), halibut.PinOf(certificates()[1]))).Call(ctx, "I", "M", nil)
	e := asError(t, err)
	if e.Code != halibut.CodeCanceled || e.Outcome != halibut.NotSent || e.Phase != halibut.PhaseConnecting || !strings.Contains(err.Error(), "gave up while connecting") {
		t.Errorf("%v, %v, %v: %v", e.Code, e.Outcome, e.Phase, err)
	}
}

// TestUnknownHost is not tried again where the name server is certain.
func TestUnknownHost(t *testing.T) {
	const host = "sduj08ud9382ujd98dw9fh934hdj2389u982"
	client := newRuntime(t, certificates()[0], &halibut.Options{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
		},
	})
	err := client.Client(endpoint(t, "https://"+host+":8000", halibut.PinOf(certificates()[1]))).Call(t.Context(), "I", "M", nil)
	e := asError(t, err)
	if e.Code != halibut.CodeConnect || e.Outcome != halibut.NotSent || e.Attempts != 1 ||
		!hasAll(err.Error(), []string{"https://" + host + ":8000/", "the host name was not found", "no such host"}) {
		t.Errorf("%v, %v after %d tries: %v", e.Code, e.Outcome, e.Attempts, err)
	}
}

// TestSilenceInADataStream: the limit is for silence, not for the whole, and the
// next call works.
func TestSilenceInADataStream(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		to, _ := serveScripted(t, network, func(s *scripted) {
			s.meet(true)
			s.write(asServer)
			response := result(s.t, s.request().ID, halibut.StreamBytes(make([]byte, 100)))
			s.respond(response)
			var frame strings.Builder
			if err := wire.WriteStreams(&frame, nil, response.Streams); err != nil {
				s.t.Error(err)
			}
			for i := range 50 { // slow, and longer than the limit as a whole
				s.write(frame.String()[i : i+1])
				time.Sleep(time.Second)
			}
			silent(s)
		}, answering)
		client := newRuntime(t, certificates()[0], &halibut.Options{
			Limits: halibut.Limits{Read: 10 * time.Second}, DialContext: network.DialContext,
		})
		start := time.Now()
		_, err := halibut.Call[*halibut.DataStream](t.Context(), client.Client(to), "I", "M")
		e := asError(t, err)
		if e.Outcome != halibut.Ran || !hasAll(err.Error(), []string{"Limits.Read", "a data stream"}) && !strings.Contains(err.Error(), "of 100 bytes") {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		if waited := time.Since(start); waited < 55*time.Second || waited > 61*time.Second {
			t.Errorf("after %s", waited)
		}
		if got, err := halibut.Call[string](t.Context(), client.Client(to), "I", "Next"); err != nil || got != "Next" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestCloseUnderConnects: a listener ends while clients come and go.
func TestCloseUnderConnects(t *testing.T) {
	certs := certificates()
	for range 5 {
		trust := new(halibut.TrustList)
		trust.AllowCalls(halibut.PinOf(certs[0]))
		service := newRuntime(t, certs[1], &halibut.Options{Services: echoServices(), Authorizer: trust})
		l := listen(t)
		served := make(chan error, 1)
		go func() { served <- service.Serve(context.Background(), l) }()
		client := newRuntime(t, certs[0], nil)
		to := endpoint(t, "https://"+l.Addr().String(), halibut.PinOf(certs[1]))
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for range 16 {
			clients.Go(func() {
				c := client.Client(to, halibut.Retries(0))
				for {
					select {
					case <-stop:
						return
					default:
						_ = c.Call(context.Background(), "IEchoService", "SayHello", nil, "x")
						client.Disconnect(to)
					}
				}
			})
		}
		if got, err := halibut.Call[string](t.Context(), client.Client(to, halibut.Retries(50)), "IEchoService", "SayHello", "x"); got != "x..." && halibut.CodeOf(err) != halibut.CodeTransfer {
			t.Errorf("%q, %v", got, err)
		}
		_ = service.Close()
		if err := <-served; !errors.Is(err, halibut.ErrClosed) {
			t.Error(err)
		}
		close(stop)
		clients.Wait()
		_ = client.Close()
	}
}

// TestCallsOverIPv6, where the machine has it.
func TestCallsOverIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	s := setting{services: echoServices()}
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(certificates()[0]))
	s.service.Authorizer = trust
	p := pair{client: s.newClient(t), service: s.newService(t)}
	p.to = endpoint(t, "https://"+serveOn(t, p.service, l), halibut.PinOf(certificates()[1]))
	hello(t, p)
}
