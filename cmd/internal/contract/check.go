package contract

import (
	"fmt"
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"strings"
)

const (
	wirePackage = Library + "/wire"
	uuidPackage = "github.com/google/uuid"
)

// check reports a type that no peer can be sent, and tells whether it is fine.
func (r *reader) check(what string, pos token.Pos, t types.Type) bool {
	path, reason := untransportable(t, r.Types, map[types.Type]bool{})
	if reason == "" {
		return true
	}
	if path != "" {
		what += " (" + strings.TrimPrefix(path, ".") + ")"
	}
	r.report(pos, "%s %s", what, reason)
	return false
}

// untransportable looks through a type for what cannot be sent. It returns the
// path to it inside the type, and what is wrong.
func untransportable(t types.Type, home *types.Package, seen map[types.Type]bool) (path, reason string) {
	if seen[t] {
		return "", ""
	}
	seen[t] = true
	inner := func(step string, t types.Type) (string, string) {
		path, reason := untransportable(t, home, seen)
		if reason == "" {
			return "", ""
		}
		return step + path, reason
	}
	if named, ok := types.Unalias(t).(*types.Named); ok {
		if reason, known := namedReason(named, home); known {
			return "", reason
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return "", basicReason(u)
	case *types.Chan:
		return "", "is a channel, which cannot be sent; return a slice, or take a *halibut.DataStream"
	case *types.Signature:
		return "", "is a function, which cannot be sent; make it a method of a contract that the peer serves"
	case *types.Array:
		return inner("[]", u.Elem())
	case *types.Interface:
		if !u.IsMethodSet() {
			return "", "is a constraint; name a type"
		}
		return "", ""
	case *types.Slice:
		return inner("[]", u.Elem())
	case *types.Map:
		if reason := keyReason(u.Key()); reason != "" {
			return "", reason
		}
		return inner("[…]", u.Elem())
	case *types.Pointer:
		return pointerReason(u, inner)
	case *types.Struct:
		return structReason(u, inner)
	}
	return "", ""
}

// namedReason decides named types that are not judged by what they are made of.
func namedReason(named *types.Named, home *types.Package) (reason string, known bool) {
	object := named.Obj()
	switch {
	case isLibrary(named, "DataStream"):
		return "is a DataStream by value; use a *halibut.DataStream", true
	case isNamed(named, "time", "Time"), isNamed(named, "time", "Duration"), isNamed(named, "net/url", "URL"),
		isNamed(named, uuidPackage, "UUID"), isLibrary(named, "TimeSpan", "Char", "URI", "Version", "Raw"):
		return "", true
	case object.Pkg() == nil:
		return "is an error, which only the method itself returns; use a string", true
	case !object.Exported() && object.Pkg() == home:
		return fmt.Sprintf("is the unexported type %s, which callers elsewhere cannot name; export it", object.Name()), true
	case isNamed(named, "context", "Context"):
		return "is a context, which is not sent; the method's first parameter is its place", true
	case isText(named):
		return "", true
	}
	return "", false
}

// isLibrary tells whether t is one of the library's types of these names: the
// library declares them in package wire and names them again in its root.
func isLibrary(t types.Type, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return isNamed(t, wirePackage, name) || isNamed(t, Library, name)
	})
}

// isText tells whether values of t travel as the text they write themselves.
func isText(t types.Type) bool {
	for _, name := range []string{"MarshalText", "UnmarshalText"} {
		if object, _, _ := types.LookupFieldOrMethod(types.NewPointer(t), true, nil, name); object == nil {
			return false
		}
	}
	return true
}

func basicReason(b *types.Basic) string {
	switch {
	case b.Kind() == types.Invalid:
		return "has a type that does not compile; see what the compiler says"
	case b.Kind() == types.Uintptr || b.Kind() == types.UnsafePointer:
		return "is an address, which means nothing to a peer; remove it"
	case b.Info()&types.IsComplex != 0:
		return "is a complex number, which the wire does not have; use a struct of two float64"
	}
	return ""
}

func keyReason(key types.Type) string {
	if isNamed(key, "time", "Time") || isNamed(key, uuidPackage, "UUID") || isText(key) {
		return ""
	}
	if basic, ok := key.Underlying().(*types.Basic); ok {
		if basic.Info()&(types.IsString|types.IsInteger|types.IsFloat|types.IsBoolean) != 0 && basic.Kind() != types.Uintptr {
			return ""
		}
	}
	return fmt.Sprintf("is a map whose keys are %s; keys travel as text, so use a string, a number, a bool, an enum, a uuid.UUID or a time.Time",
		types.TypeString(key, func(p *types.Package) string { return p.Name() }))
}

type inside func(step string, t types.Type) (path, reason string)

func pointerReason(p *types.Pointer, inner inside) (path, reason string) {
	if isLibrary(p.Elem(), "DataStream") {
		return "", ""
	}
	switch p.Elem().Underlying().(type) {
	case *types.Pointer:
		return "", "is a pointer to a pointer; null is null, so one is enough"
	case *types.Interface:
		return "", "is a pointer to an interface; an interface can be nil itself"
	}
	return inner("", p.Elem())
}

func structReason(s *types.Struct, inner inside) (path, reason string) {
	for i := range s.NumFields() {
		field := s.Field(i)
		if !field.Exported() && !field.Embedded() || reflect.StructTag(s.Tag(i)).Get("halibut") == "-" {
			continue
		}
		if path, reason := inner("."+field.Name(), field.Type()); reason != "" {
			return path, reason
		}
	}
	return "", ""
}
