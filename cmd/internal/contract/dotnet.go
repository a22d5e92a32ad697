package contract

import (
	"fmt"
	"go/token"
	"go/types"
)

// direction tells a parameter from a result: .NET is of two minds about them.
type direction bool

const (
	parameter direction = false
	result    direction = true
)

// checkDotNet reports a type that no .NET peer takes as a direct parameter or
// gives as a direct result, though it would inside a class.
func (r *reader) checkDotNet(what string, pos token.Pos, t types.Type, d direction) {
	if reason := dotNetReason(t, d); reason != "" {
		r.report(pos, "%s %s", what, reason)
	}
}

var tuples = []string{"Tuple2", "Tuple3", "Tuple4"}

const (
	noService = "no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch)"
	noCaller  = "no .NET caller accepts it as a result of its own (it throws InvalidCastException)"
)

func refusal(d direction) string {
	if d == result {
		return noCaller
	}
	return noService
}

func dotNetReason(t types.Type, d direction) string {
	t = types.Unalias(t)
	switch {
	case isLibrary(t, "TimeSpan"), isNamed(t, "time", "Duration"):
		return fmt.Sprintf("is a TimeSpan in .NET: %s; put it in a struct, or send its ticks as an int64", refusal(d))
	case isLibrary(t, "URI"), isNamed(t, "net/url", "URL"):
		return fmt.Sprintf("is a Uri in .NET: %s; put it in a struct, or send it as a string", refusal(d))
	case isLibrary(t, "Version"):
		return fmt.Sprintf("is a Version in .NET: %s; put it in a struct, or send it as a string", refusal(d))
	case isLibrary(t, "KeyValuePair"):
		return fmt.Sprintf("is a KeyValuePair in .NET: %s; send a struct of your own, or two parameters", refusal(d))
	case isLibrary(t, "Char"):
		if d == result {
			return ""
		}
		return "is a char in .NET: " + noService + "; use a string"
	case isNamed(t, "time", "Time"), isNamed(t, uuidPackage, "UUID"), isLibrary(t, tuples...):
		return ""
	case isEnum(t):
		return fmt.Sprintf("is an enum in .NET: %s; put it in a struct, or send it as an int64 or a string", refusal(d))
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return basicDotNet(u, d)
	case *types.Pointer:
		return pointerDotNet(u, d)
	case *types.Struct:
		if !hasDotNetType(t) && !isText(t) {
			return noTypeName(t)
		}
	case *types.Interface:
		if u.Empty() {
			return "is object in .NET, which Halibut does not let into a contract; name the type"
		}
	case *types.Slice:
		return elementDotNet(u.Elem())
	case *types.Map:
		return elementDotNet(valueOf(u))
	}
	return ""
}

// valueOf is the type that matters in a map: its keys' when it is a set.
func valueOf(m *types.Map) types.Type {
	if s, ok := m.Elem().Underlying().(*types.Struct); ok && s.NumFields() == 0 {
		return m.Key()
	}
	return m.Elem()
}

var dotNetNames = map[types.BasicKind]string{
	types.Int8: "sbyte", types.Int16: "short", types.Int32: "int",
	types.Uint: "ulong", types.Uint8: "byte", types.Uint16: "ushort", types.Uint32: "uint", types.Uint64: "ulong",
	types.Float32: "float",
}

// basicDotNet lets results through: .NET callers convert numbers.
func basicDotNet(b *types.Basic, d direction) string {
	name := dotNetNames[b.Kind()]
	if name == "" || d == result {
		return ""
	}
	instead := "int64, which is long in .NET"
	if b.Info()&types.IsFloat != 0 {
		instead = "float64, which is double in .NET"
	}
	return fmt.Sprintf("is %s in .NET: %s; use %s", name, noService, instead)
}

// pointerDotNet decides nullable values: they come as what they hold, so those
// work whose wire type is the very type .NET wants.
func pointerDotNet(p *types.Pointer, d direction) string {
	if isLibrary(p.Elem(), "DataStream") {
		return ""
	}
	if basic, ok := p.Elem().Underlying().(*types.Basic); ok && !isEnum(p.Elem()) {
		if name := dotNetNames[basic.Kind()]; name != "" {
			return fmt.Sprintf("is %s? in .NET: %s; put it in a struct", name, refusal(d))
		}
	}
	return dotNetReason(p.Elem(), d)
}

// elementDotNet asks the elements of a collection for the name that its $type
// is made of.
func elementDotNet(t types.Type) string {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok && !isLibrary(p.Elem(), "DataStream") {
		t = types.Unalias(p.Elem())
	}
	if isNamed(t, "time", "Time") || isNamed(t, "net/url", "URL") || isLibrary(t, append(tuples, "KeyValuePair")...) ||
		hasDotNetType(t) || isText(t) {
		return ""
	}
	switch u := t.Underlying().(type) {
	case *types.Struct:
		return noTypeName(t)
	case *types.Interface:
		if u.Empty() {
			return "has elements that are object in .NET, which Halibut does not let into a contract; name their type"
		}
	case *types.Slice:
		return elementDotNet(u.Elem())
	case *types.Map:
		return elementDotNet(valueOf(u))
	}
	return ""
}

func noTypeName(t types.Type) string {
	name := types.TypeString(t, func(*types.Package) string { return "" })
	if _, named := t.(*types.Named); !named {
		return "is a struct without a name, which .NET cannot know; declare a type with a method DotNetType() string"
	}
	return fmt.Sprintf("needs the name of its .NET type: add the method func (%s) DotNetType() string { return \"Namespace.%s, Assembly\" }",
		name, name)
}

func hasDotNetType(t types.Type) bool {
	object, _, _ := types.LookupFieldOrMethod(types.NewPointer(t), true, nil, "DotNetType")
	f, ok := object.(*types.Func)
	return ok && f.Signature().Params().Len() == 0
}

// isEnum tells whether t is a named integer type with constants of its own.
func isEnum(t types.Type) bool {
	named, ok := t.(*types.Named)
	if !ok || named.Obj().Pkg() == nil {
		return false
	}
	basic, ok := named.Underlying().(*types.Basic)
	if !ok || basic.Info()&types.IsInteger == 0 {
		return false
	}
	scope := named.Obj().Pkg().Scope()
	for _, name := range scope.Names() {
		if c, ok := scope.Lookup(name).(*types.Const); ok && types.Identical(c.Type(), named) {
			return true
		}
	}
	return false
}
