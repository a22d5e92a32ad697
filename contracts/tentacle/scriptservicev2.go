package tentacle

import (
	"context"

	"github.com/halibut-go/halibut"
)

// ScriptServiceV2 is the service for scripts of today's Tentacles. Unlike in
// [ScriptService] the caller makes the ticket ([NewScriptTicket]), so that a
// start whose answer was lost can be repeated. The order of calls: StartScript,
// then GetStatus until the state is [StateComplete], unless StartScript has said
// so already, then CompleteScript. CancelScript takes the place of GetStatus.
//
//halibut:service IScriptServiceV2
type ScriptServiceV2 interface {
	// StartScript starts a script, waits for its end for as long as the command
	// says, and returns its state and log. With a ticket that was started
	// already it starts nothing.
	//
	//halibut:idempotent
	StartScript(ctx context.Context, command *StartScriptCommandV2) (*ScriptStatusResponseV2, error)

	// GetStatus returns the state, and the log from a sequence number on. The
	// exit code of a script that is not known is [ExitUnknownScript].
	//
	//halibut:idempotent
	GetStatus(ctx context.Context, request *ScriptStatusRequestV2) (*ScriptStatusResponseV2, error)

	// CancelScript asks for the script to be ended. It may go on for a moment:
	// ask again until the state is StateComplete.
	//
	//halibut:idempotent
	CancelScript(ctx context.Context, command *CancelScriptCommandV2) (*ScriptStatusResponseV2, error)

	// CompleteScript removes the script's workspace. Nothing can be asked about
	// the script after it.
	CompleteScript(ctx context.Context, command *CompleteScriptCommandV2) error
}

// StartScriptCommandV2 says what [ScriptServiceV2] is to run.
type StartScriptCommandV2 struct {
	ScriptTicket ScriptTicket
	// ScriptBody is run by PowerShell on Windows, and by Bash elsewhere unless
	// Scripts has one for Bash.
	ScriptBody string
	// TaskID says on whose behalf the script runs, for the Tentacle's own log.
	TaskID string `halibut:"TaskId"`
	// DurationToWaitForScriptToFinish is how long StartScript waits for the
	// script's end before it answers; nil is not at all.
	DurationToWaitForScriptToFinish *halibut.TimeSpan
	// Isolation says whether the script may run beside others of the same
	// IsolationMutexName.
	Isolation ScriptIsolationLevel
	// ScriptIsolationMutexTimeout is how long the script may wait for its turn.
	ScriptIsolationMutexTimeout halibut.TimeSpan
	IsolationMutexName          string `halibut:",nullzero"`
	// Scripts are further bodies, of which a Tentacle that is not on Windows
	// takes the one for Bash.
	Scripts map[ScriptType]string
	// Files are put into the script's folder before it starts.
	Files []ScriptFile
	// Arguments are handed to the script.
	Arguments []string
}

// DotNetType names the .NET type.
func (StartScriptCommandV2) DotNetType() string { return v2("StartScriptCommandV2") }

// ScriptStatusRequestV2 asks for a script's state.
type ScriptStatusRequestV2 struct {
	Ticket          ScriptTicket
	LastLogSequence int64 // NextLogSequence of the response before, 0 at first
}

// DotNetType names the .NET type.
func (ScriptStatusRequestV2) DotNetType() string { return v2("ScriptStatusRequestV2") }

// CancelScriptCommandV2 asks for a script's end.
type CancelScriptCommandV2 struct {
	Ticket          ScriptTicket
	LastLogSequence int64
}

// DotNetType names the .NET type.
func (CancelScriptCommandV2) DotNetType() string { return v2("CancelScriptCommandV2") }

// CompleteScriptCommandV2 ends the dealings with a script.
type CompleteScriptCommandV2 struct {
	Ticket ScriptTicket
}

// DotNetType names the .NET type.
func (CompleteScriptCommandV2) DotNetType() string { return v2("CompleteScriptCommandV2") }

// ScriptStatusResponseV2 is a script's state, and the log since the response
// before.
type ScriptStatusResponseV2 struct {
	Ticket          ScriptTicket
	Logs            []ProcessOutput
	NextLogSequence int64 // what to ask from next time
	State           ProcessState
	ExitCode        int32 // once State is StateComplete
}

// DotNetType names the .NET type.
func (ScriptStatusResponseV2) DotNetType() string { return v2("ScriptStatusResponseV2") }

func v2(name string) string {
	return "Octopus.Tentacle.Contracts.ScriptServiceV2." + name + ", Octopus.Tentacle.Contracts"
}
