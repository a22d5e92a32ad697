// Package tentacletest plays Tentacle's part for tests of programs that drive
// one: services with Tentacle's contracts, whose scripts are Go functions and
// whose files are in memory.
//
//	played := &tentacletest.Tentacle{Run: func(ctx context.Context, s *tentacletest.Script) int {
//		s.Print("deployed")
//		return 0
//	}}
//	defer played.Close()
//	var services halibut.Services
//	played.Register(&services)
//	pair := halibuttest.NewPair(t, halibuttest.Polling, &services, nil)
//	client := tentacle.NewClient(pair.Client, nil)
//
// Scripts never wait for each other: isolation is not played.
package tentacletest

import (
	"context"
	"strings"
	"sync"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
)

// Tentacle plays a Tentacle. The zero value is ready; it must not be copied
// after its first use. Its methods may be called from any goroutine.
type Tentacle struct {
	// Run is what a script does. It is called once for each script and returns
	// the exit code; its context ends when the script is cancelled, and then the
	// exit code is [tentacle.ExitCanceled] whatever it returns. Nil prints the
	// script's body. It must not be changed while scripts run.
	Run func(ctx context.Context, script *Script) int

	mu      sync.Mutex
	scripts map[string]*Script
	files   map[string][]byte
	closed  bool
	running sync.WaitGroup
}

// Register offers what today's Tentacles do.
func (t *Tentacle) Register(s *halibut.Services) {
	t.RegisterOldest(s)
	tentacle.RegisterScriptServiceV2(s, scriptServiceV2{t})
	tentacle.RegisterCapabilitiesServiceV2(s, capabilities{
		tentacle.ScriptServiceName, tentacle.FileTransferServiceName, tentacle.ScriptServiceV2Name,
	})
}

// RegisterOldest offers what the oldest Tentacles do: ScriptService and
// FileTransferService alone.
func (t *Tentacle) RegisterOldest(s *halibut.Services) {
	tentacle.RegisterScriptService(s, scriptService{t})
	tentacle.RegisterFileTransferService(s, fileTransferService{t})
}

// RegisterKubernetes offers what the agent of a Kubernetes cluster does.
func (t *Tentacle) RegisterKubernetes(s *halibut.Services) {
	tentacle.RegisterKubernetesScriptServiceV1(s, kubernetesScriptServiceV1{t})
	tentacle.RegisterFileTransferService(s, fileTransferService{t})
	tentacle.RegisterCapabilitiesServiceV2(s, capabilities{
		tentacle.FileTransferServiceName, tentacle.KubernetesScriptServiceV1Name,
	})
}

// Close cancels the scripts that run, and returns when they have ended. Further
// ones are refused.
func (t *Tentacle) Close() {
	t.mu.Lock()
	t.closed = true
	for _, s := range t.scripts {
		s.cancel()
	}
	t.mu.Unlock()
	t.running.Wait()
}

// Scripts is how many scripts were started and not completed.
func (t *Tentacle) Scripts() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.scripts)
}

// capabilities names its services.
type capabilities []string

func (c capabilities) GetCapabilities(context.Context) (*tentacle.CapabilitiesResponseV2, error) {
	return &tentacle.CapabilitiesResponseV2{SupportedCapabilities: c}, nil
}

// key is a ticket as Tentacles compare it.
func key(ticket tentacle.ScriptTicket) string { return strings.ToLower(ticket.TaskID) }
