package tentacle

import (
	"context"
	"slices"
	"strings"
)

// CapabilitiesServiceV2 tells what else a Tentacle offers. The oldest ones do
// not have it: that it is missing means [ScriptService] and
// [FileTransferService].
//
//halibut:service ICapabilitiesServiceV2
type CapabilitiesServiceV2 interface {
	// GetCapabilities names the services. The answer stays true for as long as
	// the Tentacle runs; .NET callers keep it for 10 minutes.
	//
	//halibut:idempotent
	GetCapabilities(ctx context.Context) (*CapabilitiesResponseV2, error)
}

// CapabilitiesResponseV2 is what a Tentacle offers.
type CapabilitiesResponseV2 struct {
	// SupportedCapabilities are names of services, such as [ScriptServiceV2Name].
	SupportedCapabilities []string
}

// DotNetType names the .NET type.
func (CapabilitiesResponseV2) DotNetType() string {
	return "Octopus.Tentacle.Contracts.Capabilities.CapabilitiesResponseV2, Octopus.Tentacle.Contracts"
}

// Has reports whether a service is among the capabilities.
func (r *CapabilitiesResponseV2) Has(service string) bool {
	return slices.Contains(r.SupportedCapabilities, service)
}

// Kubernetes reports whether the Tentacle is the agent of a Kubernetes cluster,
// which runs scripts in pods and has none of the other script services.
func (r *CapabilitiesResponseV2) Kubernetes() bool {
	return slices.ContainsFunc(r.SupportedCapabilities, func(name string) bool {
		return strings.Contains(name, "KubernetesScriptService")
	})
}
