package convert

import (
	"cmp"
	"fmt"
	"go/scanner"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/halibut-go/halibut/cmd/internal/csharp"
)

// A declaration is a C# type with all its partial parts.
type declaration struct {
	kind  csharp.Kind
	full  string // as .NET prints it
	parts []*csharp.Type
	order int
}

func (d *declaration) first() *csharp.Type  { return d.parts[0] }
func (d *declaration) name() string         { return d.first().Name }
func (d *declaration) pos() csharp.Position { return d.first().Pos }
func (d *declaration) namespace() string    { return d.first().Namespace }
func (d *declaration) typeParams() []string { return d.first().TypeParams }
func (d *declaration) abstract() bool       { return d.modifier("abstract") || d.kind == csharp.Interface }
func (d *declaration) public() bool         { return slices.ContainsFunc(d.parts, (*csharp.Type).Public) }
func (d *declaration) isClass() bool        { return d.kind == csharp.Class }
func (d *declaration) attributes() (all []*csharp.Attribute) {
	for _, part := range d.parts {
		all = append(all, part.Attributes...)
	}
	return all
}

func (d *declaration) modifier(word string) bool {
	return slices.ContainsFunc(d.parts, func(t *csharp.Type) bool { return t.Modifiers[word] })
}

func (d *declaration) bases() (all []*csharp.TypeRef) {
	for _, part := range d.parts {
		all = append(all, part.Bases...)
	}
	return all
}

func (d *declaration) methods() (all []*csharp.Method) {
	for _, part := range d.parts {
		all = append(all, part.Methods...)
	}
	return all
}

func (d *declaration) doc() string {
	for _, part := range d.parts {
		if part.Doc != "" {
			return part.Doc
		}
	}
	return ""
}

// program is all C# that was read.
type program struct {
	options      Options
	roots        []*declaration          // of the files that were named
	declarations map[string]*declaration // by dotted name and count of type parameters
	all          []*declaration
	files        map[string]bool // read, or tried
	project      *project
	searched     bool
	assembly     string
}

func readProgram(o Options) (*program, error) {
	p := &program{options: o, declarations: map[string]*declaration{}, files: map[string]bool{}}
	files, err := csharpFiles(o.Paths)
	if err != nil {
		return nil, err
	}
	if p.project, err = findProject(files); err != nil {
		return nil, err
	}
	var errors scanner.ErrorList
	for _, name := range files {
		if err := p.read(name); err != nil {
			if e, ok := err.(*scanner.Error); ok {
				errors = append(errors, e)
				continue
			}
			return nil, err
		}
	}
	if errors.Len() > 0 {
		return nil, errors
	}
	p.roots = slices.Clone(p.all)
	return p, p.chooseAssembly()
}

// csharpFiles lists the files that paths name, folders with what is below them.
func csharpFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		below, err := below(path)
		if err != nil {
			return nil, err
		}
		if len(below) == 0 {
			return nil, fmt.Errorf("%s holds no .cs file", path)
		}
		files = append(files, below...)
	}
	return files, nil
}

// below lists the C# sources of a folder, without what builds leave behind.
func below(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != folder && slices.Contains([]string{"bin", "obj", ".git"}, entry.Name()):
			return filepath.SkipDir
		case !entry.IsDir() && strings.EqualFold(filepath.Ext(path), ".cs"):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

func (p *program) read(name string) error {
	absolute, err := filepath.Abs(name)
	if err != nil || p.files[absolute] {
		return err
	}
	p.files[absolute] = true
	source, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	file, err := csharp.Parse(name, string(source), csharp.Options{Defined: p.defined(), Nullable: p.project.nullable})
	if err != nil {
		return err
	}
	for _, t := range file.Types {
		p.add(t)
	}
	return nil
}

// defined are the symbols of a current .NET, and the user's.
func (p *program) defined() map[string]bool {
	symbols := map[string]bool{"NET": true, "NETCOREAPP": true}
	for version := 5; version <= 10; version++ {
		symbols[fmt.Sprintf("NET%d_0_OR_GREATER", version)] = true
	}
	for _, name := range append(p.project.defined, p.options.Defined...) {
		symbols[name] = true
	}
	return symbols
}

func (p *program) add(t *csharp.Type) {
	key := fmt.Sprintf("%s/%d", dotted(t), len(t.TypeParams))
	if d := p.declarations[key]; d != nil {
		d.parts = append(d.parts, t)
		return
	}
	d := &declaration{kind: t.Kind, full: t.FullName(), parts: []*csharp.Type{t}, order: len(p.all)}
	p.declarations[key] = d
	p.all = append(p.all, d)
}

// dotted is the name by which C# code refers to a type in full.
func dotted(t *csharp.Type) string {
	switch {
	case t.Outer != nil:
		return dotted(t.Outer) + "." + t.Name
	case t.Namespace != "":
		return t.Namespace + "." + t.Name
	}
	return t.Name
}

// find looks a name up as C# does from inside a type: in the types around it,
// in its namespace and those around that, then in what is imported.
func (p *program) find(name string, arity int, from *csharp.Type) *declaration {
	if d := p.findRead(name, arity, from); d != nil {
		return d
	}
	if p.searchProject() {
		return p.findRead(name, arity, from)
	}
	return nil
}

func (p *program) findRead(name string, arity int, from *csharp.Type) *declaration {
	var places []string
	for t := from; t != nil; t = t.Outer {
		places = append(places, dotted(t))
	}
	for namespace := from.Namespace; namespace != ""; {
		places = append(places, namespace)
		namespace = namespace[:max(0, strings.LastIndexByte(namespace, '.'))]
	}
	places = append(places, "")
	places = append(places, from.Imports.Namespaces...)
	for _, place := range places {
		if place != "" {
			place += "."
		}
		if d := p.declarations[fmt.Sprintf("%s%s/%d", place, name, arity)]; d != nil {
			return d
		}
	}
	return nil
}

// searchProject reads the other files of the project, once, so that types may
// be found that the user did not name. A file that cannot be read is no loss
// unless it was needed, and then the type is reported as missing.
func (p *program) searchProject() bool {
	if p.searched {
		return false
	}
	p.searched = true
	for _, name := range p.project.files() {
		_ = p.read(name)
	}
	return true
}

// chooseAssembly settles the assembly that the types are named with.
func (p *program) chooseAssembly() error {
	switch {
	case p.options.Assembly != "":
		p.assembly = p.options.Assembly
		return nil
	case p.project.assembly != "":
		p.assembly = p.project.assembly
		return nil
	}
	namespaces := map[string]bool{}
	for _, d := range p.roots {
		namespaces[d.namespace()] = true
	}
	shortest := ""
	for namespace := range namespaces {
		if shortest == "" || cmp.Or(cmp.Compare(len(namespace), len(shortest)), strings.Compare(namespace, shortest)) < 0 {
			shortest = namespace
		}
	}
	for namespace := range namespaces {
		if namespace != shortest && !strings.HasPrefix(namespace, shortest+".") {
			return fmt.Errorf("the files declare types in %s and in %s, so the assembly cannot be guessed; name it with -assembly",
				shortest, namespace)
		}
	}
	if shortest == "" && len(p.roots) > 0 {
		return fmt.Errorf("the files have no namespace, so the assembly cannot be guessed; name it with -assembly")
	}
	p.assembly = shortest
	return nil
}
