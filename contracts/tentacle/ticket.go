package tentacle

import (
	"encoding/base64"
	"strings"

	"github.com/google/uuid"
)

// ScriptTicket names one run of a script. Tentacles compare tickets without
// regard to case.
type ScriptTicket struct {
	TaskID string `halibut:"TaskId"`
}

// DotNetType names the .NET type.
func (ScriptTicket) DotNetType() string { return legacy("ScriptTicket") }

// String is the ticket's text.
func (t ScriptTicket) String() string { return t.TaskID }

// NewScriptTicket makes a ticket that no other run has, for [ScriptServiceV2]
// and [KubernetesScriptServiceV1]. It consists of letters and digits, since a
// Tentacle names the script's folder by it.
func NewScriptTicket() ScriptTicket {
	id := uuid.New()
	return ScriptTicket{strings.NewReplacer("+", "", "/", "").Replace(base64.RawStdEncoding.EncodeToString(id[:]))}
}
