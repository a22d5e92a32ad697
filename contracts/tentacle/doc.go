// Package tentacle drives Octopus Tentacle, the agent of Octopus Deploy, over
// Halibut: run scripts on it, send files to it and fetch files from it.
//
//	t := tentacle.NewClient(rt.Client(endpoint), nil) // https://… or poll://…
//	err := t.RunScript(ctx, &tentacle.Script{Body: "hostname"}, os.Stdout)
//
// [Client] asks the Tentacle which services it has and uses the newest that
// both sides know. Below it are the contracts themselves, as Go interfaces with
// generated clients and registrations: [CapabilitiesServiceV2],
// [FileTransferService], [ScriptService], [ScriptServiceV2] and
// [KubernetesScriptServiceV1]. With the registrations a Go program can be a
// Tentacle to Octopus Server.
//
// # What is on the wire
//
// The contracts are those of the public repository OctopusDeploy/OctopusTentacle
// at commit a321dc6 of August 2026. Members and their order, type names and the
// order of calls are as recorded from .NET programs with those contracts.
//
// The types of the first services ([ScriptService] and [FileTransferService])
// once lived in another assembly. Tentacle still writes their old names, such as
// "Octopus.Shared.Contracts.ScriptTicket, Octopus.Shared", and so does Octopus
// Server: a Tentacle from before the move knows no others. These are what this
// package writes. It reads the old names and today's, such as
// "Octopus.Tentacle.Contracts.ScriptTicket, Octopus.Tentacle.Contracts". The
// newer services have one name for each type. A .NET program that uses
// Tentacle's contracts without their support for the old names cannot read what
// is written here for the first services: switch it on there
// (WithLegacyContractSupport).
//
// Where .NET has null for a text that is not set, Go has the empty text: it is
// written as null, and both read as empty. Lists and dictionaries are written as
// they are, and nil is null, which a Tentacle does not expect: use empty ones in
// commands that are sent without [Client], which does so itself.
package tentacle

//go:generate go run ../../cmd/halibutgen -dotnet -out contracts_halibut.go
