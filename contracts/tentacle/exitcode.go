package tentacle

import "fmt"

// The exit codes that a Tentacle makes itself. All others are the script's.
const (
	ExitFatal                  = -41 // the Tentacle could not run the script: its log says why
	ExitPowerShellInvocation   = -42 // PowerShell could not be started
	ExitCanceled               = -43 // the script was cancelled
	ExitTimeout                = -44 // the script's turn did not come in time
	ExitUnknownScript          = -45 // no script has that ticket
	ExitUnknownResult          = -46 // the script has ended, and its exit code is lost
	ExitPowerShellNeverStarted = -47 // PowerShell was started, and never came to the script
	ExitPodNotFound            = -81 // the script's pod is gone
)

// ExitError says that a script ran to its end and did not succeed.
type ExitError struct {
	Ticket ScriptTicket
	Code   int
}

// Error tells the exit code, and what it means where the Tentacle made it.
func (e *ExitError) Error() string {
	meaning := ""
	switch e.Code {
	case ExitFatal:
		meaning = ": the Tentacle could not run it, see its log"
	case ExitPowerShellInvocation:
		meaning = ": PowerShell could not be started"
	case ExitCanceled:
		meaning = ": it was cancelled"
	case ExitTimeout:
		meaning = ": another script held its mutex for too long"
	case ExitUnknownScript:
		meaning = ": the Tentacle does not know it; was it restarted, or the script completed already?"
	case ExitUnknownResult:
		meaning = ": the Tentacle has lost its result"
	case ExitPowerShellNeverStarted:
		meaning = ": PowerShell never came to the script"
	case ExitPodNotFound:
		meaning = ": its pod is gone"
	}
	return fmt.Sprintf("the script %s ended with exit code %d%s", e.Ticket, e.Code, meaning)
}
