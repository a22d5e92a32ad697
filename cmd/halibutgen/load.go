package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/halibut-go/halibut/cmd/internal/contract"
)

// load reads the package in a folder. The file that is to be written counts as
// empty, so that what it says now does not matter.
func load(folder, out string) (*contract.Package, error) {
	overlay, err := emptied(folder, out)
	if err != nil {
		return nil, err
	}
	loaded, err := packages.Load(&packages.Config{
		Mode:    packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedImports,
		Dir:     folder,
		Overlay: overlay,
	}, ".")
	if err != nil {
		return nil, fmt.Errorf("load the Go package in %s: %w", folder, err)
	}
	if len(loaded) != 1 {
		return nil, fmt.Errorf("%s holds %d Go packages; run halibutgen in the folder of one", folder, len(loaded))
	}
	p := loaded[0]
	for _, e := range p.Errors {
		// That the package does not compile yet is what is to be mended.
		if e.Kind == packages.ParseError || len(p.Syntax) == 0 {
			return nil, fmt.Errorf("load the Go package: %w", e)
		}
	}
	return &contract.Package{Name: p.Name, Fset: p.Fset, Files: p.Syntax, Types: p.Types}, nil
}

// emptied returns an overlay in which the file to be written declares nothing.
func emptied(folder, out string) (map[string][]byte, error) {
	out, err := filepath.Abs(out)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(out); err != nil {
		return nil, nil
	}
	others, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if absolute, err := filepath.Abs(other); err != nil || absolute == out || strings.HasSuffix(other, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), other, nil, parser.PackageClauseOnly)
		if err != nil {
			return nil, err
		}
		return map[string][]byte{out: []byte("package " + file.Name.Name + "\n")}, nil
	}
	return nil, fmt.Errorf("%s holds no Go file but %s; write the interface in a file of its own", folder, filepath.Base(out))
}
