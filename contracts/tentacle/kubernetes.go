package tentacle

import (
	"context"

	"github.com/halibut-go/halibut"
)

// KubernetesScriptServiceV1 is the service for scripts of the Kubernetes agent,
// which runs each in a pod of its own. The order of calls is that of
// [ScriptServiceV2].
//
//halibut:service IKubernetesScriptServiceV1
type KubernetesScriptServiceV1 interface {
	// StartScript starts a script and returns its state. With a ticket that was
	// started already it starts nothing.
	//
	//halibut:idempotent
	StartScript(ctx context.Context, command *StartKubernetesScriptCommandV1) (*KubernetesScriptStatusResponseV1, error)

	// GetStatus returns the state, and the log from a sequence number on.
	//
	//halibut:idempotent
	GetStatus(ctx context.Context, request *KubernetesScriptStatusRequestV1) (*KubernetesScriptStatusResponseV1, error)

	// CancelScript asks for the script to be ended. It may go on for a moment:
	// ask again until the state is StateComplete.
	//
	//halibut:idempotent
	CancelScript(ctx context.Context, command *CancelKubernetesScriptCommandV1) (*KubernetesScriptStatusResponseV1, error)

	// CompleteScript removes the script's workspace and pod. Nothing can be
	// asked about the script after it.
	CompleteScript(ctx context.Context, command *CompleteKubernetesScriptCommandV1) error
}

// StartKubernetesScriptCommandV1 says what [KubernetesScriptServiceV1] is to
// run. The fields that [StartScriptCommandV2] has too mean the same.
type StartKubernetesScriptCommandV1 struct {
	IsRawScript                 bool // the body runs as it is, without Octopus's preparations around it
	ScriptBody                  string
	TaskID                      string `halibut:"TaskId"`
	ScriptTicket                ScriptTicket
	Isolation                   ScriptIsolationLevel
	ScriptIsolationMutexTimeout halibut.TimeSpan
	IsolationMutexName          string
	PodImageConfiguration       *PodImageConfigurationV1 // nil: the agent's own image
	Scripts                     map[ScriptType]string
	Files                       []ScriptFile
	Arguments                   []string
	ScriptPodServiceAccountName string                      `halibut:",nullzero"`
	AuthContext                 *KubernetesAgentAuthContext // may be nil
	ScriptPodPlatform           string                      `halibut:",nullzero"` // such as linux/amd64
	CalamariImageConfiguration  *CalamariImageConfiguration // may be nil
}

// DotNetType names the .NET type.
func (StartKubernetesScriptCommandV1) DotNetType() string {
	return kubernetesV1("StartKubernetesScriptCommandV1")
}

// PodImageConfigurationV1 is the image of a script's pod, and where it is
// fetched.
type PodImageConfigurationV1 struct {
	Image        string `halibut:",nullzero"`
	FeedURL      string `halibut:"FeedUrl,nullzero"`
	FeedUsername string `halibut:",nullzero"`
	FeedPassword string `halibut:",nullzero"`
}

// DotNetType names the .NET type.
func (PodImageConfigurationV1) DotNetType() string { return kubernetesV1("PodImageConfigurationV1") }

// CalamariImageConfiguration is the image that brings Calamari, Octopus's
// deployment tool, to a script's pod.
type CalamariImageConfiguration struct {
	Name    string
	Version string
}

// DotNetType names the .NET type.
func (CalamariImageConfiguration) DotNetType() string {
	return kubernetesV1("CalamariImageConfiguration")
}

// KubernetesAgentAuthContext says for which deployment a script runs, so that
// the agent can choose the service account.
type KubernetesAgentAuthContext struct {
	SpaceSlug        string
	ProjectSlug      string
	ProjectGroupSlug string `halibut:",nullzero"`
	EnvironmentSlug  string
	TenantSlug       string `halibut:",nullzero"`
	StepSlug         string
}

// DotNetType names the .NET type.
func (KubernetesAgentAuthContext) DotNetType() string { return current("KubernetesAgentAuthContext") }

// KubernetesScriptStatusRequestV1 asks for a script's state.
type KubernetesScriptStatusRequestV1 struct {
	ScriptTicket    ScriptTicket
	LastLogSequence int64 // NextLogSequence of the response before, 0 at first
}

// DotNetType names the .NET type.
func (KubernetesScriptStatusRequestV1) DotNetType() string {
	return kubernetesV1("KubernetesScriptStatusRequestV1")
}

// CancelKubernetesScriptCommandV1 asks for a script's end.
type CancelKubernetesScriptCommandV1 struct {
	ScriptTicket    ScriptTicket
	LastLogSequence int64
}

// DotNetType names the .NET type.
func (CancelKubernetesScriptCommandV1) DotNetType() string {
	return kubernetesV1("CancelKubernetesScriptCommandV1")
}

// CompleteKubernetesScriptCommandV1 ends the dealings with a script.
type CompleteKubernetesScriptCommandV1 struct {
	ScriptTicket ScriptTicket
}

// DotNetType names the .NET type.
func (CompleteKubernetesScriptCommandV1) DotNetType() string {
	return kubernetesV1("CompleteKubernetesScriptCommandV1")
}

// KubernetesScriptStatusResponseV1 is a script's state, and the log since the
// response before.
type KubernetesScriptStatusResponseV1 struct {
	ScriptTicket    ScriptTicket
	Logs            []ProcessOutput
	NextLogSequence int64 // what to ask from next time
	State           ProcessState
	ExitCode        int32 // once State is StateComplete
}

// DotNetType names the .NET type.
func (KubernetesScriptStatusResponseV1) DotNetType() string {
	return kubernetesV1("KubernetesScriptStatusResponseV1")
}

func kubernetesV1(name string) string {
	return "Octopus.Tentacle.Contracts.KubernetesScriptServiceV1." + name + ", Octopus.Tentacle.Contracts"
}
