package halibut_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
)

// TestRefusedMethods: what cannot be a service's method, told before it is
// called.
func TestRefusedMethods(t *testing.T) {
	var none func(context.Context) error
	for _, test := range []struct {
		service, method string
		fn              any
		want            string
	}{
		{"", "M", func(context.Context) error { return nil }, "need a name"},
		{"I", "", func(context.Context) error { return nil }, "need a name"},
		{"I", "M", nil, "I.M: the function is nil"},
		{"I", "M", none, "I.M: the function is nil"},
		{"I", "M", 42, "I.M: int is not a function"},
		{"I", "M", func() error { return nil }, "does not take a context.Context first"},
		{"I", "M", func(int, context.Context) error { return nil }, "does not take a context.Context first"},
		{"I", "M", func(context.Context) {}, "does not return an error, or a result and an error"},
		{"I", "M", func(context.Context) int { return 0 }, "does not return an error, or a result and an error"},
		//lint:ignore ST1008 this is what is refused
		{"I", "M", func(context.Context) (error, int) { return nil, 0 }, "does not return an error, or a result and an error"},
		{"I", "M", func(context.Context) (int, int, error) { return 0, 0, nil }, "does not return an error, or a result and an error"},
		{"I", "M", func(context.Context, ...int) error { return nil }, "take a slice"},
		{"I", "M", func(context.Context, int, chan int) error { return nil }, "parameter 2: "},
		{"I", "M", func(context.Context, func()) error { return nil }, "parameter 1: "},
		{"I", "M", func(context.Context) (complex128, error) { return 0, nil }, "the result: "},
		{"I", "M", func(context.Context, error) error { return nil }, "parameter 1: "},
		{"I", "M", func(context.Context, context.Context) error { return nil }, "the context comes first, and once"},
		{"I", "M", func(context.Context, io.Reader, int) error { return nil }, "parameter 1: "},
	} {
		s := new(halibut.Services)
		err := s.Check(test.service, test.method, test.fn)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "halibut: ") {
			t.Errorf("%T: %v, want %q in it", test.fn, err, test.want)
		}
		if told := panicOf(func() { s.Handle(test.service, test.method, test.fn) }); told == nil || err == nil || told.Error() != err.Error() {
			t.Errorf("%T: Handle panics with %v", test.fn, told)
		}
	}
}

func panicOf(f func()) (err error) {
	defer func() { err, _ = recover().(error) }()
	f()
	return nil
}

// TestRegisteredTwice: a name may have several signatures, each once.
func TestRegisteredTwice(t *testing.T) {
	s := new(halibut.Services)
	one := func(context.Context, int64) (int64, error) { return 1, nil }
	if err := s.Check("I", "M", one); err != nil {
		t.Error(err)
	}
	s.Handle("I", "M", one)
	if err := s.Check("i", "m", one); err == nil || !strings.Contains(err.Error(), "i.m(int64) is registered already") {
		t.Error(err)
	}
	if err := s.Check("I", "M", func(context.Context, string) error { return nil }); err != nil {
		t.Error(err)
	}
}

type counting interface {
	Count(ctx context.Context, n int64) (int64, error)
}

type abacus struct{}

func (abacus) Count(_ context.Context, n int64) (int64, error) { return n + 1, nil }

// Secret is not part of the contract.
func (abacus) Secret(context.Context) (string, error) { return "secret", nil }

type crooked interface{ Count(n int64) int64 }

type crook struct{}

func (crook) Count(n int64) int64 { return n }

// TestRegister takes the methods of the interface and nothing else.
func TestRegister(t *testing.T) {
	s := new(halibut.Services)
	halibut.Register[counting](s, "ICounting", abacus{})
	p := newListening(t, s, halibut.Limits{})
	c := p.client.Client(p.to)
	if n, err := halibut.Call[int64](t.Context(), c, "ICounting", "Count", 41); err != nil || n != 42 {
		t.Errorf("%d, %v", n, err)
	}
	err := c.Call(t.Context(), "ICounting", "Secret", nil)
	if halibut.CodeOf(err) != halibut.CodeMethodNotFound {
		t.Errorf("a method that is not of the contract: %v", err)
	}
	if err := panicOf(func() { halibut.Register[abacus](s, "I", abacus{}) }); err == nil || !strings.Contains(err.Error(), "interface") {
		t.Error(err)
	}
	if err := panicOf(func() { halibut.Register[counting](s, "I", nil) }); err == nil || !strings.Contains(err.Error(), "nil") {
		t.Error(err)
	}
	if err := panicOf(func() { halibut.Register[crooked](s, "I", crook{}) }); err == nil || !strings.Contains(err.Error(), "context.Context") {
		t.Error(err)
	}
	if err := panicOf(func() { halibut.Register[counting](s, "icounting", abacus{}) }); err == nil || !strings.Contains(err.Error(), "registered already") {
		t.Error(err)
	}
}

// overloaded has one name for many.
func overloaded() *halibut.Services {
	s := new(halibut.Services)
	s.Handle("IOver", "Say", func(context.Context) (string, error) { return "nothing", nil })
	s.Handle("IOver", "Say", func(_ context.Context, a string) (string, error) { return "text", nil })
	s.Handle("IOver", "Say", func(_ context.Context, a int64) (string, error) { return "integer", nil })
	s.Handle("IOver", "Say", func(_ context.Context, a float64) (string, error) { return "fraction", nil })
	s.Handle("IOver", "Say", func(_ context.Context, a []string) (string, error) { return "list", nil })
	s.Handle("IOver", "Say", func(_ context.Context, a *halibut.DataStream) (string, error) { return "stream", nil })
	s.Handle("IOver", "Say", func(_ context.Context, a string, b int64) (string, error) { return "text and integer", nil })
	s.Handle("IOver", "Say", func(_ context.Context, a, b string) (string, error) { return "two texts", nil })
	return s
}

// TestOverloads are chosen by number and types of the arguments, names without
// regard to case.
func TestOverloads(t *testing.T) {
	eachMode(t, overloaded(), func(t *testing.T, p pair) {
		c := p.client.Client(p.to)
		for _, test := range []struct {
			args []any
			want string
		}{
			{nil, "nothing"},
			{[]any{"a"}, "text"},
			{[]any{1}, "integer"},
			{[]any{int64(1) << 40}, "integer"},
			{[]any{1.5}, "fraction"},
			{[]any{[]string{"a"}}, "list"},
			{[]any{halibut.StreamBytes(nil)}, "stream"},
			{[]any{"a", 1}, "text and integer"},
			{[]any{"a", "b"}, "two texts"},
		} {
			for _, name := range [][2]string{{"IOver", "Say"}, {"iover", "say"}, {"IOVER", "SAY"}} {
				got, err := halibut.Call[string](t.Context(), c, name[0], name[1], test.args...)
				if err != nil || got != test.want {
					t.Errorf("%v: %q, %v, want %q", test.args, got, err, test.want)
				}
			}
		}
	})
}

// TestNoOverloadFits: the error lists the candidates and what was given, as
// .NET does.
func TestNoOverloadFits(t *testing.T) {
	p := newListening(t, overloaded(), halibut.Limits{})
	c := p.client.Client(p.to)
	for _, test := range []struct {
		args  []any
		texts []string
	}{
		{[]any{true}, []string{"Could not decide which candidate to call out of the following methods:", "SayAsync(System.String, System.Threading.CancellationToken)", "The request arguments were:\nBoolean"}},
		{[]any{"a", 1, 2}, []string{"Could not decide which candidate to call", "String, Int64, Int64"}},
		{[]any{nil}, []string{"More than one possible match for the requested service method was found given the argument types. The matches were:", "<null>"}},
	} {
		err := c.Call(t.Context(), "IOver", "Say", nil, test.args...)
		e := asError(t, err)
		if e.Code != halibut.CodeAmbiguousMethod || e.Outcome != halibut.NotRun || !halibut.SafeToRetry(err) || e.Hint == "" || !hasAll(e.Message, test.texts) {
			t.Errorf("%v: %v, %v: %v", test.args, e.Code, e.Outcome, err)
		}
	}
}

// TestRegisteringWhileServing: what comes later is there at once.
func TestRegisteringWhileServing(t *testing.T) {
	s := echoServices()
	eachMode(t, s, func(t *testing.T, p pair) {
		hello(t, p)
		name := "ILate" + strings.ReplaceAll(p.mode, " ", "")
		s.Handle(name, "M", func(context.Context) error { return nil })
		if err := p.client.Client(p.to).Call(t.Context(), name, "M", nil); err != nil {
			t.Error(err)
		}
	})
}

// TestClientsOnly: a runtime without services says that it has none.
func TestClientsOnly(t *testing.T) {
	p := newListening(t, nil, halibut.Limits{})
	err := p.client.Client(p.to).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
	if e := asError(t, err); e.Code != halibut.CodeServiceNotFound || e.Message != "Service not found: IEchoService" {
		t.Error(err)
	}
}

// TestPeerFromContext: a method knows who calls it, in either mode.
func TestPeerFromContext(t *testing.T) {
	s := new(halibut.Services)
	peers := make(chan halibut.Peer, 1)
	s.Handle("I", "Who", func(ctx context.Context) error {
		peer, ok := halibut.PeerFromContext(ctx)
		if !ok {
			t.Error("no peer in the context")
		}
		peers <- peer
		return nil
	})
	eachMode(t, s, func(t *testing.T, p pair) {
		if err := p.client.Client(p.to).Call(t.Context(), "I", "Who", nil); err != nil {
			t.Fatal(err)
		}
		peer := <-peers
		if !peer.Is(halibut.PinOf(certificates()[0])) || peer.Addr == nil || peer.Role != halibut.RoleClient || peer.TLS.Version == 0 {
			t.Errorf("%+v", peer)
		}
		if want := map[bool]string{true: "poll://sq-test/"}[polls(p.mode)]; peer.Subscription != want {
			t.Errorf("subscription %q", peer.Subscription)
		}
	})
	if _, ok := halibut.PeerFromContext(t.Context()); ok {
		t.Error("a peer outside of a call")
	}
}
