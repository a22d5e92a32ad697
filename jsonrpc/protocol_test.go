package jsonrpc

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
)

func call(t *testing.T, client *halibut.Client, service, method string, args ...any) (any, error) {
	t.Helper()
	return halibut.Call[any](context.Background(), client, service, method, args...)
}

// One port answers callers of both ages.
func TestSharedPort(t *testing.T) {
	_, addr := serve(t, halibut.Options{})
	rt := newCaller(t, halibut.Limits{}, &Transport{})
	https, err := halibut.ParseEndpoint("https://"+addr, halibut.PinOf(identities()[1]).String())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, to := range []halibut.Endpoint{endpoint(t, addr), https} {
			if got, err := call(t, rt.Client(to), "ICalculatorService", "Add", 12, 18); err != nil || got != int64(30) {
				t.Errorf("%s: %v, %v", to, got, err)
			}
		}
	}
	page := dialAs(t, addr, &tls.Config{})
	_, _ = io.WriteString(page, "GET / HTTP/1.0\r\n\r\n")
	if got, err := io.ReadAll(page); err != nil || !strings.HasPrefix(string(got), "HTTP/1.0 200 OK") {
		t.Errorf("a browser gets %q, %v", got, err)
	}
}

// What is not on the list does not exist for callers of 2013.
func TestListOfServices(t *testing.T) {
	services := calculator()
	services.Handle("ISecretService", "Tell", func(context.Context) (string, error) { return "secret", nil })
	_, addr := serve(t, halibut.Options{Services: services})
	rt := newCaller(t, halibut.Limits{}, &Transport{})
	if got, err := call(t, rt.Client(endpoint(t, addr)), "ISecretService", "Tell"); halibut.CodeOf(err) != halibut.CodeServiceNotFound || !halibut.SafeToRetry(err) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := call(t, rt.Client(endpoint(t, addr)), "ICalculatorService", ""); err == nil || !strings.Contains(err.Error(), "names no service or no method") {
		t.Errorf("%v, %v", got, err)
	}
}

// A peer that is not trusted is closed on after five bytes: the rest of its
// document is not waited for.
func TestUntrusted(t *testing.T) {
	rt, addr := serve(t, halibut.Options{})
	stranger, err := halibut.GenerateCertificate("stranger", &halibut.CertificateOptions{ECDSA: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*tls.Config{
		"stranger":       {Certificates: []tls.Certificate{stranger}},
		"no certificate": {},
	} {
		conn := dialAs(t, addr, config)
		if _, err := conn.Write([]byte{0, 1, 0, 0, 2}); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(conn); len(got) > 0 {
			t.Errorf("%s: got %q", name, got)
		}
	}
	// A rejection is booked just after its connection is closed.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(20 * time.Second); len(rt.Rejections()) < 2 && time.Now().Before(limit); <-tick.C {
	}
	var reasons []string
	for _, r := range rt.Rejections() {
		reasons = append(reasons, r.Reason.Error())
	}
	if all := strings.Join(reasons, "\n"); len(reasons) != 2 || !strings.Contains(all, "did not present a certificate") || !strings.Contains(all, "rpc://") {
		t.Errorf("rejections: %s", all)
	}
	client, err := halibut.New(stranger, &halibut.Options{Transports: map[string]halibut.Transport{"rpc": &Transport{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = call(t, client.Client(endpoint(t, addr)), "ICalculatorService", "Nothing")
	if err == nil || halibut.SafeToRetry(err) {
		t.Errorf("an untrusted caller: %v", err)
	}
}

// A document that lies costs nothing but its connection.
func TestBadDocuments(t *testing.T) {
	_, addr := serve(t, halibut.Options{Limits: halibut.Limits{Document: 1 << 20}})
	for name, bad := range map[string]string{
		"over the limit":      "\x00\x00\x20\x00\x02",
		"shorter than it is":  "\x20\x00\x00\x00\x02$type\x00" + strings.Repeat("x", 40),
		"longer, and the end": "\xff\x00\x00\x00\x02$type\x00",
		"another type":        "\x16\x00\x00\x00\x02$type\x00\x06\x00\x00\x00Other\x00\x00",
		"params of a string":  "\x13\x00\x00\x00\x02params\x00\x02\x00\x00\x00x\x00\x00",
		"a service of int32":  "\x12\x00\x00\x00\x10service\x00\x01\x00\x00\x00\x00",
	} {
		conn := dialAs(t, addr, asCaller())
		_, _ = io.WriteString(conn, bad)
		_ = conn.CloseWrite()
		if got, _ := io.ReadAll(conn); len(got) > 0 {
			t.Errorf("%s: got %q", name, got)
		}
	}
	rt := newCaller(t, halibut.Limits{}, &Transport{})
	if _, err := call(t, rt.Client(endpoint(t, addr)), "ICalculatorService", "Nothing"); err != nil {
		t.Error(err)
	}
}

// Connections that have not shown that they are trusted take the places of
// those, and a trusted one whose document is slow does not.
func TestCountedAmongUnauthenticated(t *testing.T) {
	_, addr := serve(t, halibut.Options{Limits: halibut.Limits{Unauthenticated: 1}})
	slow := dialAs(t, addr, asCaller())
	if _, err := slow.Write([]byte{0, 1, 0, 0, 2}); err != nil {
		t.Fatal(err)
	}
	rt := newCaller(t, halibut.Limits{}, &Transport{})
	if _, err := call(t, rt.Client(endpoint(t, addr)), "ICalculatorService", "Nothing"); err != nil {
		t.Error(err)
	}
}

// The method's context ends with its caller.
func TestCallerGone(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	services := new(halibut.Services)
	services.Handle("ICalculatorService", "Wait", func(ctx context.Context) error {
		if peer, ok := halibut.PeerFromContext(ctx); !ok || !peer.Is(halibut.PinOf(identities()[0])) || peer.Role != halibut.RoleClient {
			t.Errorf("called by %v", peer)
		}
		close(began)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	})
	_, addr := serve(t, halibut.Options{Services: services})
	ctx, cancel := context.WithCancel(t.Context())
	rt := newCaller(t, halibut.Limits{}, &Transport{})
	go func() { <-began; cancel() }()
	if err := rt.Client(endpoint(t, addr)).Call(ctx, "ICalculatorService", "Wait", nil); !errors.Is(err, context.Canceled) || halibut.SafeToRetry(err) {
		t.Error(err)
	}
	if cause := <-ended; cause == nil {
		t.Error("the context has no cause")
	}
}

// Old TLS is for a listener that takes nothing else.
func TestOldTLS(t *testing.T) {
	old := &Protocol{Services: []string{"ICalculatorService"}, InsecureOldTLS: true}
	if _, err := halibut.New(identities()[1], &halibut.Options{Protocols: []halibut.Protocol{old}}); err == nil || !strings.Contains(err.Error(), "ServeOnly") {
		t.Errorf("among the Options' protocols: %v", err)
	}
	_, addr := serve(t, halibut.Options{}, halibut.ServeOnly(old))
	tls10 := asCaller()
	tls10.MinVersion, tls10.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	conn := dialAs(t, addr, tls10)
	for _, piece := range [][]byte{recorded(t, "Add")} {
		_, _ = conn.Write(piece)
	}
	if got, err := io.ReadAll(conn); err != nil || len(got) == 0 {
		t.Errorf("TLS 1.0: %x, %v", got, err)
	}
	mx := dialAs(t, addr, asCaller())
	_, _ = io.WriteString(mx, "MX\r\n\r\nMX-CLIENT 1.0\r\n\r\n")
	if got, _ := io.ReadAll(mx); len(got) > 0 {
		t.Errorf("Halibut on a listener for 2013 alone: %q", got)
	}

	_, shared := serve(t, halibut.Options{})
	tls10.InsecureSkipVerify = true
	if conn, err := tls.Dial("tcp", shared, tls10); err == nil {
		_ = conn.Close()
		t.Error("a shared listener takes TLS 1.0")
	}
	rt := newCaller(t, halibut.Limits{}, &Transport{InsecureOldTLS: true})
	if _, err := call(t, rt.Client(endpoint(t, addr)), "ICalculatorService", "Nothing"); err != nil {
		t.Error(err)
	}
}

func recorded(t *testing.T, method string) []byte {
	t.Helper()
	for _, call := range recording(t) {
		if call.Method == method {
			_, whole := call.sent("client")
			return whole
		}
	}
	t.Fatalf("%s is not recorded", method)
	return nil
}

func TestStreamsCannotTravel(t *testing.T) {
	services := calculator()
	services.Handle("ICalculatorService", "Give", func(context.Context) (*halibut.DataStream, error) { return halibut.StreamBytes([]byte("x")), nil })
	_, addr := serve(t, halibut.Options{Services: services})
	client := newCaller(t, halibut.Limits{}, &Transport{}).Client(endpoint(t, addr), halibut.Retries(0))
	if _, err := call(t, client, "ICalculatorService", "Hi", halibut.StreamBytes([]byte("x"))); !halibut.SafeToRetry(err) || !strings.Contains(err.Error(), "data streams cannot travel") {
		t.Errorf("an argument: %v", err)
	}
	if _, err := call(t, client, "ICalculatorService", "Give"); err == nil || !strings.Contains(err.Error(), "cannot travel") {
		t.Errorf("a result: %v", err)
	}
}

// What listens at an rpc:// address need not speak the protocol.
func TestBadServices(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		want   string
	}{
		"nothing":       {"", "without an answer"},
		"a page":        {"HTTP/1.0 200 OK\r\n\r\n", "limit"},
		"a short one":   {"\xff\x00\x00\x00\x02", "unexpected EOF"},
		"another type":  {"\x16\x00\x00\x00\x02$type\x00\x06\x00\x00\x00Other\x00\x00", `a "Other"`},
		"another's":     {"\x10\x00\x00\x00\x02id\x00\x03\x00\x00\x00no\x00\x00", `one to "no"`},
		"error as text": {"\x12\x00\x00\x00\x02error\x00\x02\x00\x00\x00x\x00\x00", "want a document"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{identities()[1]}, ClientAuth: tls.RequireAnyClientCert})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 1024))
				_, _ = io.WriteString(conn, tt.answer)
				_ = conn.Close()
			}()
			client := newCaller(t, halibut.Limits{}, &Transport{}).Client(endpoint(t, l.Addr().String()))
			_, err = call(t, client, "ICalculatorService", "Nothing")
			if err == nil || halibut.SafeToRetry(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q, not safe to retry", err, tt.want)
			}
			_ = l.Close()
			<-done
		})
	}
}

func TestSilentService(t *testing.T) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{identities()[1]}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err == nil {
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	client := newCaller(t, halibut.Limits{Response: 50 * time.Millisecond}, &Transport{}).Client(endpoint(t, l.Addr().String()))
	if _, err = call(t, client, "ICalculatorService", "Nothing"); err == nil || !strings.Contains(err.Error(), "Limits.Response") {
		t.Error(err)
	}
	_ = l.Close()
	<-done
}

func TestMatch(t *testing.T) {
	for start, want := range map[string]halibut.Match{
		"\x38":                 halibut.MaybeMatch,
		"\x38\x01\x00\x00":     halibut.MaybeMatch,
		"\x38\x01\x00\x00\x02": halibut.FullMatch,
		"\x05\x00\x00\x00\x00": halibut.NoMatch,
		"GET /":                halibut.NoMatch,
		"\x38\x01\x00\x00\x00": halibut.NoMatch,
		"\xff\xff\xff\xff\x02": halibut.NoMatch,
		"\x16\x03\x01\x02\x00": halibut.NoMatch,
	} {
		if got := new(Protocol).Match([]byte(start)); got != want {
			t.Errorf("%x: %d, want %d", start, got, want)
		}
	}
}

// No document makes the readers panic, and what they accept is written again.
func FuzzDocuments(f *testing.F) {
	for _, call := range recording(f) {
		_, request := call.sent("client")
		_, response := call.sent("server")
		f.Add(request)
		f.Add(response)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if request, err := parseRequest(doc, 0); err == nil {
			again, err := appendRequest(nil, request)
			if err != nil {
				return // a NUL in a name
			}
			if _, err := parseRequest(again, 0); err != nil {
				t.Errorf("written again it is refused: %v", err)
			}
		}
		if id, result, failed, err := parseResponse(doc, 0); err == nil {
			if failed != nil {
				_ = failed.serverError()
			}
			again, err := appendResponse(nil, id, result, failed)
			if err != nil {
				t.Error(err)
			}
			if _, _, _, err := parseResponse(again, 0); err != nil {
				t.Errorf("written again it is refused: %v", err)
			}
		}
	})
}
