package tentacle

import (
	"fmt"
	"strconv"
)

// ScriptType is a kind of shell.
type ScriptType int32

// The values of ScriptType.
const (
	PowerShell ScriptType = 0 // Windows
	Bash       ScriptType = 1 // everything else
)

// DotNetType names the .NET type.
func (ScriptType) DotNetType() string { return legacy("ScriptType") }

// String is the value's name in .NET, or the number where there is none.
func (v ScriptType) String() string {
	switch v {
	case PowerShell:
		return "PowerShell"
	case Bash:
		return "Bash"
	}
	return strconv.Itoa(int(v))
}

// MarshalText is String. Dictionaries with enums as keys have their names on
// the wire.
func (v ScriptType) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a name or a number.
func (v *ScriptType) UnmarshalText(text []byte) error {
	for _, known := range []ScriptType{PowerShell, Bash} {
		if string(text) == known.String() {
			*v = known
			return nil
		}
	}
	number, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil {
		return fmt.Errorf("%q is no kind of shell that Tentacle knows: it has PowerShell and Bash", text)
	}
	*v = ScriptType(number)
	return nil
}
