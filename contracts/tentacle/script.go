package tentacle

import (
	"math"
	"time"

	"github.com/halibut-go/halibut"
)

// DefaultMutex is the mutex of scripts that name none. Octopus Server's scripts
// have it too.
const DefaultMutex = "RunningScript"

// Script is what [Client.RunScript] runs. Body alone is enough.
type Script struct {
	// Body is run by PowerShell on Windows, and by Bash elsewhere unless Scripts
	// has one for Bash.
	Body    string
	Scripts map[ScriptType]string
	// Files are put into the script's folder. Make their contents with
	// halibut.StreamFile, StreamBytes or StreamFunc: a stream that can be read
	// only once keeps a start that failed from being repeated.
	Files     []ScriptFile
	Arguments []string
	// TaskID says on whose behalf the script runs, for the Tentacle's own log.
	TaskID string
	// Ticket names the run. Leave it out and one is made. Tentacles that have
	// only ScriptService make their own in any case.
	Ticket ScriptTicket

	// Isolation says whether the script may run beside others of the same Mutex,
	// which is DefaultMutex when it is empty.
	Isolation ScriptIsolationLevel
	Mutex     string
	// MutexTimeout is how long the script may wait for its turn; 0 is more than
	// three weeks. After it the exit code is ExitTimeout.
	MutexTimeout time.Duration
	// StartWait is how long the Tentacle may wait for the script's end before it
	// first answers, so that a short script takes one call: 5 s. Negative is not
	// at all. ScriptService and Kubernetes agents know no such wait.
	StartWait time.Duration

	// OnOutput is called with each line of the log, in order and from the
	// goroutine of RunScript.
	OnOutput func(ProcessOutput)

	// Kubernetes are wishes that only the agent of a Kubernetes cluster can
	// fulfil; other Tentacles are not told.
	Kubernetes KubernetesOptions
}

// KubernetesOptions say how a script runs in a pod. See
// [StartKubernetesScriptCommandV1] for what the fields mean.
type KubernetesOptions struct {
	Raw            bool
	Image          *PodImageConfigurationV1
	ServiceAccount string
	Platform       string
	AuthContext    *KubernetesAgentAuthContext
	Calamari       *CalamariImageConfiguration
}

func (s *Script) mutex() string {
	if s.Mutex == "" {
		return DefaultMutex
	}
	return s.Mutex
}

func (s *Script) mutexTimeout() halibut.TimeSpan {
	if s.MutexTimeout <= 0 {
		return halibut.TimeSpan(math.MaxInt32) * 10_000 // as .NET callers say it: the most milliseconds of an int
	}
	return halibut.TimeSpan(s.MutexTimeout / 100)
}

func (s *Script) startWait() *halibut.TimeSpan {
	wait := s.StartWait
	switch {
	case wait < 0:
		return nil
	case wait == 0:
		wait = 5 * time.Second
	}
	return new(halibut.TimeSpan(wait / 100))
}

// Tentacles do not expect null in place of a collection.

func (s *Script) scripts() map[ScriptType]string {
	if s.Scripts == nil {
		return map[ScriptType]string{}
	}
	return s.Scripts
}

func (s *Script) files() []ScriptFile {
	if s.Files == nil {
		return []ScriptFile{}
	}
	return s.Files
}

func (s *Script) arguments() []string {
	if s.Arguments == nil {
		return []string{}
	}
	return s.Arguments
}
