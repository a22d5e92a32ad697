package halibut_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	gobuild "go/build"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateAPI = flag.Bool("update", false, "write what TestExportedAPI finds to api/")

// importable are the folders of the packages that users can import.
func importable(t *testing.T) (folders []string) {
	t.Helper()
	for _, name := range projectFiles(t, ".go") {
		folder := filepath.ToSlash(filepath.Dir(name))
		first, _, _ := strings.Cut(folder, "/")
		if first == "cmd" || first == "examples" || slices.Contains(strings.Split(folder, "/"), "internal") || slices.Contains(folders, folder) {
			continue
		}
		// Below a go.mod is a module of its own.
		if _, err := os.Stat(filepath.Join(first, "go.mod")); err == nil && first != "." {
			continue
		}
		if listed := exportedAPI(t, folder); listed != "" {
			folders = append(folders, folder)
		}
	}
	return folders
}

// TestExportedAPI compares what each importable package exports with the
// listing in api/: a change of it has to be meant. After one that is,
//
//	go test -run TestExportedAPI . -update
//
// writes the listings anew. They hold declarations alone, comments aside, so
// that their history is the history of the API.
func TestExportedAPI(t *testing.T) {
	known := make(map[string]bool)
	for _, folder := range importable(t) {
		name := "halibut.txt"
		if folder != "." {
			name = strings.ReplaceAll(folder, "/", "-") + ".txt"
		}
		known[name] = true
		path, got := filepath.Join("api", name), exportedAPI(t, folder)
		if *updateAPI {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if gone, come := difference(string(want), got), difference(got, string(want)); gone != "" || come != "" {
			t.Errorf("the exported API of %s is not what %s says. If that is meant, run: go test -run TestExportedAPI . -update\ngone:\n%s\ncome:\n%s", folder, path, gone, come)
		}
	}
	listings, err := os.ReadDir("api")
	if err != nil {
		t.Fatal(err)
	}
	for _, listing := range listings {
		if !known[listing.Name()] {
			t.Errorf("api/%s belongs to no package", listing.Name())
		}
	}
}

// difference are the lines of a that b lacks.
func difference(a, b string) string {
	there := make(map[string]int)
	for line := range strings.Lines(b) {
		there[line]++
	}
	var missing strings.Builder
	for line := range strings.Lines(a) {
		if there[line]--; there[line] < 0 {
			missing.WriteString("\t" + line)
		}
	}
	return missing.String()
}

// exportedAPI lists the exported declarations of a package as it is built on
// Linux, sorted, without comments and bodies; "" for programs and for folders
// of tests alone.
func exportedAPI(t *testing.T, folder string) string {
	t.Helper()
	system := gobuild.Default
	system.GOOS, system.GOARCH, system.CgoEnabled = "linux", "amd64", false
	files := token.NewFileSet()
	declared := make(map[string]string)
	for _, path := range projectFiles(t, ".go") {
		if filepath.ToSlash(filepath.Dir(path)) != folder || strings.HasSuffix(path, "_test.go") {
			continue
		}
		if built, err := system.MatchFile(folder, filepath.Base(path)); err != nil || !built {
			continue
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if file.Name.Name == "main" {
			return ""
		}
		declared["\x00"] = "package " + file.Name.Name
		ast.FileExports(file)
		for _, decl := range file.Decls {
			declare(t, files, decl, declared)
		}
	}
	keys := make([]string, 0, len(declared))
	for key := range declared {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, key := range keys {
		b.WriteString(declared[key] + "\n")
	}
	return b.String()
}

// declare adds a declaration to those of its package, by a key that keeps a
// type's methods behind it.
func declare(t *testing.T, files *token.FileSet, decl ast.Decl, declared map[string]string) {
	t.Helper()
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		decl.Body = nil
		key := decl.Name.Name
		if decl.Recv != nil {
			of := decl.Recv.List[0]
			of.Names = nil
			receiver := strings.TrimLeft(render(t, files, of.Type), "*")
			if !ast.IsExported(receiver) {
				return
			}
			key = receiver + "." + key
		}
		declared[key] = render(t, files, decl)
	case *ast.GenDecl:
		if decl.Tok == token.IMPORT {
			return
		}
		if decl.Tok == token.CONST { // as a whole: iota counts
			declared[decl.Specs[0].(*ast.ValueSpec).Names[0].Name] = render(t, files, decl)
			return
		}
		for _, spec := range decl.Specs {
			var key string
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				key = spec.Name.Name
			case *ast.ValueSpec:
				key, spec.Values = spec.Names[0].Name, nil
			}
			declared[key] = decl.Tok.String() + " " + render(t, files, spec)
		}
	}
}

func render(t *testing.T, files *token.FileSet, node any) string {
	t.Helper()
	var b bytes.Buffer
	if err := format.Node(&b, files, node); err != nil {
		t.Fatal(fmt.Errorf("%T: %w", node, err))
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		// Columns are not kept: a longer name would move its neighbours.
		indent := line[:len(line)-len(strings.TrimLeft(line, "\t"))]
		if words := strings.Fields(line); len(words) > 0 {
			lines = append(lines, indent+strings.Join(words, " "))
		}
	}
	return strings.Join(lines, "\n")
}
