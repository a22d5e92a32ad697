package main

import (
	"cmp"
	"errors"
	"fmt"
	"go/constant"
	"go/scanner"
	"go/types"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	contracts "github.com/halibut-go/halibut/cmd/internal/contract"
	"github.com/halibut-go/halibut/cmd/internal/convert"
)

// contractFile is a contract in C# or Go, by which JSON becomes arguments and
// results become JSON.
type contractFile struct {
	name  string
	pkg   *contracts.Package
	names declaredNames
}

// readContract reads a Go file with those beside it, or C#: a file or a folder.
// assembly is that of the types in C#, "" where their project or namespace tells.
func readContract(name, assembly string) (*contractFile, error) {
	var (
		pkg *contracts.Package
		err error
	)
	if filepath.Ext(name) == ".go" {
		pkg, err = contracts.ParseFile(name)
	} else {
		var converted convert.Result
		if converted, err = convert.Convert(convert.Options{Paths: []string{name}, Package: "contracts", Assembly: assembly}); err == nil {
			pkg, err = contracts.Parse(name, converted.Source)
		}
	}
	var system *fs.PathError
	switch {
	case errors.As(err, &system):
		return nil, fmt.Errorf("the contract cannot be read: %w", err)
	case err != nil:
		return nil, usagef("the contract cannot be used: %w", firstOf(err))
	}
	return &contractFile{name: name, pkg: pkg, names: readNames(pkg)}, nil
}

// firstOf is the first of several errors in source, which are told in one line.
func firstOf(err error) error {
	var all scanner.ErrorList
	if errors.As(err, &all) && len(all) > 1 {
		return fmt.Errorf("%w (and %d more; halibutgen shows them all)", all[0], len(all)-1)
	}
	return err
}

// methods finds the overloads of a method that take so many arguments.
func (f *contractFile) methods(service, method string, arguments int) ([]*contracts.Method, error) {
	found, err := contracts.Find(f.pkg, service)
	if err != nil {
		return nil, usagef("%s: %w", f.name, firstOf(err))
	}
	var fitting, others []*contracts.Method
	var names []string
	for _, m := range found.Methods {
		if !slices.Contains(names, m.Wire) {
			names = append(names, m.Wire)
		}
		switch {
		case !strings.EqualFold(m.Wire, method):
		case len(m.Params) == arguments:
			fitting = append(fitting, m)
		default:
			others = append(others, m)
		}
	}
	switch {
	case len(fitting) > 0:
		return fitting, nil
	case len(others) == 1:
		return nil, usagef("%s takes %s, found %d", f.signature(others[0]), counted(len(others[0].Params), "argument"), arguments)
	case len(others) > 1:
		return nil, usagef("no method %s.%s takes %s; there is %s", found.Wire, method, counted(arguments, "argument"), f.signatures(others))
	default:
		return nil, usagef("%s: %s has no method %s; it has %s", f.name, found.Wire, method, strings.Join(names, ", "))
	}
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func (f *contractFile) signatures(methods []*contracts.Method) string {
	texts := make([]string, len(methods))
	for i, m := range methods {
		texts[i] = f.signature(m)
	}
	return strings.Join(texts, " and ")
}

// signature is a method as people read it: Add(a int64, b int64).
func (f *contractFile) signature(m *contracts.Method) string {
	params := make([]string, 0, len(m.Params))
	for _, v := range paramsOf(m) {
		params = append(params, strings.TrimSpace(v.Name()+" "+f.typeText(v.Type())))
	}
	return m.Wire + "(" + strings.Join(params, ", ") + ")"
}

func (f *contractFile) typeText(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p == f.pkg.Types || p.Path() == contracts.Library || strings.HasPrefix(p.Path(), contracts.Library+"/") {
			return ""
		}
		return p.Name()
	})
}

// paramsOf are a method's parameters without the context.
func paramsOf(m *contracts.Method) (params []*types.Var) {
	all := m.Func.Signature().Params()
	for i := 1; i < all.Len(); i++ {
		params = append(params, all.At(i))
	}
	return params
}

// resultOf is the type of a method's result, nil where there is none.
func resultOf(m *contracts.Method) types.Type {
	if results := m.Func.Signature().Results(); results.Len() == 2 {
		return results.At(0).Type()
	}
	return nil
}

// enumValue is a constant of an enum, by the name that .NET has for it.
type enumValue struct {
	name  string
	value constant.Value
}

// enumValues are the constants of a named type, in the order of the source. It is
// no enum if there are none.
func (f *contractFile) enumValues(named *types.Named) (values []enumValue) {
	scope := named.Obj().Pkg().Scope()
	var constants []*types.Const
	for _, name := range scope.Names() {
		if c, ok := scope.Lookup(name).(*types.Const); ok && types.Identical(c.Type(), named) {
			constants = append(constants, c)
		}
	}
	slices.SortFunc(constants, func(a, b *types.Const) int { return cmp.Compare(a.Pos(), b.Pos()) })
	for _, c := range constants {
		name, known := f.names.constants[c.Name()]
		if known {
			values = append(values, enumValue{name, c.Val()})
			continue
		}
		name = c.Name()
		if short, ok := strings.CutPrefix(name, named.Obj().Name()); ok && short != "" {
			name = short
		}
		values = append(values, enumValue{name, c.Val()})
	}
	return values
}

// memberField is a member of a class.
type memberField struct {
	name     string
	typ      types.Type
	object   bool // the slot carries $type
	nullZero bool
}

// fields are a class's members as they are written: its own and then those of
// the classes that it embeds.
func (f *contractFile) fields(s *types.Struct) (fields []memberField) {
	var bases []*types.Struct
	for i := range s.NumFields() {
		field := s.Field(i)
		tag, _ := structTag(s.Tag(i))
		name, options, _ := strings.Cut(tag, ",")
		if name == "-" {
			continue
		}
		if base, ok := field.Type().Underlying().(*types.Struct); ok && field.Embedded() && name == "" && f.shapeOf(field.Type()).kind == shapeClass {
			bases = append(bases, base)
			continue
		}
		if !field.Exported() {
			continue
		}
		fields = append(fields, memberField{
			cmp.Or(name, field.Name()), field.Type(),
			slices.Contains(strings.Split(options, ","), "object"), slices.Contains(strings.Split(options, ","), "nullzero"),
		})
	}
	for _, base := range bases {
		for _, inherited := range f.fields(base) {
			if !slices.ContainsFunc(fields, func(m memberField) bool { return m.name == inherited.name }) {
				fields = append(fields, inherited)
			}
		}
	}
	return fields
}

// implementers are the types that may stand where an interface is declared.
func (f *contractFile) implementers(slot *types.Interface) (found []*types.Named) {
	scope := f.pkg.Types.Scope()
	for _, name := range scope.Names() {
		object, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || types.IsInterface(object.Type()) {
			continue
		}
		named, ok := object.Type().(*types.Named)
		if ok && (types.Implements(named, slot) || types.Implements(types.NewPointer(named), slot)) {
			found = append(found, named)
		}
	}
	return found
}

// typeNamed finds a class by its name in Go or in .NET, with its namespace or
// without.
func (f *contractFile) typeNamed(text string, among []*types.Named) *types.Named {
	for _, named := range among {
		name := named.Obj().Name()
		full, _, _ := strings.Cut(f.names.types[name], ",")
		short := full[strings.LastIndexByte(full, '.')+1:]
		if strings.EqualFold(text, name) || strings.EqualFold(text, f.names.types[name]) || strings.EqualFold(text, full) || (short != "" && strings.EqualFold(text, short)) {
			return named
		}
	}
	return nil
}
