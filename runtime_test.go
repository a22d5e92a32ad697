package halibut_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// certificates are made once: what is tested is not how they are made.
var certificates = sync.OnceValue(func() [3]tls.Certificate {
	var made [3]tls.Certificate
	for i, name := range []string{"client", "service", "stranger"} {
		var err error
		made[i], err = halibut.GenerateCertificate(name, &halibut.CertificateOptions{ECDSA: true})
		if err != nil {
			panic(err)
		}
	}
	return made
})

// pair is a client and a service that know each other.
type pair struct {
	client, service *halibut.Runtime
	to              halibut.Endpoint
	polls           halibut.Endpoint // where a polling service connects to
	mode            string
}

const subscription = "poll://SQ-Test"

func newRuntime(t testing.TB, cert tls.Certificate, opts *halibut.Options) *halibut.Runtime {
	t.Helper()
	rt, err := halibut.New(cert, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serve(t testing.TB, rt *halibut.Runtime) (addr string) {
	t.Helper()
	return serveOn(t, rt, listen(t))
}

func serveOn(t testing.TB, rt *halibut.Runtime, l net.Listener) (addr string) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- rt.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		_ = rt.Close()
		if err := <-served; !errors.Is(err, halibut.ErrClosed) {
			t.Errorf("Serve returned %v, want ErrClosed", err)
		}
	})
	return l.Addr().String()
}

func endpoint(t testing.TB, rawURL string, pins ...halibut.Pin) halibut.Endpoint {
	t.Helper()
	texts := make([]string, len(pins))
	for i, pin := range pins {
		texts[i] = pin.String()
	}
	e, err := halibut.ParseEndpoint(rawURL, texts...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// eachMode runs a test in each mode.
func eachMode(t *testing.T, services *halibut.Services, test func(t *testing.T, p pair)) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) { test(t, setting{services: services}.pair(t, mode)) })
	}
}

// everyMode is eachMode, and a service that has no connection to its callers.
func everyMode(t *testing.T, services *halibut.Services, test func(t *testing.T, p pair)) {
	eachMode(t, services, test)
	t.Run("queue", func(t *testing.T) { test(t, setting{services: services}.queued(t)) })
}

func newListening(t testing.TB, services *halibut.Services, limits halibut.Limits) pair {
	t.Helper()
	return setting{services: services, limits: limits}.listening(t)
}

func newPolling(t testing.TB, services *halibut.Services, limits halibut.Limits) pair {
	t.Helper()
	return setting{services: services, limits: limits}.polling(t)
}

func echoServices() *halibut.Services {
	s := new(halibut.Services)
	s.Handle("IEchoService", "SayHello", func(_ context.Context, name string) (string, error) { return name + "...", nil })
	s.Handle("IEchoService", "Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })
	s.Handle("IEchoService", "Fail", func(_ context.Context, message string) (string, error) { return "", errors.New(message) })
	s.Handle("IEchoService", "Panic", func(context.Context) error { panic("oh no") })
	s.Handle("IEchoService", "Count", func(_ context.Context, stream *halibut.DataStream) (int64, error) {
		r, err := stream.Open()
		if err != nil {
			return 0, err
		}
		defer r.Close()
		return io.Copy(io.Discard, r)
	})
	s.Handle("IEchoService", "CountLive", func(_ context.Context, r io.Reader) (int64, error) { return io.Copy(io.Discard, r) })
	s.Handle("IEchoService", "Get", func(_ context.Context, size int64) (*halibut.DataStream, error) {
		return halibut.StreamOf(bytes.NewReader(make([]byte, size)), size), nil
	})
	return s
}

func TestCalls(t *testing.T) {
	everyMode(t, echoServices(), func(t *testing.T, p pair) {
		c := p.client.Client(p.to)
		for range 3 {
			got, err := halibut.Call[string](t.Context(), c, "IEchoService", "SayHello", "World")
			if err != nil || got != "World..." {
				t.Fatalf("SayHello: %q, %v", got, err)
			}
		}
		sum, err := halibut.Call[int64](t.Context(), c, "iechoservice", "ADD", 40, 2)
		if err != nil || sum != 42 {
			t.Fatalf("Add: %d, %v", sum, err)
		}
		for _, size := range []int64{0, 1, 1 << 10, 5 << 20} {
			for _, method := range []string{"Count", "CountLive"} {
				n, err := halibut.Call[int64](t.Context(), c, "IEchoService", method, halibut.StreamBytes(make([]byte, size)))
				if err != nil || n != size {
					t.Fatalf("%s of %d: %d, %v", method, size, n, err)
				}
			}
			stream, err := halibut.Call[*halibut.DataStream](t.Context(), c, "IEchoService", "Get", size)
			if err != nil || stream.Size() != size {
				t.Fatalf("Get %d: %v", size, err)
			}
			content, err := stream.Bytes(size)
			if err != nil || int64(len(content)) != size {
				t.Fatalf("Get %d: %d bytes, %v", size, len(content), err)
			}
			if err := stream.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestErrorsOfServices(t *testing.T) {
	everyMode(t, echoServices(), func(t *testing.T, p pair) {
		c := p.client.Client(p.to)
		for _, test := range []struct {
			service, method string
			args            []any
			code            halibut.Code
			outcome         halibut.Outcome
		}{
			{"IEchoService", "Fail", []any{"boom"}, halibut.CodeServiceFailed, halibut.Ran},
			{"IEchoService", "Panic", nil, halibut.CodeServiceFailed, halibut.Ran},
			{"IMissing", "SayHello", []any{"x"}, halibut.CodeServiceNotFound, halibut.NotRun},
			{"IEchoService", "Missing", []any{"x"}, halibut.CodeMethodNotFound, halibut.NotRun},
			{"IEchoService", "SayHello", []any{"x", 3}, halibut.CodeAmbiguousMethod, halibut.NotRun},
			{"IEchoService", "SayHello", []any{true}, halibut.CodeAmbiguousMethod, halibut.NotRun},
		} {
			err := c.Call(t.Context(), test.service, test.method, nil, test.args...)
			var e *halibut.Error
			if !errors.As(err, &e) || e.Code != test.code || e.Outcome != test.outcome || !e.Remote {
				t.Errorf("%s.%s: %#v", test.service, test.method, err)
			}
			t.Log(err)
			if got, err := halibut.Call[string](t.Context(), c, "IEchoService", "SayHello", "x"); err != nil || got != "x..." {
				t.Fatalf("the connection does not work any more: %v", err)
			}
		}
	})
}
