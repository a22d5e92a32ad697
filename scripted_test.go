package halibut_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// scripted is a peer that does what a test tells it and no more.
type scripted struct {
	*tls.Conn
	t      testing.TB
	reader *wire.Reader
}

func newScripted(t testing.TB, conn *tls.Conn) *scripted {
	return &scripted{Conn: conn, t: t, reader: wire.NewReader(conn, nil)}
}

// write writes these texts. That the other side has closed already is for the
// test to find out by reading.
func (s *scripted) write(texts ...string) {
	for _, text := range texts {
		if _, err := io.WriteString(s.Conn, text); err != nil {
			return
		}
	}
}

// The identities, as .NET writes them.
const (
	asClient     = "MX\r\n\r\nMX-CLIENT 1.0\r\n\r\n"
	asSubscriber = "MX\r\n\r\nMX-SUBSCRIBER 1.0 poll://sq-test/\r\n\r\n"
	asServer     = "MX-SERVER 1.0\r\n\r\n"
)

// meet reads the identity of the other side, preamble included if it dialled.
func (s *scripted) meet(dialled bool) wire.Identity {
	s.t.Helper()
	if dialled {
		if kind, err := s.reader.ReadPreamble(); err != nil || kind != wire.PreambleHalibut {
			s.t.Errorf("preamble: %v, %v", kind, err)
		}
	}
	identity, err := s.reader.ReadIdentity()
	if err != nil {
		s.t.Errorf("identity: %v", err)
	}
	return identity
}

// line reads a control line.
func (s *scripted) line(want string) {
	s.t.Helper()
	if got, err := s.reader.ReadLine(); err != nil || got != want {
		s.t.Errorf("read the line %q, %v, want %q", got, err, want)
	}
}

// request reads a request, nil for the null request.
func (s *scripted) request() *wire.Request {
	s.t.Helper()
	document, err := s.reader.ReadDocument()
	if err != nil {
		s.t.Errorf("reading a request: %v", err)
		return &wire.Request{}
	}
	message, err := wire.ParseMessage(document, 100)
	if err != nil || message.Response != nil {
		s.t.Errorf("reading a request: %+v, %v", message, err)
	}
	return message.Request
}

// response reads a response.
func (s *scripted) response() *wire.Response {
	s.t.Helper()
	document, err := s.reader.ReadDocument()
	if err != nil {
		s.t.Errorf("reading a response: %v", err)
		return &wire.Response{}
	}
	message, err := wire.ParseMessage(document, 100)
	if err != nil || message.Response == nil {
		s.t.Errorf("reading a response: %+v, %v", message, err)
		return &wire.Response{}
	}
	return message.Response
}

// respond writes a response without streams.
func (s *scripted) respond(response *wire.Response) {
	s.t.Helper()
	document, err := wire.AppendResponse(nil, response)
	if err != nil {
		s.t.Errorf("a response: %v", err)
	}
	s.write(string(wire.AppendDeflated(nil, document)))
}

// result is a response that returns a value.
func result(t testing.TB, id string, value any) *wire.Response {
	t.Helper()
	response := &wire.Response{ID: id}
	var err error
	if response.Result, err = new(wire.Codec).EncodeResult(nil, &response.Streams, value); err != nil {
		t.Errorf("a result: %v", err)
	}
	return response
}

// messageOf is a request as bytes, with the streams that belong to it.
func messageOf(t testing.TB, service, method string, args ...any) (string, *wire.Streams) {
	t.Helper()
	request := &wire.Request{ID: service + "::" + method, Service: service, Method: method}
	var err error
	if request.Params, err = new(wire.Codec).EncodeParams(nil, &request.Streams, args); err != nil {
		t.Fatal(err)
	}
	document, err := wire.AppendRequest(nil, request)
	if err != nil {
		t.Fatal(err)
	}
	return string(wire.AppendDeflated(nil, document)), request.Streams
}

// closed waits until the other side has closed the connection, and returns
// what it said before.
func (s *scripted) closed() string {
	s.t.Helper()
	rest, err := io.ReadAll(s.reader)
	if err != nil && !isCut(err) {
		s.t.Errorf("waiting for the end of the connection: %v", err)
	}
	return string(rest)
}

func isCut(err error) bool {
	var network *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}

// dialScripted opens a TLS connection to a runtime that serves. Without a
// certificate it shows none.
func dialScripted(t testing.TB, network *memnet.Network, addr string, certs ...tls.Certificate) *scripted {
	t.Helper()
	return scriptOver(t, dialPlain(t, network, addr), certs...)
}

// scriptOver makes the handshake over a connection that the test has dialled.
func scriptOver(t testing.TB, conn net.Conn, certs ...tls.Certificate) *scripted {
	t.Helper()
	secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, Certificates: certs})
	if err := secured.Handshake(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = secured.Close() })
	return newScripted(t, secured)
}

// acceptScripted makes the handshake over a connection that the test has
// accepted.
func acceptScripted(t testing.TB, conn net.Conn, certs ...tls.Certificate) *scripted {
	t.Helper()
	secured := tls.Server(conn, &tls.Config{Certificates: certs, ClientAuth: tls.RequireAnyClientCert})
	if err := secured.Handshake(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = secured.Close() })
	return newScripted(t, secured)
}

func dialPlain(t testing.TB, network *memnet.Network, addr string) net.Conn {
	t.Helper()
	var (
		conn net.Conn
		err  error
	)
	if network == nil {
		conn, err = net.Dial("tcp", addr)
	} else {
		conn, err = network.DialContext(t.Context(), "tcp", addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// serveScripted accepts TLS connections with the service's certificate. The
// n-th one is given to the n-th script, and closed after it; the last script
// serves all that follow. It returns the endpoint, and where the connections
// are counted.
func serveScripted(t testing.TB, network *memnet.Network, scripts ...func(*scripted)) (halibut.Endpoint, *counter) {
	t.Helper()
	l := setting{network: network}.listen(t)
	connections := new(counter)
	var served sync.WaitGroup
	certs := certificates()
	config := &tls.Config{Certificates: certs[1:2], ClientAuth: tls.RequireAnyClientCert}
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			script := scripts[min(connections.next(), len(scripts))-1]
			served.Go(func() {
				secured := tls.Server(conn, config)
				defer conn.Close()
				if err := secured.Handshake(); err != nil {
					t.Logf("handshake: %v", err)
					return
				}
				script(newScripted(t, secured))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		served.Wait()
	})
	return endpoint(t, "https://"+l.Addr().String(), halibut.PinOf(certificates()[1])), connections
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

func (c *counter) value() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}
