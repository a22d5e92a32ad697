package websocket

import (
	"context"
	"crypto/tls"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/halibut-go/halibut"
)

// rejected waits for a rejection whose reason has this text, and of which more holds.
func rejected(t *testing.T, rt *halibut.Runtime, reason string, more func(halibut.Rejection) bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		if slices.ContainsFunc(rt.Rejections(), func(r halibut.Rejection) bool { return strings.Contains(r.Reason.Error(), reason) && more(r) }) {
			return
		}
	}
	t.Errorf("no rejection %q: %+v", reason, rt.Rejections())
}

// Who is refused by a handler is among the runtime's rejections, wherever the
// handler is.
func TestRefusalsAreRejections(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) (*halibut.Runtime, string){
		"in a listener of the runtime": func(t *testing.T) (*halibut.Runtime, string) {
			rt, _ := listener(t, halibut.Options{Protocols: []halibut.Protocol{HTTP(&Handler{})}})
			return rt, serve(t, rt)
		},
		"in a server of its own": func(t *testing.T) (*halibut.Runtime, string) {
			rt, _ := listener(t, halibut.Options{})
			return rt, mounted(t, &Handler{Runtime: rt}, tls.RequestClientCert, identities()[0])
		},
	} {
		t.Run(name, func(t *testing.T) {
			rt, addr := start(t)
			for reason, tt := range map[string]struct {
				header       http.Header
				subprotocols []string
				thumbprint   halibut.Pin
			}{
				"requests from web pages are refused": {http.Header{"Origin": {"https://evil.example"}}, []string{subprotocol}, halibut.PinOf(identities()[1])},
				"the websocket sub-protocol Octopus":  {nil, []string{"chat"}, halibut.PinOf(identities()[1])},
				"a client certificate is required":    {http.Header{"X-No-Certificate": {"1"}}, []string{subprotocol}, halibut.Pin{}},
			} {
				if ws, answer, err := upgrade(t, addr, tt.header, tt.subprotocols...); err == nil || answer == nil || answer.StatusCode/100 != 4 {
					t.Errorf("%s: %v, %v", reason, answer, err)
					_ = ws.CloseNow()
				}
				rejected(t, rt, reason, func(r halibut.Rejection) bool {
					return r.Thumbprint == tt.thumbprint && strings.HasPrefix(r.Addr, "127.0.0.1:")
				})
			}
			stranger := newRuntime(t, identities()[2], halibut.Options{Transports: map[string]halibut.Transport{"wss": &Transport{}}})
			err := stranger.Client(endpoint(t, "wss://"+addr, halibut.PinOf(identities()[0])), halibut.Retries(0)).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
			if halibut.CodeOf(err) != halibut.CodeUntrusted {
				t.Error(err)
			}
			rejected(t, rt, "", func(r halibut.Rejection) bool { return r.Thumbprint == halibut.PinOf(identities()[2]) })
		})
	}
}

// Websockets that have not said who they are have their limits in a server of
// its own, too: one more is turned away, and those who were admitted do not count.
func TestUnauthenticatedInAServer(t *testing.T) {
	for name, limits := range map[string]halibut.Limits{
		"Limits.Unauthenticated":           {Unauthenticated: 2},
		"Limits.UnauthenticatedPerAddress": {Unauthenticated: 10, UnauthenticatedPerAddress: 2},
	} {
		t.Run(name, func(t *testing.T) {
			admitted := make(chan struct{}, 100)
			rt, _ := listener(t, halibut.Options{Limits: limits, Trace: &halibut.Trace{Connected: func(halibut.Connection) { admitted <- struct{}{} }}})
			addr := mounted(t, &Handler{Runtime: rt}, tls.RequestClientCert, identities()[0])
			client := dialler(t, &Transport{}).Client(endpoint(t, "wss://"+addr, halibut.PinOf(identities()[0])), halibut.Retries(0))
			var waits []func()
			for range 3 {
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- client.Call(ctx, "IEchoService", "Wait", nil) }()
				waits = append(waits, func() { cancel(); <-ended })
				<-admitted
			}
			var silent []*websocket.Conn
			ended := make(chan error, 3)
			for range 3 {
				ws, _, err := upgrade(t, addr, nil, subprotocol)
				if err != nil {
					t.Fatal(err)
				}
				silent = append(silent, ws)
				go func() { _, _, err := ws.Read(t.Context()); ended <- err }()
			}
			if err := <-ended; err == nil { // one of them, and not the others
				t.Error("a silent connection got an answer")
			}
			rejected(t, rt, name, func(r halibut.Rejection) bool { return r.Thumbprint == halibut.PinOf(identities()[1]) })
			if n := len(rt.Rejections()); n != 1 || len(ended) > 0 {
				t.Errorf("%d rejections, %d more ended", n, len(ended))
			}
			for _, ws := range silent {
				_ = ws.CloseNow()
			}
			for _, end := range waits {
				end()
			}
			for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(time.Millisecond) {
				if err := client.Call(t.Context(), "IEchoService", "SayHello", nil, "x"); err == nil {
					return
				}
			}
			t.Error("no place is free again")
		})
	}
}
