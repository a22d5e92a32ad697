package contract

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/scanner"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Options say which interfaces of a package are contracts.
type Options struct {
	Types   []string // empty: every interface with the directive //halibut:service
	Service string   // the wire name; for one type only
	DotNet  bool     // all are shared with .NET peers
}

// Read makes contracts of a package's interfaces. The error is a
// scanner.ErrorList with everything that is wrong, in source order.
func Read(p *Package, imports *Imports, options Options) ([]*Contract, error) {
	r := &reader{Package: p, imports: imports, specs: map[string]typeSpec{}, fields: map[token.Pos]*ast.Field{}}
	r.index()
	var contracts []*Contract
	for _, name := range r.wanted(options) {
		if c := r.contract(name, options); c != nil {
			contracts = append(contracts, c)
		}
	}
	r.checkServiceNames(contracts)
	r.errors.Sort()
	return contracts, r.errors.Err()
}

// Find reads the contract that peers call by this name, without regard to case.
// Other interfaces of the package may be no contracts.
func Find(p *Package, service string) (*Contract, error) {
	var known []string
	var broken error
	for _, name := range p.Types.Scope().Names() {
		object, isType := p.Types.Scope().Lookup(name).(*types.TypeName)
		if !isType || !types.IsInterface(object.Type()) || !object.Exported() {
			continue
		}
		contracts, err := Read(p, NewImports(), Options{Types: []string{name}})
		switch {
		case err != nil && strings.EqualFold(WireName(name), service):
			broken = err
		case err != nil:
		case strings.EqualFold(contracts[0].Wire, service):
			return contracts[0], nil
		default:
			known = append(known, contracts[0].Wire)
		}
	}
	switch {
	case broken != nil:
		return nil, broken
	case len(known) == 0:
		return nil, errors.New("it declares no contract")
	default:
		return nil, fmt.Errorf("it declares no %s; there is %s", service, strings.Join(known, ", "))
	}
}

type reader struct {
	*Package
	imports *Imports
	order   []string
	specs   map[string]typeSpec
	fields  map[token.Pos]*ast.Field // methods of interfaces by the place of their name
	errors  scanner.ErrorList
}

type typeSpec struct {
	*ast.TypeSpec
	docs []*ast.CommentGroup
}

func (r *reader) report(pos token.Pos, format string, args ...any) {
	r.errors.Add(r.Fset.Position(pos), fmt.Sprintf(format, args...))
}

// index finds the declarations that directives and positions come from.
func (r *reader) index() {
	for _, file := range r.Files {
		for _, d := range file.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.TYPE {
				continue
			}
			for _, s := range group.Specs {
				spec := s.(*ast.TypeSpec)
				docs := []*ast.CommentGroup{spec.Doc}
				if !group.Lparen.IsValid() {
					docs = append(docs, group.Doc)
				}
				r.order = append(r.order, spec.Name.Name)
				r.specs[spec.Name.Name] = typeSpec{spec, docs}
				if iface, ok := spec.Type.(*ast.InterfaceType); ok {
					for _, field := range iface.Methods.List {
						for _, name := range field.Names {
							r.fields[name.Pos()] = field
						}
					}
				}
			}
		}
	}
}

// wanted lists the names of the contracts.
func (r *reader) wanted(options Options) []string {
	if len(options.Types) > 0 {
		return options.Types
	}
	var names []string
	for _, name := range r.order {
		for _, group := range r.specs[name].docs {
			if group != nil && slices.ContainsFunc(group.List, func(c *ast.Comment) bool {
				return strings.HasPrefix(c.Text, prefix+"service")
			}) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		r.errors.Add(token.Position{}, fmt.Sprintf(
			"package %s has no interface with the directive %sservice; add it, or name the interface with -type", r.Name, prefix))
	}
	return names
}

func (r *reader) contract(name string, options Options) *Contract {
	spec, found := r.specs[name]
	object, _ := r.Types.Scope().Lookup(name).(*types.TypeName)
	if !found || object == nil {
		r.errors.Add(token.Position{}, fmt.Sprintf(
			"package %s declares no type %s; -type takes the name of an interface of this package", r.Name, name))
		return nil
	}
	iface, isInterface := object.Type().Underlying().(*types.Interface)
	switch {
	case !isInterface:
		r.report(spec.Name.Pos(), "%s is not an interface; a contract is an interface whose methods are the calls", name)
	case !object.Exported():
		r.report(spec.Name.Pos(), "%s is not exported; start its name with an upper-case letter", name)
	case spec.TypeParams != nil:
		r.report(spec.Name.Pos(), "%s has type parameters; peers know one contract by one name, so declare an interface without them", name)
	case !iface.IsMethodSet():
		r.report(spec.Name.Pos(), "%s is a constraint, not a set of methods; a contract has methods and nothing else", name)
	case iface.NumMethods() == 0:
		r.report(spec.Name.Pos(), "%s has no methods; a contract needs at least one", name)
	default:
		return r.methods(name, spec, iface, options)
	}
	return nil
}

func (r *reader) methods(name string, spec typeSpec, iface *types.Interface, options Options) *Contract {
	found := r.directives("a contract", map[string]bool{"service": true, "dotnet": false}, spec.docs...)
	c := &Contract{Name: name, Wire: WireName(name), Pos: r.Fset.Position(spec.Name.Pos())}
	if d, ok := found["service"]; ok {
		c.Wire = d.argument
	}
	if options.Service != "" {
		c.Wire = options.Service
	}
	if !wireName.MatchString(c.Wire) {
		r.report(spec.Name.Pos(), "%q cannot be the wire name of %s; a name has letters and digits, as IEchoService", c.Wire, name)
	}
	_, shared := found["dotnet"]
	c.DotNet = shared || options.DotNet
	seen := map[string][]*types.Func{}
	for _, m := range r.inOrder(iface) {
		method := r.method(c, m, c.DotNet)
		key := strings.ToLower(method.Wire)
		for _, other := range seen[key] {
			r.checkOverload(c, m, other, c.DotNet)
		}
		seen[key] = append(seen[key], m)
		c.Methods = append(c.Methods, method)
	}
	return c
}

// WireName is what .NET calls the contract that Go calls name.
func WireName(name string) string {
	second, _ := utf8.DecodeRuneInString(strings.TrimPrefix(name, "I"))
	if strings.HasPrefix(name, "I") && unicode.IsUpper(second) {
		return name
	}
	return "I" + name
}

// inOrder returns the interface's own methods as the source has them, then
// those of embedded interfaces by name.
func (r *reader) inOrder(iface *types.Interface) []*types.Func {
	own := map[string]bool{}
	var methods, embedded []*types.Func
	for i := range iface.NumExplicitMethods() {
		m := iface.ExplicitMethod(i)
		own[m.Name()] = true
		methods = append(methods, m)
	}
	slices.SortFunc(methods, func(a, b *types.Func) int { return cmp.Compare(a.Pos(), b.Pos()) })
	for i := range iface.NumMethods() {
		if m := iface.Method(i); !own[m.Name()] {
			embedded = append(embedded, m)
		}
	}
	slices.SortFunc(embedded, func(a, b *types.Func) int { return strings.Compare(a.Name(), b.Name()) })
	return append(methods, embedded...)
}

func (r *reader) method(c *Contract, f *types.Func, shared bool) *Method {
	m := &Method{Name: f.Name(), Wire: f.Name(), Pos: r.Fset.Position(f.Pos()), Func: f}
	if field := r.fields[f.Pos()]; field != nil {
		found := r.directives("a method", map[string]bool{"method": true, "idempotent": false}, field.Doc)
		if d, ok := found["method"]; ok {
			m.Wire = d.argument
		}
		_, m.Idempotent = found["idempotent"]
	}
	label := c.Name + "." + f.Name()
	if !f.Exported() {
		r.report(f.Pos(), "%s is not exported, so no other package can implement or call it; start its name with an upper-case letter", label)
	}
	if shared && strings.HasSuffix(m.Wire, "Async") {
		r.report(f.Pos(), "%s: .NET calls the method without the ending Async; name it with %smethod %s",
			label, prefix, strings.TrimSuffix(m.Wire, "Async"))
	}
	signature := f.Signature()
	r.params(m, label, f, signature, shared)
	r.results(m, label, f, signature, shared)
	return m
}

func (r *reader) params(m *Method, label string, f *types.Func, signature *types.Signature, shared bool) {
	params := signature.Params()
	if params.Len() == 0 || !isNamed(params.At(0).Type(), "context", "Context") {
		r.report(f.Pos(), "%s does not take a context first; write %s(ctx context.Context, …)", label, f.Name())
	}
	for i := range params.Len() {
		v := params.At(i)
		if i == 0 && isNamed(v.Type(), "context", "Context") {
			continue
		}
		what := fmt.Sprintf("%s, parameter %s", label, paramLabel(v, i))
		switch {
		case signature.Variadic() && i == params.Len()-1:
			r.report(r.place(v, f), "%s is variadic, which no peer can call; take a slice", what)
		case isNamed(v.Type(), "context", "Context"):
			r.report(r.place(v, f), "%s: the context goes first", what)
		case isNamed(v.Type(), "io", "Reader"):
			r.report(r.place(v, f), "%s is an io.Reader, whose length a client cannot know; take a *halibut.DataStream", what)
		default:
			if r.check(what, r.place(v, f), v.Type()) && shared {
				r.checkDotNet(what, r.place(v, f), v.Type(), parameter)
			}
		}
		m.Params = append(m.Params, Param{Name: v.Name(), Type: types.TypeString(v.Type(), r.qualify)})
	}
}

func paramLabel(v *types.Var, i int) string {
	if v.Name() == "" || v.Name() == "_" {
		return fmt.Sprint(i + 1)
	}
	return v.Name()
}

func (r *reader) results(m *Method, label string, f *types.Func, signature *types.Signature, shared bool) {
	results := signature.Results()
	n := results.Len()
	if n == 0 || !types.Identical(results.At(n-1).Type(), types.Universe.Lookup("error").Type()) {
		r.report(f.Pos(), "%s does not return an error last; a call can always fail, so write (…, error)", label)
		return
	}
	if n > 2 {
		r.report(f.Pos(), "%s returns %d values besides the error; a call has one result, so put them in a struct", label, n-1)
		return
	}
	if n == 2 {
		v := results.At(0)
		what := label + ", result"
		if r.check(what, r.place(v, f), v.Type()) && shared {
			r.checkDotNet(what, r.place(v, f), v.Type(), result)
		}
		m.Result = types.TypeString(v.Type(), r.qualify)
	}
}

// place is where a variable stands, or its method when it came from elsewhere.
func (r *reader) place(v *types.Var, f *types.Func) token.Pos {
	if v.Pos().IsValid() {
		return v.Pos()
	}
	return f.Pos()
}

func (r *reader) qualify(p *types.Package) string {
	if p == r.Types {
		return ""
	}
	return r.imports.Add(p.Path(), p.Name())
}

// checkOverload reports two methods that peers cannot tell apart.
func (r *reader) checkOverload(c *Contract, m, other *types.Func, shared bool) {
	a, b := m.Signature().Params(), other.Signature().Params()
	if a.Len() != b.Len() {
		return
	}
	for i := 1; i < a.Len(); i++ {
		if wireType(a.At(i).Type()) != wireType(b.At(i).Type()) {
			return
		}
	}
	r.report(m.Pos(), "%s.%s and %s.%s (%s) have the same name on the wire and parameters that peers cannot tell apart; "+
		"give one another name with %smethod", c.Name, m.Name(), c.Name, other.Name(), r.Fset.Position(other.Pos()), prefix)
}

// wireType is a type with the differences gone that the wire does not show.
func wireType(t types.Type) string {
	if basic, ok := t.Underlying().(*types.Basic); ok {
		switch info := basic.Info(); {
		case info&types.IsInteger != 0:
			return "an integer"
		case info&types.IsFloat != 0:
			return "a float"
		}
	}
	if pointer, ok := t.(*types.Pointer); ok {
		return wireType(pointer.Elem())
	}
	return types.TypeString(t, nil)
}

func (r *reader) checkServiceNames(contracts []*Contract) {
	seen := map[string]*Contract{}
	for _, c := range contracts {
		if other := seen[strings.ToLower(c.Wire)]; other != nil {
			r.errors.Add(c.Pos, fmt.Sprintf("%s and %s (%s) both have the wire name %s; give one another with %sservice",
				c.Name, other.Name, other.Pos, c.Wire, prefix))
		}
		seen[strings.ToLower(c.Wire)] = c
	}
}

// isNamed tells whether t is the named type of that package.
func isNamed(t types.Type, path, name string) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == name && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == path
}
