// Package contract holds what halibutgen knows of a contract, reads it from a
// Go interface, and writes the client and the registration.
package contract

import (
	"go/ast"
	"go/token"
	"go/types"
)

// A Package is a Go package with contracts in it, parsed and checked as far as
// it goes: code that calls what is yet to be generated has errors.
type Package struct {
	Name  string
	Fset  *token.FileSet
	Files []*ast.File
	Types *types.Package
}

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
	Func       *types.Func // of the interface
}

// A Param is one argument of a method.
type Param struct {
	Name string
	Type string
}
