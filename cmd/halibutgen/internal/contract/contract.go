// Package contract holds what halibutgen knows of a contract, reads it from a
// Go interface, and writes the client and the registration.
package contract

import "go/token"

// A Contract is an interface whose methods are called over Halibut.
type Contract struct {
	Name    string // of the Go interface
	Wire    string // what peers call the service
	DotNet  bool   // .NET peers share it
	Methods []*Method
	Pos     token.Position
}

// A Method is one method of a contract. The context and the error, which
// every method has, are left out.
type Method struct {
	Name       string // of the Go method
	Wire       string // what peers call it
	Params     []Param
	Result     string // the Go type of the result, or nothing
	Idempotent bool
	Pos        token.Position
}

// A Param is one argument of a method.
type Param struct {
	Name string
	Type string
}
