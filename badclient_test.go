package halibut_test

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// guarded is a listening service and its log.
type guarded struct {
	pair
	addr string
	log  *logBook
}

func newGuarded(t testing.TB, s setting) guarded {
	t.Helper()
	g := guarded{log: newLogBook()}
	if s.services == nil {
		s.services = echoServices()
	}
	s.service.Logger = g.log.logger()
	g.pair = s.listening(t)
	g.addr = g.to.Addr()
	return g
}

// TestBadPeersBeforeTheConversation: who does not say who it is gets nothing,
// the log says why, and others are served.
func TestBadPeersBeforeTheConversation(t *testing.T) {
	certs := certificates()
	known := certs[:1]
	for _, test := range []struct {
		name  string
		certs []tls.Certificate
		send  string
		half  bool // close this side's direction after it
		log   []string
	}{
		{"no certificate", nil, asClient, false, []string{"WARN connection refused", "did not present a certificate"}},
		{"certificate that is not trusted", certs[2:3], asClient, false,
			[]string{"WARN connection refused", halibut.PinOf(certs[2]).String(), "is not trusted"}},
		{"allowed to call but not to poll", known, asSubscriber, false,
			[]string{"WARN connection refused", "trusted to call but not to poll poll://sq-test/"}},
		{"identity of a server", known, "MX\r\n\r\n" + asServer, false, []string{"WARN connection refused", "a client or a subscriber", "MX-SERVER"}},
		{"unknown identity", known, "MX\r\n\r\nMX-OBSERVER 1.0\r\n\r\n", false, []string{"WARN connection refused", "MX-OBSERVER"}},
		{"subscriber without a subscription", known, "MX\r\n\r\nMX-SUBSCRIBER 1.0\r\n\r\n", false, []string{"WARN connection refused", "subscription"}},
		{"subscription that is none", known, "MX\r\n\r\nMX-SUBSCRIBER 1.0 https://host/\r\n\r\n", false, []string{"WARN connection refused", "https://host"}},
		{"garbage after the preamble", known, "MX\r\n\r\n\x00\x01\x02garbage\r\n\r\n", false, []string{"WARN connection refused"}},
		{"no empty line after the identity", known, "MX\r\n\r\nMX-CLIENT 1.0\r\nmore\r\n", false, []string{"WARN connection refused", "the following line was not empty"}},
		{"line without an end", known, "MX\r\n\r\n" + strings.Repeat("x", 9<<10), false, []string{"WARN connection refused", "Limits.Line"}},
		{"preamble without an end", known, "MX" + strings.Repeat("x", 9<<10), false, []string{"WARN connection refused", "preamble"}},
		{"half an identity", known, "MX\r\n\r\nMX-CLI", true, []string{"WARN connection refused", "MX-CLI"}},
		{"nothing", known, "", true, []string{"DEBUG", "without a word"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGuarded(t, setting{})
			s := dialScripted(t, nil, g.addr, test.certs...)
			s.write(test.send)
			if test.half {
				_ = s.CloseWrite()
			}
			if said := s.closed(); said != "" {
				t.Errorf("the service said %q", said)
			}
			g.log.await(t, test.log...)
			hello(t, g.pair)
		})
	}
}

// TestNoTLS: what is not TLS is told and closed.
func TestNoTLS(t *testing.T) {
	for name, send := range map[string]string{
		"HTTP":             "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"garbage":          strings.Repeat("\xff", 100),
		"half a handshake": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"nothing":          "",
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, setting{})
			conn := dialPlain(t, nil, g.addr)
			if _, err := io.WriteString(conn, send); err != nil {
				t.Fatal(err)
			}
			if name == "half a handshake" || name == "nothing" {
				_ = conn.Close()
			} else if _, err := io.ReadAll(conn); err != nil && !isCut(err) {
				t.Error(err)
			}
			g.log.await(t, "WARN connection refused", "TLS handshake")
			hello(t, g.pair)
			if r := g.service.Rejections(); len(r) != 1 || !r[0].Thumbprint.IsZero() || r[0].Role != halibut.RoleUnknown {
				t.Errorf("rejections: %v", r)
			}
		})
	}
}

// TestNobodyIsAdmittedWithoutAnAuthorizer, in either role.
func TestNobodyIsAdmittedWithoutAnAuthorizer(t *testing.T) {
	log := newLogBook()
	rt := newRuntime(t, certificates()[1], &halibut.Options{Services: echoServices(), Logger: log.logger()})
	addr := serve(t, rt)
	for _, identity := range []string{asClient, asSubscriber} {
		s := dialScripted(t, nil, addr, certificates()[0])
		s.write(identity)
		if said := s.closed(); said != "" {
			t.Errorf("the service said %q", said)
		}
	}
	log.await(t, "connection refused", halibut.PinOf(certificates()[0]).String(), "no Authorizer, and so admits nobody")
	eventually(t, "two rejections", func() bool { return len(rt.Rejections()) == 2 })
}

// TestBrowsersGetAPage, with a client certificate or without.
func TestBrowsersGetAPage(t *testing.T) {
	certs := certificates()
	for name, own := range map[string][]tls.Certificate{"without a certificate": nil, "with one": certs[2:3]} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, setting{})
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: own}}
			defer transport.CloseIdleConnections()
			browser := &http.Client{Transport: transport}
			for _, size := range []int{0, 20_000} { // headers that fit, and headers that do not
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+g.addr+"/some/where", nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Cookie", strings.Repeat("c", size))
				response, err := browser.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				page, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err != nil || response.StatusCode != http.StatusOK || string(page) != "<html><body><p>Hello!</p></body></html>" {
					t.Errorf("%s, %q, %v", response.Status, page, err)
				}
				if got := response.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
					t.Error(got)
				}
			}
			g.log.await(t, "INFO", "got the page for browsers")
			hello(t, g.pair)
			if r := g.service.Rejections(); len(r) != 0 {
				t.Errorf("browsers count as refused: %v", r)
			}
		})
	}
}

// stored is one stored DEFLATE block, the last one.
func stored(content string) string {
	block := []byte{1, 0, 0, 0, 0}
	binary.LittleEndian.PutUint16(block[1:], uint16(len(content)))
	binary.LittleEndian.PutUint16(block[3:], ^uint16(len(content)))
	return string(block) + content
}

// deflated compresses n zeros behind a head.
func deflated(t testing.TB, head string, n int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err == nil {
		_, err = io.WriteString(w, head)
	}
	zeros := make([]byte, 1<<20)
	for ; n > 0 && err == nil; n -= len(zeros) {
		_, err = w.Write(zeros[:min(n, len(zeros))])
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// nested is a document of documents.
func nested(depth int) string {
	doc := "\x05\x00\x00\x00\x00"
	for range depth {
		doc = "\x03a\x00" + doc
		doc = string(binary.LittleEndian.AppendUint32(nil, uint32(len(doc)+5))) + doc + "\x00"
	}
	return doc
}

// TestBadMessages: who was admitted and then breaks the protocol loses its
// connection, the log says why, and others are served.
func TestBadMessages(t *testing.T) {
	good, _ := messageOf(t, "IEchoService", "SayHello", "x")
	upload, streams := messageOf(t, "IEchoService", "Count", halibut.StreamBytes([]byte("0123456789")))
	var frames strings.Builder
	if err := wire.WriteStreams(&frames, nil, streams); err != nil {
		t.Fatal(err)
	}
	frame := frames.String() // id 16, length 8, ten bytes, length 8
	length := func(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }
	response, err := wire.AppendResponse(nil, result(t, "id", "x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		send string
		log  []string
	}{
		{"garbage", strings.Repeat("\xff", 40), []string{"WARN client left"}},
		{"a control line for a request", "NEXT\r\n", []string{"WARN client left"}},
		{"a response", string(wire.AppendDeflated(nil, response)), []string{"WARN client left", "a request", "a response"}},
		{"document longer than it says", stored("\x06\x00\x00\x00\x00\x00\x00\x00"), []string{"WARN client left"}},
		{"document shorter than it says", stored("\x40\x00\x00\x00\x00"), []string{"WARN client left"}},
		{"document of 2 GiB", stored("\xff\xff\xff\x7f\x00"), []string{"WARN client left", "Limits.Document"}},
		{"document of negative length", stored("\xff\xff\xff\xff\x00"), []string{"WARN client left"}},
		{"deflate bomb", deflated(t, "\x00\x00\x80\x00", 8<<20), []string{"WARN client left", "Limits.Document"}},
		{"deflate bomb behind a short document", deflated(t, "\x05\x00\x00\x00\x00", 8<<20), []string{"WARN client left"}},
		{"deep nesting", stored(nested(200)), []string{"WARN client left", "nest"}},
		{"no message in the document", stored("\x05\x00\x00\x00\x00"), []string{"WARN client left"}},
		{"half a request", good[:len(good)/2], []string{"WARN client left", "reading a document", "unexpected EOF"}},
		{"unknown stream", upload + strings.Repeat("\x07", 16) + frame[16:], []string{"WARN client left", "Unexpected stream!"}},
		{"stream longer than its husk", upload + frame[:16] + length(11) + frame[24:], []string{"WARN client left", "Expected length: 10", "Actual length: 11"}},
		{"stream shorter than its husk", upload + frame[:16] + length(9) + frame[24:], []string{"WARN client left", "Expected length: 10", "Actual length: 9"}},
		{"stream of negative length", upload + frame[:16] + length(1<<63) + frame[24:], []string{"WARN client left"}},
		{"two lengths of one stream", upload + frame[:34] + length(12), []string{"WARN client left", "Expected length: 10", "Actual length: 12"}},
		{"half a stream", upload + frame[:29], []string{"WARN client left", "5 of 10 bytes"}},
		{"garbage after the response", good + "garbage\r\n", []string{"WARN client left", "NEXT or END", "garbage"}},
		{"PROCEED after the response", good + "PROCEED\r\n", []string{"WARN client left", "NEXT or END", "PROCEED"}},
		{"a line without an end after the response", good + strings.Repeat("N", 9<<10), []string{"WARN client left", "Limits.Line"}},
		{"END after the response", good + "END\r\n", []string{"INFO client left"}},
		{"nothing after the response", good, []string{"INFO client left"}},
		{"nothing at all", "", []string{"INFO client left"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGuarded(t, setting{service: halibut.Options{Limits: halibut.Limits{Document: 1 << 20}}})
			s := dialScripted(t, nil, g.addr, certificates()[0])
			s.write(asClient)
			s.meet(false)
			s.write(test.send)
			_ = s.CloseWrite()
			s.closed()
			g.log.await(t, test.log...)
			hello(t, g.pair)
		})
	}
}

// TestStreamsInAnyOrder: frames are found by their id.
func TestStreamsInAnyOrder(t *testing.T) {
	services := echoServices()
	services.Handle("IEchoService", "Join", func(_ context.Context, a, b *halibut.DataStream) (string, error) {
		first, err := a.Bytes(-1)
		if err != nil {
			return "", err
		}
		second, err := b.Bytes(-1)
		return string(first) + string(second), err
	})
	g := newGuarded(t, setting{services: services})
	message, streams := messageOf(t, "IEchoService", "Join", halibut.StreamBytes([]byte("one")), halibut.StreamBytes([]byte("two")))
	var frames strings.Builder
	if err := wire.WriteStreams(&frames, nil, streams); err != nil {
		t.Fatal(err)
	}
	const frame = 16 + 8 + 3 + 8
	s := dialScripted(t, nil, g.addr, certificates()[0])
	s.write(asClient)
	s.meet(false)
	s.write(message, frames.String()[frame:], frames.String()[:frame])
	var got string
	if err := new(wire.Codec).Decode(s.response().Result, nil, &got); err != nil || got != "onetwo" {
		t.Errorf("%q, %v", got, err)
	}
	s.write("END\r\n")
	s.closed()
}

// TestEarlyNext: PROCEED never comes before the response that is due.
func TestEarlyNext(t *testing.T) {
	services, running, release := slowServices()
	g := newGuarded(t, setting{services: services})
	s := dialScripted(t, nil, g.addr, certificates()[0])
	s.write(asClient)
	s.meet(false)
	message, _ := messageOf(t, "IEchoService", "Wait")
	s.write(message, "NEXT\r\n")
	<-running
	close(release)
	if r := s.response(); r.Error != nil {
		t.Error(r.Error)
	}
	s.line(wire.Proceed)
	s.write("END\r\n")
	s.closed()
}

// TestSilentClients: every wait of a listening service ends with a limit,
// which the log names.
func TestSilentClients(t *testing.T) {
	limits := halibut.Limits{Handshake: 3 * time.Second, Read: 5 * time.Second, NextRequest: 7 * time.Second}
	good, _ := messageOf(t, "IEchoService", "SayHello", "x")
	for _, test := range []struct {
		name string
		send string
		then string // after the response
		wait time.Duration
		log  []string
	}{
		{"TLS", "plain", "", limits.Handshake, []string{"WARN connection refused", "within 3s (Limits.Handshake)"}},
		{"preamble", "MX\r\n", "", limits.Handshake, []string{"WARN connection refused", "within 3s (Limits.Handshake)"}},
		{"identity", "MX\r\n\r\n", "", limits.Handshake, []string{"WARN connection refused", "within 3s (Limits.Handshake)"}},
		{"request", asClient, "", limits.NextRequest, []string{"INFO client left", "7s", "a request", "Limits.NextRequest"}},
		{"rest of a request", asClient + good[:20], "", limits.Read, []string{"WARN client left", "5s", "the rest of the request", "Limits.Read"}},
		{"NEXT", asClient + good, "", limits.NextRequest, []string{"INFO client left", "7s", "NEXT or END", "Limits.NextRequest"}},
		{"rest of NEXT", asClient + good, "NE", limits.Read, []string{"WARN client left", "5s", "control line", "Limits.Read"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				g := newGuarded(t, setting{network: network, service: halibut.Options{Limits: limits}})
				if test.name == "TLS" {
					conn := dialPlain(t, network, g.addr)
					defer conn.Close()
				} else {
					s := dialScripted(t, network, g.addr, certificates()[0])
					s.write(test.send)
					if test.then != "" {
						s.meet(false)
						s.response()
						s.write(test.then)
					}
				}
				start := time.Now()
				g.log.await(t, test.log...)
				if waited := time.Since(start); waited != test.wait {
					t.Errorf("gave up after %s, want %s", waited, test.wait)
				}
				hello(t, g.pair)
			})
		})
	}
}

// TestCallersThatGoAway: the method's context ends with the connection.
func TestCallersThatGoAway(t *testing.T) {
	services := echoServices()
	running, gone := make(chan struct{}), make(chan error)
	services.Handle("IEchoService", "Wait", func(ctx context.Context) error {
		running <- struct{}{}
		<-ctx.Done()
		gone <- context.Cause(ctx)
		return ctx.Err()
	})
	g := newGuarded(t, setting{services: services})
	s := dialScripted(t, nil, g.addr, certificates()[0])
	s.write(asClient)
	s.meet(false)
	message, _ := messageOf(t, "IEchoService", "Wait")
	s.write(message)
	<-running
	_ = s.NetConn().Close()
	if err := <-gone; err == nil || !strings.Contains(err.Error(), "ended the connection") {
		t.Errorf("the cause of the method's end is %v", err)
	}
	g.log.await(t, "client left", "ended the connection")
	hello(t, g.pair)
}

// TestUnauthenticatedConnectionsAreCounted: beyond the limit accepting pauses,
// and those who come then are served once there is room.
func TestUnauthenticatedConnectionsAreCounted(t *testing.T) {
	g := newGuarded(t, setting{service: halibut.Options{Limits: halibut.Limits{Unauthenticated: 2, Handshakes: 1}}})
	first, second := dialPlain(t, nil, g.addr), dialPlain(t, nil, g.addr)
	g.log.await(t, "WARN accepting pauses", "limit=2")
	done := make(chan error, 1)
	go func() {
		done <- g.client.Client(g.to).Call(context.Background(), "IEchoService", "SayHello", nil, "x")
	}()
	_ = first.Close()
	_ = second.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
