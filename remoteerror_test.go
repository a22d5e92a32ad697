package halibut_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

// TestErrorsOfPeers: what the error of a peer means here, for all releases of
// .NET: those before 4.4 send no type, later ones send it for their own errors.
func TestErrorsOfPeers(t *testing.T) {
	const (
		family     = "Halibut.Exceptions."
		invocation = "System.Reflection.TargetInvocationException: Exception has been thrown by the target of an invocation."
	)
	for _, test := range []struct {
		name    string
		error   wire.ServerError
		code    halibut.Code
		outcome halibut.Outcome
	}{
		{"service not found", wire.ServerError{Message: "Service not found: IX", Type: family + "ServiceNotFoundHalibutClientException"}, halibut.CodeServiceNotFound, halibut.NotRun},
		{"method not found", wire.ServerError{Message: "Method A::BAsync not found", Type: family + "MethodNotFoundHalibutClientException"}, halibut.CodeMethodNotFound, halibut.NotRun},
		{"no matching method", wire.ServerError{Message: "x", Type: family + "NoMatchingServiceOrMethodHalibutClientException"}, halibut.CodeMethodNotFound, halibut.NotRun},
		{"ambiguous method", wire.ServerError{Message: "x", Type: family + "AmbiguousMethodMatchHalibutClientException"}, halibut.CodeAmbiguousMethod, halibut.NotRun},
		{"invocation", wire.ServerError{Message: "x", Type: family + "ServiceInvocationHalibutClientException"}, halibut.CodeServiceFailed, halibut.Ran},
		{"cancelled while connecting", wire.ServerError{Message: "The Request was cancelled while Connecting.", Type: family + "ConnectingRequestCancelledException"}, halibut.CodeCanceled, halibut.NotRun},
		{"cancelled while transferring", wire.ServerError{Message: "x", Type: family + "TransferringRequestCancelledException"}, halibut.CodeCanceled, halibut.Unknown},
		{"client exception", wire.ServerError{Message: "x", Details: "y", Type: "Halibut.HalibutClientException"}, halibut.CodeServiceFailed, halibut.Unknown},
		{"unknown type", wire.ServerError{Message: "x", Details: "y", Type: "Contoso.PrinterOnFireException"}, halibut.CodeServiceFailed, halibut.Unknown},
		{"old: service not found", wire.ServerError{Message: "Service not found: IX"}, halibut.CodeServiceNotFound, halibut.NotRun},
		{"old: method not found, no details", wire.ServerError{Message: "Service A::B not found"}, halibut.CodeMethodNotFound, halibut.NotRun},
		{"old: ambiguous", wire.ServerError{Message: "x", Details: "System.Reflection.AmbiguousMatchException: x"}, halibut.CodeAmbiguousMethod, halibut.NotRun},
		{"4.4 and 5.0: invocation", wire.ServerError{Message: "Attempted to divide by zero.", Details: invocation + " ---> System.DivideByZeroException: Attempted to divide by zero."}, halibut.CodeServiceFailed, halibut.Ran},
		{"a service's words do not make it safe", wire.ServerError{Message: "Service not found: IX", Details: invocation}, halibut.CodeServiceFailed, halibut.Ran},
		{"nothing known", wire.ServerError{Message: "x", Details: "System.IO.IOException: x"}, halibut.CodeServiceFailed, halibut.Unknown},
		{"nothing at all", wire.ServerError{}, halibut.CodeServiceFailed, halibut.Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, _ := serveScripted(t, nil, func(s *scripted) {
				s.meet(true)
				s.write(asServer)
				s.respond(&wire.Response{ID: s.request().ID, Error: &test.error})
				s.closed()
			})
			client := newRuntime(t, certificates()[0], nil)
			err := client.Client(to).Call(t.Context(), "I", "M", nil)
			e := asError(t, err)
			if e.Code != test.code || e.Outcome != test.outcome || e.Phase != halibut.PhaseReceiving || !e.Remote {
				t.Errorf("%v, %v, %v, remote %v", e.Code, e.Outcome, e.Phase, e.Remote)
			}
			if e.Message != test.error.Message || e.Details != test.error.Details || e.Type != test.error.Type {
				t.Errorf("%q, %q, %q", e.Message, e.Details, e.Type)
			}
			if want := test.outcome == halibut.NotRun; halibut.SafeToRetry(err) != want {
				t.Errorf("SafeToRetry is %v", !want)
			}
			if !strings.Contains(err.Error(), test.error.Message) || !errors.Is(err, &halibut.Error{Code: test.code}) {
				t.Error(err)
			}
		})
	}
}

// failing is a service whose methods fail in all ways.
func failing(client func() *halibut.Client) *halibut.Services {
	s := echoServices()
	handle := func(name string, fn func(ctx context.Context) error) { s.Handle("IFailing", name, fn) }
	handle("Plain", func(context.Context) error { return errors.New("no paper left") })
	handle("Wrapped", func(context.Context) error { return fmt.Errorf("printing: %w", context.DeadlineExceeded) })
	handle("Canceled", func(context.Context) error { return context.Canceled })
	handle("Own", func(context.Context) error {
		return &halibut.Error{Message: "no toner left", Details: "in tray 2", Type: "Contoso.TonerException"}
	})
	handle("OwnWithoutDetails", func(context.Context) error {
		return &halibut.Error{Message: "no toner left", Type: "Contoso.TonerException"}
	})
	handle("OwnEmpty", func(context.Context) error { return &halibut.Error{Code: halibut.CodeLimit} })
	handle("Safe", func(context.Context) error {
		return &halibut.Error{Message: "x", Code: halibut.CodeConnect, Outcome: halibut.NotSent}
	})
	handle("Relayed", func(ctx context.Context) error { return client().Call(ctx, "IMissing", "Method", nil) })
	handle("RelayedWrapped", func(ctx context.Context) error {
		return fmt.Errorf("relayed: %w", client().Call(ctx, "IMissing", "Method", nil))
	})
	handle("Panic", func(context.Context) error { panic("the fuser is at 240 degrees") })
	var unmade map[string]int
	handle("NilMap", func(context.Context) error { unmade[fmt.Sprint(len(unmade))] = 1; return nil })
	handle("Goexit", func(context.Context) error { runtime.Goexit(); return nil })
	return s
}

// TestErrorsOfGoServices: what their callers get, and that it never seems safe
// to call again.
func TestErrorsOfGoServices(t *testing.T) {
	const invocation = "System.Reflection.TargetInvocationException: Exception has been thrown by the target of an invocation.\n ---> "
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			var p pair
			services := failing(func() *halibut.Client { return p.client.Client(p.to) })
			log := newLogBook()
			p = setting{services: services, service: halibut.Options{Logger: log.logger()}}.pair(t, mode)
			if polls(mode) { // a call of the method's own needs another connection
				poll(t, p.service, p.polls)
			}
			for _, test := range []struct{ method, message, details, typeName string }{
				{"Plain", "no paper left", invocation + "System.Exception: no paper left", ""},
				{"Wrapped", "printing: context deadline exceeded", invocation + "System.TimeoutException: printing: context deadline exceeded", ""},
				{"Canceled", "context canceled", invocation + "System.OperationCanceledException: context canceled", ""},
				{"Own", "no toner left", "in tray 2", "Contoso.TonerException"},
				{"OwnWithoutDetails", "no toner left", invocation + "Contoso.TonerException: no toner left", "Contoso.TonerException"},
				{"OwnEmpty", "halibut: limit", invocation + "System.Exception: ", ""},
				{"Safe", "halibut: x", invocation, ""},
				{"Relayed", "Service not found: IMissing", invocation, ""},
				{"RelayedWrapped", "relayed: ", invocation, ""},
			} {
				err := p.client.Client(p.to).Call(t.Context(), "IFailing", test.method, nil)
				e := asError(t, err)
				if e.Code != halibut.CodeServiceFailed || halibut.SafeToRetry(err) || !e.Remote {
					t.Errorf("%s: %v, %v, remote %v: %v", test.method, e.Code, e.Outcome, e.Remote, err)
				}
				if !strings.Contains(e.Message, test.message) || !strings.HasPrefix(e.Details, test.details) || e.Type != test.typeName {
					t.Errorf("%s: message %q, details %q, type %q", test.method, e.Message, e.Details, e.Type)
				}
			}
			hello(t, p)
		})
	}
}

// TestPanics: the caller gets a fixed text and an id, the log has the rest
// under it, and nothing of Go travels.
func TestPanics(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			log := newLogBook()
			p := setting{services: failing(nil), service: halibut.Options{Logger: log.logger()}}.pair(t, mode)
			for method, reason := range map[string]string{"Panic": "the fuser is at 240 degrees", "NilMap": "assignment to entry in nil map"} {
				err := p.client.Client(p.to).Call(t.Context(), "IFailing", method, nil)
				e := asError(t, err)
				if e.Code != halibut.CodeServiceFailed || e.Outcome != halibut.Ran {
					t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
				}
				id := regexp.MustCompile(`under the id ([A-Z2-7]+)$`).FindStringSubmatch(e.Message)
				if id == nil {
					t.Fatalf("no id in %q", e.Message)
				}
				log.await(t, "ERROR a service panicked", "service=IFailing", "method="+method, "id="+id[1], reason, "remoteerror_test.go")
				for _, secret := range []string{reason, "goroutine", ".go:"} {
					if strings.Contains(e.Message+e.Details+e.Type, secret) {
						t.Errorf("%q travelled: %+v", secret, e)
					}
				}
			}
			hello(t, p)
		})
	}
}

// TestMethodThatEndsItsGoroutine: the connection ends, and no more.
func TestMethodThatEndsItsGoroutine(t *testing.T) {
	g := newGuarded(t, setting{services: failing(nil)})
	err := g.client.Client(g.to).Call(t.Context(), "IFailing", "Goexit", nil)
	if e := asError(t, err); e.Code != halibut.CodeTransfer || e.Outcome != halibut.Unknown {
		t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
	}
	g.log.await(t, "WARN client left", "runtime.Goexit")
	hello(t, g.pair)
}

// TestResultsThatDoNotFit: the method ran, and the error says so.
func TestResultsThatDoNotFit(t *testing.T) {
	eachMode(t, echoServices(), func(t *testing.T, p pair) {
		c := p.client.Client(p.to)
		_, err := halibut.Call[int](t.Context(), c, "IEchoService", "SayHello", "x")
		if e := asError(t, err); e.Code != halibut.CodeTypeNotAllowed || e.Outcome != halibut.Ran || e.Remote {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		_, err = halibut.Call[string](t.Context(), c, "IEchoService", "Get", 10)
		if e := asError(t, err); e.Outcome != halibut.Ran {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		hello(t, p)
	})
}

// TestArgumentsThatCannotTravel: nothing is sent, and the connection is as it
// was.
func TestArgumentsThatCannotTravel(t *testing.T) {
	eachMode(t, echoServices(), func(t *testing.T, p pair) {
		hello(t, p)
		c := p.client.Client(p.to)
		for name, call := range map[string]func() error{
			"channel": func() error { return c.Call(t.Context(), "IEchoService", "SayHello", nil, make(chan int)) },
			"stream without content": func() error {
				return c.Call(t.Context(), "IEchoService", "Count", nil, new(halibut.DataStream))
			},
			"method name": func() error { return c.Call(t.Context(), "IEchoService", "\xff", nil) },
		} {
			err := call()
			if e := asError(t, err); e.Outcome != halibut.NotSent || e.Remote || e.Attempts > 1 {
				t.Errorf("%s: %v, %v after %d tries: %v", name, e.Code, e.Outcome, e.Attempts, err)
			}
		}
		hello(t, p)
	})
}

// TestResultsThatCannotTravel: the caller is told, and the log.
func TestResultsThatCannotTravel(t *testing.T) {
	services := echoServices()
	services.Handle("IFailing", "Any", func(context.Context) (any, error) { return make(chan int), nil })
	services.Handle("IFailing", "Used", func(context.Context) (*halibut.DataStream, error) {
		stream := halibut.StreamOf(strings.NewReader("x"), 1)
		r, err := stream.Open()
		if err == nil {
			err = r.Close()
		}
		return stream, err
	})
	g := newGuarded(t, setting{services: services})
	for _, method := range []string{"Any", "Used"} {
		err := g.client.Client(g.to).Call(t.Context(), "IFailing", method, nil)
		if e := asError(t, err); e.Code != halibut.CodeServiceFailed || e.Outcome != halibut.Ran || !strings.Contains(e.Message, "cannot be sent") {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
		g.log.await(t, "ERROR a result cannot be sent", "method="+method)
	}
	hello(t, g.pair)
}

// TestErrorTexts: one line that says it all.
func TestErrorTexts(t *testing.T) {
	for want, e := range map[string]*halibut.Error{
		"halibut: I.M at https://h:1/: broken (3 tries in 4s). Mend it": {Method: "I.M", Endpoint: "https://h:1/", Message: "broken\n", Attempts: 3, Elapsed: 4e9, Hint: "Mend it"},
		"halibut: https://h:1/: limit":                                  {Endpoint: "https://h:1/", Code: halibut.CodeLimit},
		"halibut: I.M: x":                                               {Method: "I.M", Message: "x", Attempts: 1},
		"halibut: Code(99)":                                             {Code: 99},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for code := halibut.CodeUnknown; code <= halibut.CodeClosed; code++ {
		if text := code.String(); text == "" || strings.HasPrefix(text, "Code(") {
			t.Errorf("code %d has no text", code)
		}
	}
	texts := make(map[string]bool)
	for outcome := halibut.Unknown; outcome <= halibut.Ran; outcome++ {
		texts[outcome.String()] = true
	}
	for phase := halibut.PhaseNone; phase <= halibut.PhaseReceiving; phase++ {
		texts[phase.String()] = true
	}
	if len(texts) != 10 {
		t.Errorf("outcomes and phases share texts: %v", texts)
	}
}

// TestCodeOf for errors that are not of the library.
func TestCodeOf(t *testing.T) {
	for _, test := range []struct {
		err  error
		code halibut.Code
	}{
		{nil, halibut.CodeUnknown},
		{errors.New("x"), halibut.CodeUnknown},
		{context.Canceled, halibut.CodeCanceled},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), halibut.CodeDeadline},
		{halibut.ErrClosed, halibut.CodeClosed},
		{fmt.Errorf("x: %w", &halibut.Error{Code: halibut.CodeLimit}), halibut.CodeLimit},
	} {
		if got := halibut.CodeOf(test.err); got != test.code {
			t.Errorf("CodeOf(%v) is %v, want %v", test.err, got, test.code)
		}
		if halibut.SafeToRetry(test.err) {
			t.Errorf("%v is safe to retry", test.err)
		}
	}
	if !errors.Is(&halibut.Error{Code: halibut.CodeClosed}, halibut.ErrClosed) {
		t.Error("an error of CodeClosed is not ErrClosed")
	}
}
