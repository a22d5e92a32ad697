package tentacle

// legacy is the name under which a type of the first services travels. See the
// package's documentation.
func legacy(name string) string { return "Octopus.Shared.Contracts." + name + ", Octopus.Shared" }

// current is the name of a type that all services share and that never moved.
func current(name string) string {
	return "Octopus.Tentacle.Contracts." + name + ", Octopus.Tentacle.Contracts"
}
