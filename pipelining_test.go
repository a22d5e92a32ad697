package halibut_test

import (
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// The identities of a Go peer.
const (
	asGoServer = "MX-SERVER 1.0 go/1 pipelining refuse\r\n\r\n"
	asGoClient = "MX\r\n\r\nMX-CLIENT 1.0 go/1 pipelining refuse\r\n\r\n"
)

// TestProceedBeforeASlowResponse: PROCEED ends the wait for PROCEED, and the
// response has its own limit.
func TestProceedBeforeASlowResponse(t *testing.T) {
	limits := halibut.Limits{Read: 5 * time.Second, Response: time.Minute}
	for name, peer := range map[string]struct {
		identity string
		option   halibut.ClientOption
	}{
		"a Go service":         {asGoServer, halibut.Retries(0)},
		".NET from 5.0 on":     {asServer, halibut.PeerAtLeast("5.0")},
		".NET with eager NEXT": {asServer, halibut.EagerNext()},
	} {
		for wait, works := range map[time.Duration]bool{40 * time.Second: true, 2 * time.Minute: false} {
			t.Run(name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, network *memnet.Network) {
					to, _ := serveScripted(t, network, func(s *scripted) {
						s.meet(true)
						s.write(peer.identity)
						s.respond(result(s.t, s.request().ID, "first"))
						s.line(wire.Next)
						s.write("PROCEED\r\n")
						request := s.request()
						time.Sleep(wait)
						s.respond(result(s.t, request.ID, "second"))
						s.closed()
					})
					client := newRuntime(t, certificates()[0], &halibut.Options{Limits: limits, DialContext: network.DialContext})
					c := client.Client(to, peer.option)
					if _, err := halibut.Call[string](t.Context(), c, "I", "M"); err != nil {
						t.Fatal(err)
					}
					start := time.Now()
					got, err := halibut.Call[string](t.Context(), c, "I", "M")
					switch {
					case works && (err != nil || got != "second"):
						t.Errorf("after %s: %q, %v", time.Since(start), got, err)
					case !works && (err == nil || !strings.Contains(err.Error(), "Limits.Response") || time.Since(start) != limits.Response):
						t.Errorf("after %s: %q, %v", time.Since(start), got, err)
					}
				})
			})
		}
	}
}

// TestBadGoServices: what a peer says that lets lines travel with messages, and
// does not keep to it.
func TestBadGoServices(t *testing.T) {
	refused := wire.ServerError{Message: "x", Type: "Halibut.Go.RequestRefused"}
	for _, test := range []struct {
		name    string
		answer  func(s *scripted, id string)
		outcome halibut.Outcome // zero value: unknown
		works   bool            // over the next connection
		texts   []string
	}{
		{"response without PROCEED", func(s *scripted, id string) { s.respond(result(s.t, id, "x")) }, halibut.Unknown, false, nil},
		{"another line for PROCEED", func(s *scripted, _ string) { s.write("BEGIN\r\n") }, halibut.Unknown, false, []string{"PROCEED", "BEGIN"}},
		{"PROCEED and the end", func(s *scripted, _ string) { s.write("PROCEED\r\n"); _ = s.CloseWrite() }, halibut.Unknown, false, nil},
		{"PROCEED and garbage", func(s *scripted, _ string) { s.write("PROCEED\r\n\xff\xff\xff\xff") }, halibut.Unknown, false, nil},
		{"the end", func(s *scripted, _ string) { _ = s.CloseWrite() }, halibut.Unknown, false, nil},
		{"END and the end", func(s *scripted, _ string) { s.write("END\r\n"); _ = s.CloseWrite() }, halibut.Unknown, false, nil},
		{"END and silence", func(s *scripted, _ string) { s.write("END\r\n") }, halibut.Unknown, false, nil},
		{"END and a refusal", func(s *scripted, id string) {
			s.write("END\r\n")
			s.respond(&wire.Response{ID: id, Error: &refused})
		}, 0, true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				to, _ := serveScripted(t, network, func(s *scripted) {
					s.meet(true)
					s.write(asGoServer)
					s.respond(result(s.t, s.request().ID, "first"))
					s.line(wire.Next)
					test.answer(s, s.request().ID)
					s.closed()
				}, answering)
				client := newRuntime(t, certificates()[0], &halibut.Options{DialContext: network.DialContext})
				c := client.Client(to)
				if _, err := halibut.Call[string](t.Context(), c, "I", "M"); err != nil {
					t.Fatal(err)
				}
				got, err := halibut.Call[string](t.Context(), c, "I", "M")
				if test.works {
					if err != nil || got != "M" {
						t.Errorf("%q, %v", got, err)
					}
					return
				}
				if e := asError(t, err); e.Outcome != test.outcome || !hasAll(err.Error(), test.texts) {
					t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
				}
				callMethod(t, c, "M")
			})
		})
	}
}

// TestBadGoClients: the same before a service.
func TestBadGoClients(t *testing.T) {
	good, _ := messageOf(t, "IEchoService", "SayHello", "x")
	for name, test := range map[string]struct {
		send string
		log  []string
	}{
		"two NEXT":              {good + "NEXT\r\nNEXT\r\n" + good, []string{"WARN client left"}},
		"a request for NEXT":    {good + good, []string{"WARN client left", "the end of a line"}},
		"NEXT and garbage":      {good + "NEXT\r\n\xff\xff\xff\xff", []string{"WARN client left"}},
		"NEXT and half of it":   {good + "NEXT\r\n" + good[:30], []string{"WARN client left"}},
		"NEXT and the end":      {good + "NEXT\r\n", []string{"INFO client left"}},
		"all at once, then END": {good + "NEXT\r\n" + good + "NEXT\r\n" + good + "END\r\n", []string{"INFO client left"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, setting{})
			s := dialScripted(t, nil, g.addr, certificates()[0])
			s.write(asGoClient, test.send)
			_ = s.CloseWrite()
			s.meet(false)
			s.closed()
			g.log.await(t, test.log...)
			hello(t, g.pair)
		})
	}
}
