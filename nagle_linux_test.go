package halibut_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

// A .NET peer writes a response and NEXT, or PROCEED and a request, one after
// the other, and leaves Nagle's algorithm on: the second waits until the first is
// acknowledged, which takes the system some 40 ms unless it is told not to wait.
const (
	nagledCalls = 50
	nagledLimit = 20 * time.Millisecond // of the middle call: others may be slow for other reasons
)

// TestNagledService: a service polls that is such a peer.
func TestNagledService(t *testing.T) {
	s := setting{}
	s.client.Authorizer = pollers(t)
	client := s.newClient(t)
	addr := serveOn(t, client, listen(t))
	service := scriptOver(t, nagled(t, addr), certificates()[1])
	played := make(chan error, 1)
	go func() {
		played <- func() error {
			service.write(asSubscriber)
			service.meet(false)
			for range nagledCalls {
				service.respond(result(t, service.request().ID, "x"))
				service.write("NEXT\r\n")
				service.line(wire.Proceed)
			}
			return nil
		}()
	}()
	c := client.Client(endpoint(t, "poll://sq-test/"))
	var took []time.Duration
	for range nagledCalls {
		start := time.Now()
		if _, err := halibut.Call[string](t.Context(), c, "IEchoService", "SayHello", "x"); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	notDelayed(t, took)
}

// TestNagledClient: a service of ours polls such a peer.
func TestNagledClient(t *testing.T) {
	l := listen(t)
	defer l.Close()
	s := setting{services: echoServices()}
	rt := s.newService(t)
	poll(t, rt, endpoint(t, "https://"+l.Addr().String(), halibut.PinOf(certificates()[0])))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	leaveNagle(t, conn)
	client := acceptScripted(t, conn, certificates()[0])
	client.meet(true)
	client.write(asServer)
	request, _ := messageOf(t, "IEchoService", "SayHello", "x")
	var took []time.Duration
	for i := range nagledCalls {
		start := time.Now()
		if i > 0 {
			client.write("PROCEED\r\n")
		}
		client.write(request)
		if response := client.response(); response.Error != nil {
			t.Fatal(errors.New(response.Error.Message))
		}
		client.line(wire.Next)
		took = append(took, time.Since(start))
	}
	notDelayed(t, took)
}

// TestNagledStreams: what is written piece by piece are the data streams behind a
// message, those of a client's request and those of a service's response.
func TestNagledStreams(t *testing.T) {
	text := func() *halibut.DataStream { return halibut.StreamBytes([]byte("a data stream")) }
	// pieces writes streams as .NET does: ids, lengths and bytes one after the other.
	pieces := func(s *scripted, message string, streams *wire.Streams) {
		s.write(message)
		var all bytes.Buffer
		if err := wire.WriteStreams(&all, nil, streams); err != nil {
			t.Error(err)
		}
		for piece := range slices.Chunk(all.Bytes(), 8) {
			s.write(string(piece))
		}
	}
	t.Run("to a service", func(t *testing.T) {
		services := new(halibut.Services)
		services.Handle("IStreams", "Length", func(_ context.Context, r io.Reader) (int64, error) { return io.Copy(io.Discard, r) })
		client := scriptOver(t, nagled(t, listeningFor(t, services)), certificates()[0])
		client.write(asClient)
		client.meet(false)
		var took []time.Duration
		for i := range nagledCalls {
			start := time.Now()
			if i > 0 {
				client.write("NEXT\r\n")
				client.line(wire.Proceed)
			}
			message, streams := messageOf(t, "IStreams", "Length", text())
			pieces(client, message, streams)
			if response := client.response(); response.Error != nil {
				t.Fatal(errors.New(response.Error.Message))
			}
			took = append(took, time.Since(start))
		}
		notDelayed(t, took)
	})
	t.Run("to a client", func(t *testing.T) {
		l := listen(t)
		client := newRuntime(t, certificates()[0], nil)
		c := client.Client(endpoint(t, "https://"+l.Addr().String(), halibut.PinOf(certificates()[1])))
		var took []time.Duration
		called := make(chan error, 1)
		go func() {
			called <- func() error {
				defer l.Close() // for who waits there in vain
				for range nagledCalls {
					start := time.Now()
					stream, err := halibut.Call[*halibut.DataStream](context.Background(), c, "IStreams", "Text")
					if err != nil {
						return err
					}
					took = append(took, time.Since(start))
					_ = stream.Close()
				}
				return client.Close()
			}()
		}()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(<-called)
		}
		defer conn.Close()
		leaveNagle(t, conn)
		service := acceptScripted(t, conn, certificates()[1])
		service.meet(true)
		service.write(asServer)
		for i := range nagledCalls {
			if i > 0 {
				service.line(wire.Next)
				service.write("PROCEED\r\n")
			}
			response := result(t, service.request().ID, text())
			document, err := wire.AppendResponse(nil, response)
			if err != nil {
				t.Fatal(err)
			}
			pieces(service, string(wire.AppendDeflated(nil, document)), response.Streams)
		}
		_ = service.closed()
		if err := <-called; err != nil {
			t.Fatal(err)
		}
		notDelayed(t, took)
	})
}

// TestNagledIntroduction: with TLS 1.3 the handshake's last words come from who
// has dialled, and who it is comes after them.
func TestNagledIntroduction(t *testing.T) {
	addr := listeningFor(t, echoServices())
	introduced := func(conn net.Conn) time.Duration {
		client := scriptOver(t, conn, certificates()[0])
		start := time.Now()
		client.write(asClient)
		client.meet(false)
		took := time.Since(start)
		_ = client.Close()
		return took
	}
	var took []time.Duration
	for range nagledCalls {
		took = append(took, introduced(nagled(t, addr)))
	}
	notDelayed(t, took)
}

// listeningFor is the address of a service that listens for the client.
func listeningFor(t *testing.T, services *halibut.Services) string {
	t.Helper()
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(certificates()[0]))
	s := setting{services: services, service: halibut.Options{Authorizer: trust}}
	return serveOn(t, s.newService(t), listen(t))
}

func notDelayed(t *testing.T, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	middle := took[len(took)/2]
	t.Logf("%s", middle)
	if middle > nagledLimit {
		t.Errorf("the middle one of %d takes %s: it waits for an acknowledgement", len(took), middle)
	}
}

func nagled(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn := dialPlain(t, nil, addr)
	leaveNagle(t, conn)
	return conn
}

func leaveNagle(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.(*net.TCPConn).SetNoDelay(false); err != nil {
		t.Fatal(err)
	}
}
