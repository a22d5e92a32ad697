package halibut_test

import (
	"errors"
	"net"
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
	nagledLimit = nagledCalls * 40 * time.Millisecond / 4
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
	start := time.Now()
	for range nagledCalls {
		if _, err := halibut.Call[string](t.Context(), c, "IEchoService", "SayHello", "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	notDelayed(t, time.Since(start))
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
	start := time.Now()
	for i := range nagledCalls {
		if i > 0 {
			client.write("PROCEED\r\n")
		}
		client.write(request)
		if response := client.response(); response.Error != nil {
			t.Fatal(errors.New(response.Error.Message))
		}
		client.line(wire.Next)
	}
	notDelayed(t, time.Since(start))
}

func notDelayed(t *testing.T, took time.Duration) {
	t.Helper()
	t.Logf("%s a call", took/nagledCalls)
	if took > nagledLimit {
		t.Errorf("%d calls took %s: each waited for an acknowledgement", nagledCalls, took)
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
