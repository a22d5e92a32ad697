package halibut

import "github.com/halibut-go/halibut/wire"

// The types that stand for what .NET has and Go has not. Those that few
// contracts need are in package wire alone: Char, URI, Version, KeyValuePair,
// Tuple2 to Tuple4.
type (
	// DotNetTyper is a Go type that says which .NET type it is:
	// "Namespace.Name, Assembly". See [wire.DotNetTyper].
	DotNetTyper = wire.DotNetTyper

	// TimeSpan is .NET's span of time, in ticks of 100 ns. See [wire.TimeSpan].
	TimeSpan = wire.TimeSpan

	// List is .NET's List<T>; a plain slice is an array, T[].
	List[T any] = wire.List[T]

	// Set is .NET's HashSet<T>.
	Set[T comparable] = wire.Set[T]
)
