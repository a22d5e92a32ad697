package halibut_test

import (
	"context"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
)

// TestNoTransport: the error for an endpoint that nothing reaches says what to
// set, to callers and to polling services.
func TestNoTransport(t *testing.T) {
	rt := newRuntime(t, certificates()[0], nil)
	for scheme, hint := range map[string]string{
		"wss": `Set Options.Transports["wss"] to a *websocket.Transport, of github.com/halibut-go/halibut/websocket`,
		"rpc": `Set Options.Transports["rpc"] to a *jsonrpc.Transport, of github.com/halibut-go/halibut/jsonrpc`,
	} {
		to := endpoint(t, scheme+"://host:1", halibut.PinOf(certificates()[1]))
		for did, err := range map[string]error{
			"call": rt.Client(to).Call(t.Context(), "I", "M", nil),
			"poll": rt.Poll(context.Background(), subscription, to),
		} {
			e := asError(t, err)
			if e.Code != halibut.CodeConnect || e.Outcome != halibut.NotSent || e.Hint != hint || !strings.Contains(err.Error(), "without a transport") {
				t.Errorf("%s %s: %s, %s: %v, hint %q", did, scheme, e.Code, e.Outcome, err, e.Hint)
			}
		}
	}
}
