package convert

import (
	"bytes"
	"fmt"
	"go/token"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/halibut-go/halibut/cmd/internal/contract"
	"github.com/halibut-go/halibut/cmd/internal/csharp"
)

// contractType is a contract with what its Go interface says besides.
type contractType struct {
	*contract.Contract
	full string
	doc  string
	docs []string // of the methods
}

// convertInterface converts an interface whose methods are calls. One that
// only holds properties is data, and is converted where it is used.
func (c *converter) convertInterface(d *declaration) {
	methods := c.contractMethods(d)
	switch {
	case len(methods) == 0:
		c.silent = append(c.silent, d)
		return
	case c.leftOut(d, methods):
		return
	}
	if len(d.typeParams()) > 0 {
		c.refuse(d.pos(), "%s is a generic interface; peers know one contract by one name, so declare one without type parameters", d.name())
		return
	}
	c.checkMembers(d)
	wire := c.contractName(d, methods)
	t := &contractType{
		Contract: &contract.Contract{Name: c.interfaceName(d, wire), Wire: wire, DotNet: true, Pos: d.pos()},
		full:     d.full, doc: d.doc(),
	}
	c.declare(t.Name, d.pos(), d.full)
	for _, name := range []string{t.Name + "Name", "New" + t.Name + "Client", "Register" + t.Name} {
		c.declare(name, d.pos(), "generated for "+d.full)
	}
	for _, m := range methods {
		c.convertMethod(t, m, scope{declaration: m.owner})
	}
	c.interfaces = append(c.interfaces, t)
}

// callable is a method with the interface that declares it.
type callable struct {
	*csharp.Method
	owner *declaration
}

// contractMethods are the interface's methods, and those it inherits.
func (c *converter) contractMethods(d *declaration) []callable {
	var methods []callable
	seen := map[*declaration]bool{}
	var collect func(d *declaration)
	collect = func(d *declaration) {
		if seen[d] {
			return
		}
		seen[d] = true
		for _, m := range d.methods() {
			if !m.Modifiers["static"] && !m.Explicit && !m.Modifiers["private"] {
				methods = append(methods, callable{m, d})
			}
		}
		for _, ref := range d.bases() {
			if base := c.find(ref.Name, len(ref.Args), d.first()); base != nil && base.kind == csharp.Interface {
				collect(base)
			}
		}
	}
	collect(d)
	return methods
}

// leftOut decides interfaces that are no contracts of their own: the
// asynchronous form of another one, and those for use inside one program.
func (c *converter) leftOut(d *declaration, methods []callable) bool {
	if c.named(d) {
		return false
	}
	if sync := c.syncForm(d, methods); sync != nil && slices.Contains(c.roots, sync) {
		c.note(d.pos(), "%s is left out: it is the asynchronous form of %s", d.name(), sync.name())
		return true
	}
	for _, m := range methods {
		for _, p := range m.Params {
			if what := c.localOnly(p.Type, m.owner); what != "" {
				c.note(d.pos(), "%s is left out, since it is no contract: parameter %s of %s is %s",
					d.name(), p.Name, m.Name, what)
				return true
			}
		}
	}
	return false
}

// localOnly says why a type shows that an interface is not meant for peers.
func (c *converter) localOnly(ref *csharp.TypeRef, from *declaration) string {
	if lastName(ref.Name) == "Exception" {
		return "an exception"
	}
	if d := c.find(ref.Name, len(ref.Args), from.first()); d != nil && d.kind == csharp.Interface && len(d.methods()) > 0 {
		return "the interface " + d.name() + ", which has methods"
	}
	return ""
}

const (
	clientOptions = "HalibutProxyRequestOptions"
	cancellation  = "CancellationToken"
)

// syncName is the contract's name for an asynchronous interface: .NET services
// have IAsyncEchoService for it, clients IAsyncClientEchoService.
func syncName(d *declaration, methods []callable) string {
	rest, ok := strings.CutPrefix(d.name(), "IAsync")
	if !ok {
		return d.name()
	}
	if last := lastParam(methods[0].Method); last != nil && lastName(last.Type.Name) == clientOptions {
		rest = strings.TrimPrefix(rest, "Client")
	}
	return "I" + rest
}

func lastParam(m *csharp.Method) *csharp.Param {
	if len(m.Params) == 0 {
		return nil
	}
	return m.Params[len(m.Params)-1]
}

// syncForm finds the contract that an asynchronous interface mirrors, wherever
// in the files it is.
func (c *converter) syncForm(d *declaration, methods []callable) *declaration {
	name := syncName(d, methods)
	if name == d.name() {
		return nil
	}
	for _, other := range c.all {
		if other.kind == csharp.Interface && other.name() == name {
			return other
		}
	}
	return nil
}

func (c *converter) contractName(d *declaration, methods []callable) string {
	name := syncName(d, methods)
	if name != d.name() {
		c.note(d.pos(), "%s is taken for the asynchronous form of a contract %s", d.name(), name)
	}
	return name
}

// interfaceName is the wire name without its I, unless a class has that name.
func (c *converter) interfaceName(d *declaration, wire string) string {
	short := exported(strings.TrimPrefix(wire, "I"))
	if !isInterfaceName(wire) {
		short = exported(wire)
	}
	for _, other := range c.roots {
		if other != d && other.kind != csharp.Interface && exported(other.name()) == short {
			return exported(wire)
		}
	}
	return short
}

// checkMembers refuses what an interface may have besides methods.
func (c *converter) checkMembers(d *declaration) {
	for _, part := range d.parts {
		for _, p := range part.Properties {
			if !p.Modifiers["static"] && !p.Explicit {
				c.refuse(p.Pos, "%s.%s is a property, which peers cannot call; make it a method", d.name(), p.Name)
			}
		}
		for _, o := range part.Others {
			if o.What == "event" || o.What == "indexer" {
				c.refuse(o.Pos, "%s has an %s, which peers cannot call; make it a method", d.name(), o.What)
			}
		}
	}
}

func (c *converter) convertMethod(t *contractType, m callable, s scope) {
	label := t.Wire + "." + m.Name
	if len(m.TypeParams) > 0 {
		c.refuse(m.Pos, "%s has type parameters, which a call cannot carry; declare a method for each type", label)
		return
	}
	params, result, asynchronous := unwrapTask(m.Method)
	method := &contract.Method{Wire: m.Name, Pos: m.Pos}
	if asynchronous {
		method.Wire = strings.TrimSuffix(m.Name, "Async")
	}
	method.Idempotent = csharp.Find(m.Attributes, "CacheResponse") != nil || // .NET clients keep the answer for later calls
		slices.Contains(c.options.Idempotent, t.Wire+"."+method.Wire)
	var suffix string
	for _, p := range params {
		typ, ok := c.parameter(t, label, p, s)
		if !ok {
			continue
		}
		suffix += typ.label
		method.Params = append(method.Params, contract.Param{Name: paramName(p.Name), Type: typ.expr})
	}
	if result != nil && result.Name != "void" {
		if typ, ok := c.typeOf(result, s); ok {
			c.top(t, m.Pos, label+" returns", typ.result, "no .NET caller accepts that as a result of its own")
			method.Result = typ.expr
		}
	}
	method.Name = t.uniqueName(exported(method.Wire), suffix)
	t.Methods = append(t.Methods, method)
	t.docs = append(t.docs, m.Doc)
}

// unwrapTask gives an asynchronous method the form that travels.
func unwrapTask(m *csharp.Method) (params []*csharp.Param, result *csharp.TypeRef, asynchronous bool) {
	params, result = m.Params, m.Result
	if name := lastName(result.Name); name == "Task" || name == "ValueTask" {
		asynchronous = true
		if result = nil; len(m.Result.Args) == 1 {
			result = m.Result.Args[0]
		}
	}
	if last := lastParam(m); last != nil && asynchronous {
		if name := lastName(last.Type.Name); name == cancellation || name == clientOptions {
			params = params[:len(params)-1]
		}
	}
	return params, result, asynchronous
}

func (c *converter) parameter(t *contractType, label string, p *csharp.Param, s scope) (goType, bool) {
	switch p.Modifier {
	case "ref", "out", "in", "readonly":
		c.refuse(p.Pos, "%s: parameter %s is passed by reference (%s), which a call cannot do; return the value instead", label, p.Name, p.Modifier)
		return goType{}, false
	}
	typ, ok := c.typeOf(p.Type, s)
	if ok {
		c.top(t, p.Pos, label+": parameter "+p.Name+" is", typ.param,
			"no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch)")
	}
	return typ, ok
}

// top notes or refuses a type that .NET peers take only inside a class.
func (c *converter) top(t *contractType, pos csharp.Position, what, kind, why string) {
	if kind == "" {
		return
	}
	t.DotNet = false
	if kind == "object" {
		why = "Halibut does not let that into a contract"
	}
	instead := "put it in a class"
	switch kind {
	case "sbyte", "byte", "short", "ushort", "int", "uint", "ulong":
		instead = "use long, or " + instead
	case "float", "decimal":
		instead = "use double, or " + instead
	case "Uri", "Version", "char":
		instead = "use string, or " + instead
	case "object":
		instead = "name a type"
	}
	if c.options.DotNet {
		c.refuse(pos, "%s %s: %s; %s", what, kind, why, instead)
		return
	}
	c.note(pos, "%s %s: %s; %s", what, kind, why, instead)
}

// uniqueName keeps the plain name for the first overload and adds the types of
// the parameters for the others.
func (t *contractType) uniqueName(name, suffix string) string {
	taken := func(candidate string) bool {
		return slices.ContainsFunc(t.Methods, func(m *contract.Method) bool { return m.Name == candidate })
	}
	if !taken(name) {
		return name
	}
	name += suffix
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s%s%d", strings.TrimSuffix(name, suffix), suffix, n)
	}
	return name
}

// checkIdempotent refuses names that mean nothing.
func (c *converter) checkIdempotent() {
	for _, name := range c.options.Idempotent {
		service, method, _ := strings.Cut(name, ".")
		if !slices.ContainsFunc(c.interfaces, func(t *contractType) bool {
			return t.Wire == service && slices.ContainsFunc(t.Methods, func(m *contract.Method) bool { return m.Idempotent && m.Wire == method })
		}) {
			c.refuse(csharp.Position{}, "-idempotent names %s, which is no method of these contracts; write IContract.Method", name)
		}
	}
}

// exported makes a Go name that other packages see.
func exported(name string) string {
	name = strings.TrimLeft(name, "_")
	first, size := utf8.DecodeRuneInString(name)
	if !unicode.IsLetter(first) {
		return "X" + name
	}
	if upper := unicode.ToUpper(first); unicode.IsUpper(upper) {
		return string(upper) + name[size:]
	}
	return "X" + name
}

func paramName(name string) string {
	if token.IsKeyword(name) || name == "ctx" {
		return name + "_"
	}
	return name
}

func (c *converter) writeInterface(w *bytes.Buffer, t *contractType) {
	fmt.Fprintf(w, "\n// %s is the contract %s.\n", t.Name, t.full)
	writeDoc(w, "", t.doc)
	fmt.Fprintf(w, "//\n//halibut:service %s\n", t.Wire)
	if t.DotNet {
		fmt.Fprintf(w, "//halibut:dotnet\n")
	}
	context := c.imports.Add("context", "context")
	fmt.Fprintf(w, "type %s interface {\n", t.Name)
	for i, m := range t.Methods {
		lines := summary(t.docs[i])
		if i > 0 && (len(lines) > 0 || m.Wire != m.Name || m.Idempotent) {
			fmt.Fprintln(w)
		}
		for _, line := range lines {
			fmt.Fprintf(w, "\t// %s\n", line)
		}
		if len(lines) > 0 && (m.Wire != m.Name || m.Idempotent) {
			fmt.Fprintf(w, "\t//\n")
		}
		if m.Idempotent {
			fmt.Fprintf(w, "\t//halibut:idempotent\n")
		}
		if m.Wire != m.Name {
			fmt.Fprintf(w, "\t//halibut:method %s\n", m.Wire)
		}
		fmt.Fprintf(w, "\t%s(ctx %s.Context", m.Name, context)
		for _, p := range m.Params {
			fmt.Fprintf(w, ", %s %s", p.Name, p.Type)
		}
		if m.Result == "" {
			fmt.Fprintf(w, ") error\n")
		} else {
			fmt.Fprintf(w, ") (%s, error)\n", m.Result)
		}
	}
	fmt.Fprintf(w, "}\n")
}
