package tentacle

import (
	"context"
	"errors"
	"fmt"

	"github.com/halibut-go/halibut"
)

// scriptStatus is what all services say of a script.
type scriptStatus struct {
	Ticket   ScriptTicket
	Logs     []ProcessOutput
	Next     int64
	State    ProcessState
	ExitCode int32
}

// scriptRunner is what there is to do with a script, by whichever service.
type scriptRunner interface {
	// start returns the ticket that the script has, by which it can be cancelled.
	start(ctx context.Context, script *Script, ticket ScriptTicket) (*scriptStatus, error)
	status(ctx context.Context, ticket ScriptTicket, from int64) (*scriptStatus, error)
	cancel(ctx context.Context, ticket ScriptTicket, from int64) (*scriptStatus, error)
	// complete returns nil where the status before is the last word.
	complete(ctx context.Context, ticket ScriptTicket, from int64) (*scriptStatus, error)
	// ownTicket: the script has the ticket that start is given.
	ownTicket() bool
}

// scriptRunner chooses the newest service that the Tentacle has.
func (c *Client) scriptRunner(ctx context.Context, caller halibut.Caller) (scriptRunner, error) {
	capabilities, err := c.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case capabilities.Has(KubernetesScriptServiceV1Name):
		return runnerKubernetes{NewKubernetesScriptServiceV1Client(caller)}, nil
	case capabilities.Kubernetes():
		return nil, fmt.Errorf("the agent has none of the script services that are known here, but only %v", capabilities.SupportedCapabilities)
	case capabilities.Has(ScriptServiceV2Name):
		return runnerV2{NewScriptServiceV2Client(caller)}, nil
	default:
		return runnerV1{NewScriptServiceClient(caller)}, nil
	}
}

var errNoStatus = errors.New("the Tentacle answered null when it was asked for a script's status")
