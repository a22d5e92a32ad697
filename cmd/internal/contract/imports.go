package contract

import (
	"fmt"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"
)

// Imports gathers the packages that a generated file names, and gives each a
// name of its own.
type Imports struct {
	names map[string]string // path to name
	taken map[string]bool
}

// NewImports returns Imports that keep clear of names the package has already.
func NewImports(taken ...string) *Imports {
	i := &Imports{names: map[string]string{}, taken: map[string]bool{}}
	for _, name := range taken {
		i.taken[name] = true
	}
	return i
}

// Add imports a package and returns the name to call it by. preferred is the
// name that the package gives itself.
func (i *Imports) Add(importPath, preferred string) string {
	if name, ok := i.names[importPath]; ok {
		return name
	}
	name := preferred
	for n := 2; i.taken[name] || token.IsKeyword(name); n++ {
		name = fmt.Sprintf("%s%d", preferred, n)
	}
	i.names[importPath] = name
	i.taken[name] = true
	return name
}

// Taken tells whether an identifier would hide an import.
func (i *Imports) Taken(name string) bool {
	for _, used := range i.names {
		if used == name {
			return true
		}
	}
	return false
}

// String prints the import declaration, the standard library first.
func (i *Imports) String() string {
	var standard, others strings.Builder
	for _, importPath := range slices.Sorted(maps.Keys(i.names)) {
		group := &standard
		if first, _, _ := strings.Cut(importPath, "/"); strings.Contains(first, ".") {
			group = &others
		}
		if name := i.names[importPath]; name == path.Base(importPath) {
			fmt.Fprintf(group, "\t%q\n", importPath)
		} else {
			fmt.Fprintf(group, "\t%s %q\n", name, importPath)
		}
	}
	if standard.Len()+others.Len() == 0 {
		return ""
	}
	gap := ""
	if standard.Len() > 0 && others.Len() > 0 {
		gap = "\n"
	}
	return "import (\n" + standard.String() + gap + others.String() + ")\n"
}
