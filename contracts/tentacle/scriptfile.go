package tentacle

import "github.com/halibut-go/halibut"

// ScriptFile is a file that is put into a script's folder before it starts.
type ScriptFile struct {
	Name     string
	Contents *halibut.DataStream
	// EncryptionPassword, unless it is empty, has the Tentacle take the file for
	// text and store it encrypted (AES). It travels inside of TLS alone.
	EncryptionPassword string `halibut:",nullzero"`
}

// DotNetType names the .NET type.
func (ScriptFile) DotNetType() string { return legacy("ScriptFile") }
