package halibut_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/halibut-go/halibut"
)

// traced counts what Trace tells.
type traced struct {
	mu      sync.Mutex
	events  []string
	clones  []halibut.Clone
	refused []halibut.Rejection
}

func (t *traced) trace() *halibut.Trace {
	note := func(event string, c halibut.Connection) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if c.Dialled {
			event += " dialled"
		}
		t.events = append(t.events, event+" "+c.Peer.Role.String())
	}
	return &halibut.Trace{
		Connected:    func(c halibut.Connection) { note("connected", c) },
		Disconnected: func(c halibut.Connection, _ error) { note("disconnected", c) },
		Refused: func(r halibut.Rejection) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.refused = append(t.refused, r)
		},
		Cloned: func(c halibut.Clone) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.clones = append(t.clones, c)
		},
	}
}

func (t *traced) has(event string) bool { return t.count(event) > 0 }

func (t *traced) count(event string) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.events {
		if e == event {
			n++
		}
	}
	return n
}

func TestTraceTellsOfConnections(t *testing.T) {
	certs := certificates()
	var client, service traced
	var trust halibut.TrustList
	trust.AllowCalls(halibut.PinOf(certs[0]))
	callee := newRuntime(t, certs[1], &halibut.Options{Services: echoServices(), Authorizer: &trust, Trace: service.trace()})
	caller := newRuntime(t, certs[0], &halibut.Options{Trace: client.trace()})
	stranger := newRuntime(t, certs[2], nil)
	to := endpoint(t, "https://"+serve(t, callee), halibut.PinOf(certs[1]))
	if _, err := halibut.Call[string](t.Context(), caller.Client(to), "IEchoService", "SayHello", "x"); err != nil {
		t.Fatal(err)
	}
	if err := stranger.Client(to, halibut.Retries(0)).Call(t.Context(), "IEchoService", "SayHello", nil, "x"); halibut.CodeOf(err) != halibut.CodeUntrusted {
		t.Errorf("a stranger's call: %v", err)
	}
	caller.Disconnect(to)
	eventually(t, "both sides tell of the whole life of a connection", func() bool {
		return client.has("connected dialled service") && client.has("disconnected dialled service") &&
			service.has("connected client") && service.has("disconnected client")
	})
	eventually(t, "the stranger's refusal is told", func() bool {
		service.mu.Lock()
		defer service.mu.Unlock()
		return len(service.refused) == 1 && service.refused[0].Thumbprint == halibut.PinOf(certs[2])
	})
}

func TestAClonedAgentIsReportedAndSeveralConnectionsAreNot(t *testing.T) {
	certs := certificates()
	var told traced
	var trust halibut.TrustList
	if err := trust.AllowPolling(halibut.PinOf(certs[1]), subscription); err != nil {
		t.Fatal(err)
	}
	client := newRuntime(t, certs[0], &halibut.Options{Authorizer: &trust, Trace: told.trace()})
	to := endpoint(t, "https://"+serve(t, client), halibut.PinOf(certs[0]))
	poll := func(rt *halibut.Runtime) {
		polled := make(chan error, 1)
		go func() { polled <- rt.Poll(context.Background(), subscription, to) }()
		t.Cleanup(func() { _ = rt.Close(); <-polled })
	}
	agent := newRuntime(t, certs[1], nil)
	poll(agent)
	poll(agent)
	eventually(t, "both connections of the agent are there", func() bool { return told.count("connected poller") == 2 })
	told.mu.Lock()
	if len(told.clones) > 0 {
		t.Errorf("two connections of one program were taken for clones: %+v", told.clones)
	}
	told.mu.Unlock()
	for range 2 {
		poll(newRuntime(t, certs[1], nil))
	}
	eventually(t, "the clones are there", func() bool { return told.count("connected poller") == 4 })
	eventually(t, "the clone is reported, once", func() bool {
		told.mu.Lock()
		defer told.mu.Unlock()
		return len(told.clones) == 1 && told.clones[0].Addr != "" && told.clones[0].Earlier != ""
	})
}

func TestPageAndItsHeaders(t *testing.T) {
	certs := certificates()
	rt := newRuntime(t, certs[1], &halibut.Options{Page: halibut.Page{
		HTML: "<p>grüezi</p>", Headers: map[string]string{"Strict-Transport-Security": "max-age=1"},
	}})
	addr := serve(t, rt)
	browser := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	}}
	response, err := browser.Get("https://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "<p>grüezi</p>" || response.Header.Get("Strict-Transport-Security") != "max-age=1" {
		t.Errorf("the page is %q with %v, %v", body, response.Header, err)
	}
	for name, value := range map[string]string{"A\r\nB": "x", "A": "x\r\nB: y", "": "x"} {
		if _, err := halibut.New(certs[1], &halibut.Options{Page: halibut.Page{Headers: map[string]string{name: value}}}); err == nil {
			t.Errorf("the header %q: %q was taken", name, value)
		}
	}
}
