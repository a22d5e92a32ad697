package tentacle

import "strconv"

// ProcessState says how far a script has come.
type ProcessState int32

// The values of ProcessState.
const (
	StatePending  ProcessState = 0 // it has not started
	StateRunning  ProcessState = 1 // it runs, or waits for its turn
	StateComplete ProcessState = 2 // it has ended
)

// DotNetType names the .NET type.
func (ProcessState) DotNetType() string { return current("ProcessState") }

// String is the value's name in .NET, or the number where there is none.
func (v ProcessState) String() string {
	switch v {
	case StatePending:
		return "Pending"
	case StateRunning:
		return "Running"
	case StateComplete:
		return "Complete"
	}
	return strconv.Itoa(int(v))
}
