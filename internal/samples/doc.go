// Package samples are the contracts of the recordings, as halibutgen makes them
// of wire/testdata/contracts.cs: what .NET called in the recordings is called
// and served through them in the tests. Only tests import it.
package samples

//go:generate go run ../../cmd/halibutgen -from-csharp ../../wire/testdata/contracts.cs -null-strings -package samples -out contracts_halibut.go
