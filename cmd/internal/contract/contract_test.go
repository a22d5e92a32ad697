package contract

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/go/packages"

	"github.com/halibut-go/halibut/cmd/internal/refusedtest"
)

// accepted are the fixture packages and what they are generated with.
var accepted = map[string]Options{
	"echo":   {},
	"shared": {Types: []string{"IShop"}},
	"clash":  {Types: []string{"Service"}, Service: "IOther"},
}

// loaded holds the fixture packages and all they import: loading is slow, so it
// is done once.
var loaded = sync.OnceValues(func() (map[string]*packages.Package, error) {
	config := &packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedImports,
	}
	patterns := []string{"io"}
	for name := range accepted {
		patterns = append(patterns, "./testdata/accepted/"+name)
	}
	all, err := packages.Load(config, patterns...)
	found := map[string]*packages.Package{}
	for _, p := range all {
		found[p.Name] = p
	}
	return found, err
})

func fixtures(t *testing.T) map[string]*packages.Package {
	t.Helper()
	found, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestAccepted compares what is generated with what is committed, and checks
// that the committed code compiles with the library as it is.
func TestAccepted(t *testing.T) {
	for name, options := range accepted {
		t.Run(name, func(t *testing.T) {
			p := fixtures(t)[name]
			for _, e := range p.Errors {
				t.Errorf("does not compile: %v", e)
			}
			got, err := Generate(&Package{Name: p.Name, Fset: p.Fset, Files: p.Syntax, Types: p.Types}, options)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "accepted", name, "contracts_halibut.go")
			if *refusedtest.Update {
				if err := os.WriteFile(file, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// imported looks a package up among what the fixtures import.
type imported map[string]*types.Package

func (i imported) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if p := i[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no fixture imports %s", path)
}

func (i imported) add(p *types.Package) {
	if i[p.Path()] == nil {
		i[p.Path()] = p
		for _, other := range p.Imports() {
			i.add(other)
		}
	}
}

// TestRefused checks every message. A line // OPTIONS: -type A,B says what is
// asked for; without one it is Contract.
func TestRefused(t *testing.T) {
	all := imported{}
	for _, p := range fixtures(t) {
		all.add(p.Types)
	}
	refusedtest.Run(t, "testdata/refused/*.go", func(t *testing.T, name, source string) error {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		checked := types.Config{Importer: all, Error: func(error) {}}
		p, _ := checked.Check("refused", fset, []*ast.File{file}, nil)
		options := Options{Types: []string{"Contract"}}
		for line := range strings.Lines(source) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "// OPTIONS: -type"); ok {
				options.Types = strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == ',' })
			}
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "// OPTIONS: -service "); ok {
				options.Service = rest
			}
		}
		_, err = Read(&Package{Name: "refused", Fset: fset, Files: []*ast.File{file}, Types: p}, NewImports(), options)
		return err
	})
}

func TestImports(t *testing.T) {
	i := NewImports("uuid")
	if i.String() != "" {
		t.Errorf("no imports print as %q", i)
	}
	names := []string{i.Add("github.com/google/uuid", "uuid"), i.Add("context", "context"), i.Add("example.com/other/context", "context"), i.Add("context", "context")}
	if want := []string{"uuid2", "context", "context2", "context"}; !slices.Equal(names, want) {
		t.Errorf("names are %q, want %q", names, want)
	}
	want := "import (\n\t\"context\"\n\n\tcontext2 \"example.com/other/context\"\n\tuuid2 \"github.com/google/uuid\"\n)\n"
	if diff := cmp.Diff(want, i.String()); diff != "" {
		t.Error(diff)
	}
	if !i.Taken("uuid2") || i.Taken("other") {
		t.Error("Taken is wrong")
	}
}

func TestWireName(t *testing.T) {
	for name, want := range map[string]string{"EchoService": "IEchoService", "IEchoService": "IEchoService", "Item": "IItem", "I": "II", "": "I"} {
		if got := WireName(name); got != want {
			t.Errorf("WireName(%q) = %q, want %q", name, got, want)
		}
	}
}
