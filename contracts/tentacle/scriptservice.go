package tentacle

import (
	"context"

	"github.com/halibut-go/halibut"
)

// ScriptService is the first service for scripts, which Tentacles still have
// beside [ScriptServiceV2]. The order of calls: StartScript, then GetStatus
// until the state is [StateComplete], once more for what is left of the log,
// then CompleteScript. CancelScript takes the place of GetStatus.
//
//halibut:service IScriptService
type ScriptService interface {
	// StartScript starts a script and returns the ticket that the Tentacle made
	// for it. Called again it starts another one.
	StartScript(ctx context.Context, command *StartScriptCommand) (ScriptTicket, error)

	// GetStatus returns the state, and the log from a sequence number on.
	//
	//halibut:idempotent
	GetStatus(ctx context.Context, request *ScriptStatusRequest) (*ScriptStatusResponse, error)

	// CancelScript asks for the script to be ended. It may go on for a moment:
	// ask again until the state is StateComplete.
	//
	//halibut:idempotent
	CancelScript(ctx context.Context, command *CancelScriptCommand) (*ScriptStatusResponse, error)

	// CompleteScript returns the last of the log and the exit code, and removes
	// the script's workspace.
	CompleteScript(ctx context.Context, command *CompleteScriptCommand) (*ScriptStatusResponse, error)
}

// StartScriptCommand says what [ScriptService] is to run. Its fields are those
// of [StartScriptCommandV2].
type StartScriptCommand struct {
	ScriptBody                  string
	Isolation                   ScriptIsolationLevel
	Scripts                     map[ScriptType]string
	Files                       []ScriptFile
	Arguments                   []string
	TaskID                      string `halibut:"TaskId,nullzero"`
	ScriptIsolationMutexTimeout halibut.TimeSpan
	IsolationMutexName          string `halibut:",nullzero"`
}

// DotNetType names the .NET type.
func (StartScriptCommand) DotNetType() string { return legacy("StartScriptCommand") }

// ScriptStatusRequest asks for a script's state.
type ScriptStatusRequest struct {
	Ticket          ScriptTicket
	LastLogSequence int64 // NextLogSequence of the response before, 0 at first
}

// DotNetType names the .NET type.
func (ScriptStatusRequest) DotNetType() string { return legacy("ScriptStatusRequest") }

// CancelScriptCommand asks for a script's end.
type CancelScriptCommand struct {
	Ticket          ScriptTicket
	LastLogSequence int64
}

// DotNetType names the .NET type.
func (CancelScriptCommand) DotNetType() string { return legacy("CancelScriptCommand") }

// CompleteScriptCommand ends the dealings with a script.
type CompleteScriptCommand struct {
	Ticket          ScriptTicket
	LastLogSequence int64
}

// DotNetType names the .NET type.
func (CompleteScriptCommand) DotNetType() string { return legacy("CompleteScriptCommand") }

// ScriptStatusResponse is a script's state, and the log since the response
// before.
type ScriptStatusResponse struct {
	Ticket          ScriptTicket
	Logs            []ProcessOutput
	NextLogSequence int64 // what to ask from next time
	State           ProcessState
	ExitCode        int32 // once State is StateComplete
}

// DotNetType names the .NET type.
func (ScriptStatusResponse) DotNetType() string { return legacy("ScriptStatusResponse") }
