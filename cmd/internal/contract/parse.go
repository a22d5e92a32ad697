package contract

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Parse reads Go source without a toolchain or the packages that it imports: of
// those it knows the types that travel. Function bodies are passed over, and
// what else the source names is known by its name alone.
func Parse(name string, source []byte) (*Package, error) {
	p := &Package{Fset: token.NewFileSet()}
	if err := p.add(name, source); err != nil {
		return nil, err
	}
	p.check()
	return p, nil
}

// ParseFile reads a Go file, and the others of its package beside it, as Parse
// does.
func ParseFile(name string) (*Package, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	p := &Package{Fset: token.NewFileSet()}
	if err := p.add(name, source); err != nil {
		return nil, err
	}
	others, err := filepath.Glob(filepath.Join(filepath.Dir(name), "*.go"))
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if filepath.Clean(other) == filepath.Clean(name) || strings.HasSuffix(other, "_test.go") {
			continue
		}
		// What is wrong in another file does not matter, unless a type is missing.
		if source, err := os.ReadFile(other); err == nil {
			_ = p.add(other, source)
		}
	}
	p.check()
	return p, nil
}

func (p *Package) add(name string, source []byte) error {
	file, err := parser.ParseFile(p.Fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	switch {
	case err != nil:
		return err
	case p.Name != "" && p.Name != file.Name.Name:
		return fmt.Errorf("%s: package %s, and not %s", name, file.Name.Name, p.Name)
	}
	p.Name = file.Name.Name
	p.Files = append(p.Files, file)
	return nil
}

// check works out the types. That others are not known is to be expected.
func (p *Package) check() {
	config := types.Config{IgnoreFuncBodies: true, FakeImportC: true, Error: func(error) {}, Importer: &knownImporter{made: map[string]*types.Package{}}}
	p.Types, _ = config.Check(p.Name, p.Fset, p.Files, nil)
}

// knownSources are the types that travel, as far as their names matter, by the
// packages that declare them.
var knownSources = map[string]string{
	"context":   "package context; type Context interface{ Err() error }",
	"time":      "package time; type Time struct{}; type Duration int64",
	"net/url":   "package url; type URL struct{}",
	"io":        "package io; type Reader interface{ Read(p []byte) (n int, err error) }",
	"reflect":   "package reflect; type Type interface{ String() string }",
	uuidPackage: "package uuid; type UUID [16]byte",
	wirePackage: `package wire
		type List[T any] []T
		type Set[T comparable] map[T]struct{}
		type KeyValuePair[K, V any] struct { Key K; Value V }
		type Tuple2[T1, T2 any] struct { Item1 T1; Item2 T2 }
		type Tuple3[T1, T2, T3 any] struct { Item1 T1; Item2 T2; Item3 T3 }
		type Tuple4[T1, T2, T3, T4 any] struct { Item1 T1; Item2 T2; Item3 T3; Item4 T4 }
		type TimeSpan int64
		type Char rune
		type URI string
		type Version string
		type Raw struct{}
		type DataStream struct{}`,
	Library: `package halibut
		import "` + wirePackage + `"
		type List[T any] = wire.List[T]
		type Set[T comparable] = wire.Set[T]
		type TimeSpan = wire.TimeSpan
		type DataStream = wire.DataStream
		type Caller interface{ Endpoint() string }
		type Services struct{}`,
}

// knownImporter imports what is in knownSources, and of all other packages the
// name.
type knownImporter struct{ made map[string]*types.Package }

func (i *knownImporter) Import(importPath string) (*types.Package, error) {
	if p := i.made[importPath]; p != nil {
		return p, nil
	}
	source, known := knownSources[importPath]
	if !known {
		p := types.NewPackage(importPath, path.Base(importPath))
		p.MarkComplete()
		i.made[importPath] = p
		return p, nil
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, importPath, source, 0)
	if err != nil {
		return nil, err
	}
	p, err := (&types.Config{Importer: i}).Check(importPath, fset, []*ast.File{file}, nil)
	i.made[importPath] = p
	return p, err
}
