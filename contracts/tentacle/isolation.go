package tentacle

import "strconv"

// ScriptIsolationLevel says what may run beside a script.
type ScriptIsolationLevel int32

// The values of ScriptIsolationLevel.
const (
	NoIsolation   ScriptIsolationLevel = 0 // everything without FullIsolation
	FullIsolation ScriptIsolationLevel = 1 // nothing else of the same mutex
)

// DotNetType names the .NET type.
func (ScriptIsolationLevel) DotNetType() string { return legacy("ScriptIsolationLevel") }

// String is the value's name in .NET, or the number where there is none.
func (v ScriptIsolationLevel) String() string {
	switch v {
	case NoIsolation:
		return "NoIsolation"
	case FullIsolation:
		return "FullIsolation"
	}
	return strconv.Itoa(int(v))
}
