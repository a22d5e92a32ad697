package tentacle

import (
	"strconv"
	"time"
)

// ProcessOutput is one line of a script's log.
type ProcessOutput struct {
	Source   ProcessOutputSource
	Occurred time.Time // in whole milliseconds, UTC
	Text     string    // without a line end
}

// DotNetType names the .NET type.
func (ProcessOutput) DotNetType() string { return current("ProcessOutput") }

// ProcessOutputSource says where a line of a script's log comes from.
type ProcessOutputSource int32

// The values of ProcessOutputSource.
const (
	SourceStdOut ProcessOutputSource = 0 // the script's standard output
	SourceStdErr ProcessOutputSource = 1 // the script's standard error
	SourceDebug  ProcessOutputSource = 2 // the Tentacle itself
)

// DotNetType names the .NET type.
func (ProcessOutputSource) DotNetType() string { return current("ProcessOutputSource") }

// String is the value's name in .NET, or the number where there is none.
func (v ProcessOutputSource) String() string {
	switch v {
	case SourceStdOut:
		return "StdOut"
	case SourceStdErr:
		return "StdErr"
	case SourceDebug:
		return "Debug"
	}
	return strconv.Itoa(int(v))
}
