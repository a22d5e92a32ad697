package halibut_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// TestWhatARepeatedCallComesTo, by what its tries come to.
func TestWhatARepeatedCallComesTo(t *testing.T) {
	lost := func(outcome halibut.Outcome) *halibut.Error {
		return &halibut.Error{Code: halibut.CodeTransfer, Outcome: outcome, Message: "the connection was lost"}
	}
	refused := &halibut.Error{Code: halibut.CodeConnect, Outcome: halibut.NotSent, Message: "refused"}
	const doubt = "(a try before may have run the method)"
	for name, test := range map[string]struct {
		idempotent bool
		tries      []error // the last one stays
		code       halibut.Code
		outcome    halibut.Outcome
		text       string
	}{
		"all safe":                        {false, []error{lost(halibut.NotRun), refused}, halibut.CodeConnect, halibut.NotSent, "refused"},
		"one may have run":                {true, []error{lost(halibut.Unknown), refused}, halibut.CodeConnect, halibut.Unknown, "refused " + doubt},
		"one may have run some time ago":  {true, []error{lost(halibut.Unknown), refused, refused}, halibut.CodeConnect, halibut.Unknown, "refused " + doubt},
		"the last one has run":            {true, []error{lost(halibut.Unknown), &halibut.Error{Code: halibut.CodeServiceFailed, Outcome: halibut.Ran, Message: "no"}}, halibut.CodeServiceFailed, halibut.Ran, "no"},
		"the last one may have run, too":  {true, []error{lost(halibut.Unknown), lost(halibut.Unknown)}, halibut.CodeTransfer, halibut.Unknown, "the connection was lost"},
		"one that must not be made again": {false, []error{lost(halibut.Unknown), refused}, halibut.CodeTransfer, halibut.Unknown, "the connection was lost"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				tries := 0
				failing := func(context.Context, *halibut.CallInfo, func(context.Context) error) error {
					tries++
					return test.tries[min(tries, len(test.tries))-1]
				}
				client := setting{network: network, client: halibut.Options{Intercept: []halibut.Interceptor{
					halibut.RepeatCalls(halibut.Repeat{Tries: len(test.tries), Window: -1}), failing,
				}}}.newClient(t)
				ctx := t.Context()
				if test.idempotent {
					ctx = halibut.WithIdempotent(ctx)
				}
				err := client.Client(endpoint(t, "https://host:1", halibut.PinOf(certificates()[1]))).Call(ctx, "I", "M", nil)
				if e := asError(t, err); e.Code != test.code || e.Outcome != test.outcome || !strings.HasSuffix(err.Error(), test.text) {
					t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
				}
				if lastly := test.tries[len(test.tries)-1].(*halibut.Error); strings.Contains(lastly.Message, doubt) {
					t.Error("the error of the try was changed")
				}
			})
		})
	}
}

// TestRepeatedCallWithAStreamThatIsGone fails with what the try that read it
// failed with.
func TestRepeatedCallWithAStreamThatIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		services := new(halibut.Services)
		services.Handle("I", "Take", func(_ context.Context, r io.Reader) (int64, error) { return io.Copy(io.Discard, r) })
		lost := &halibut.Error{Code: halibut.CodeTransfer, Outcome: halibut.NotRun, Message: "the connection was lost"}
		tries := 0
		losing := func(ctx context.Context, _ *halibut.CallInfo, next func(context.Context) error) error {
			tries++
			if err := next(ctx); err != nil {
				return err
			}
			return lost
		}
		p := setting{network: network, services: services, client: halibut.Options{
			Intercept: []halibut.Interceptor{halibut.RepeatCalls(halibut.Repeat{}), losing},
		}}.listening(t)
		stream := halibut.StreamOf(strings.NewReader("content"), 7)
		err := p.client.Client(p.to).Call(t.Context(), "I", "Take", nil, stream)
		if !errors.Is(err, lost) || tries != 2 {
			t.Errorf("after %d tries: %v", tries, err)
		}
		err = p.client.Client(p.to).Call(t.Context(), "I", "Take", nil, stream)
		if e := asError(t, err); e.Code != halibut.CodeStream || e.Outcome != halibut.NotSent || !errors.Is(err, wire.ErrStreamUsed) {
			t.Errorf("a call of its own: %v, %v: %v", e.Code, e.Outcome, err)
		}
	})
}
