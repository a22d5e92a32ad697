package main

import (
	"go/types"
	"reflect"
	"strings"

	contracts "github.com/halibut-go/halibut/cmd/internal/contract"
	"github.com/halibut-go/halibut/wire"
)

// shapeKind is how values of a type travel.
type shapeKind int

const (
	shapeAny     shapeKind = iota // by itself: no type is declared
	shapeUnknown                  // a type of another package, which is not read
	shapeBool
	shapeNumber
	shapeString
	shapeText // a text that a type of the contract's own marshals to
	shapeEnum
	shapeTime
	shapeSpan
	shapeChar
	shapeGUID
	shapeBytes
	shapeStream
	shapeList
	shapeMap
	shapePair  // KeyValuePair
	shapeClass // tuples, too
	shapeSlot  // an abstract class
)

// shape is what is known of a type.
type shape struct {
	kind     shapeKind
	nullable bool
	basic    *types.Basic  // of bools, numbers, strings and enums
	named    *types.Named  // nil for types without a name
	class    *types.Struct // of classes
	slot     *types.Interface
	key      types.Type // of maps
	elem     types.Type // of maps and lists
	generic  string     // the .NET name of lists, "" for arrays, of tuples and of maps
	args     []types.Type
}

const (
	genericList       = "System.Collections.Generic.List`1"
	genericSet        = "System.Collections.Generic.HashSet`1"
	genericDictionary = "System.Collections.Generic.Dictionary`2"
	genericPair       = "System.Collections.Generic.KeyValuePair`2"
	wirePath          = contracts.Library + "/wire"
)

// shapeOf works out how values of a type travel.
func (f *contractFile) shapeOf(t types.Type) shape {
	t = types.Unalias(t)
	if pointer, ok := t.(*types.Pointer); ok {
		s := f.shapeOf(pointer.Elem())
		s.nullable = true
		return s
	}
	named, _ := t.(*types.Named)
	if named != nil && named.Obj().Pkg() != nil && named.Obj().Pkg() != f.pkg.Types {
		return f.foreignShape(named)
	}
	s := shape{named: named}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		s.basic = u
		s.kind = basicShape(u)
		if named != nil && (s.kind == shapeNumber || s.kind == shapeString) && len(f.enumValues(named)) > 0 {
			s.kind = shapeEnum
		} else if named != nil && s.kind == shapeString && marshalsText(named) {
			s.kind = shapeText
		}
	case *types.Slice:
		s.nullable, s.kind, s.elem = true, shapeList, u.Elem()
		if isByte(u.Elem()) {
			s.kind = shapeBytes
		}
	case *types.Array:
		s.kind, s.elem = shapeList, u.Elem()
		if isByte(u.Elem()) {
			s.kind = shapeBytes
		}
	case *types.Map:
		s.nullable, s.kind, s.key, s.elem, s.generic = true, shapeMap, u.Key(), u.Elem(), genericDictionary
		if empty, ok := u.Elem().Underlying().(*types.Struct); ok && empty.NumFields() == 0 {
			s.kind, s.elem, s.generic = shapeList, u.Key(), genericSet
		}
	case *types.Struct:
		s.kind, s.class = shapeClass, u
		if named != nil && marshalsText(named) {
			s.kind = shapeText
		}
	case *types.Interface:
		s.nullable, s.slot = true, u
		if !u.Empty() {
			s.kind = shapeSlot
		}
	default:
		s.kind = shapeUnknown
	}
	return s
}

// foreignShape is that of a type of another package.
func (f *contractFile) foreignShape(named *types.Named) shape {
	path, name := named.Obj().Pkg().Path(), named.Obj().Name()
	s := shape{named: named}
	if args := named.TypeArgs(); args != nil {
		for i := range args.Len() {
			s.args = append(s.args, args.At(i))
		}
	}
	switch path + "." + name {
	case "time.Time":
		s.kind = shapeTime
	case "time.Duration", wirePath + ".TimeSpan":
		s.kind = shapeSpan
	case "net/url.URL", wirePath + ".URI", wirePath + ".Version":
		s.kind = shapeText
	case wirePath + ".Char":
		s.kind = shapeChar
	case "github.com/google/uuid.UUID":
		s.kind = shapeGUID
	case wirePath + ".Raw":
		s.kind, s.nullable = shapeAny, true
	case wirePath + ".DataStream":
		s.kind = shapeStream
	case wirePath + ".List":
		s.kind, s.nullable, s.elem, s.generic = shapeList, true, s.args[0], genericList
	case wirePath + ".Set":
		s.kind, s.nullable, s.elem, s.generic = shapeList, true, s.args[0], genericSet
	case wirePath + ".KeyValuePair":
		s.kind, s.generic, s.class = shapePair, genericPair, named.Underlying().(*types.Struct)
	case wirePath + ".Tuple2", wirePath + ".Tuple3", wirePath + ".Tuple4":
		s.kind, s.generic, s.class = shapeClass, "System.Tuple`"+name[len("Tuple"):], named.Underlying().(*types.Struct)
	default:
		s.kind = shapeUnknown
	}
	return s
}

func basicShape(b *types.Basic) shapeKind {
	switch info := b.Info(); {
	case info&types.IsBoolean != 0:
		return shapeBool
	case info&(types.IsInteger|types.IsFloat) != 0:
		return shapeNumber
	case info&types.IsString != 0:
		return shapeString
	default:
		return shapeUnknown
	}
}

func isByte(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() == types.Uint8
}

// marshalsText reports whether a type travels as the text that it marshals to.
func marshalsText(named *types.Named) bool {
	for _, name := range []string{"MarshalText", "UnmarshalText"} {
		if object, _, _ := types.LookupFieldOrMethod(types.NewPointer(named), true, named.Obj().Pkg(), name); object == nil {
			return false
		}
	}
	return true
}

func structTag(tag string) (string, bool) { return reflect.StructTag(tag).Lookup("halibut") }

// dotNetName is the .NET name of a type, as it stands in $type.
func (f *contractFile) dotNetName(t types.Type) (wire.TypeName, bool) { return f.nameWithin(t, 0) }

// nameWithin names a type inside of others. One that is made of itself has no
// name.
func (f *contractFile) nameWithin(t types.Type, depth int) (wire.TypeName, bool) {
	const deepest = 16
	if depth++; depth > deepest {
		return wire.TypeName{}, false
	}
	s := f.shapeOf(t)
	if _, pointer := types.Unalias(t).(*types.Pointer); pointer {
		name, ok := f.nameWithin(types.Unalias(t).(*types.Pointer).Elem(), depth)
		if ok && f.isValue(s) {
			name = framework("System.Nullable`1", name)
		}
		return name, ok
	}
	if s.named != nil && s.named.Obj().Pkg() == f.pkg.Types {
		if text := f.names.types[s.named.Obj().Name()]; text != "" {
			name, err := wire.ParseTypeName(text)
			return name, err == nil
		}
	}
	switch s.kind {
	case shapeList:
		element, ok := f.nameWithin(s.elem, depth)
		if ok && s.generic == "" {
			element.Arrays = append(element.Arrays[:len(element.Arrays):len(element.Arrays)], 1)
			return element, true
		}
		return framework(s.generic, element), ok
	case shapeMap:
		key, known := f.nameWithin(s.key, depth)
		value, ok := f.nameWithin(s.elem, depth)
		return framework(s.generic, key, value), ok && known
	}
	if s.generic != "" {
		args := make([]wire.TypeName, len(s.args))
		for i, arg := range s.args {
			var ok bool
			if args[i], ok = f.nameWithin(arg, depth); !ok {
				return wire.TypeName{}, false
			}
		}
		return framework(s.generic, args...), true
	}
	name, ok := scalarName(s)
	return framework(name), ok
}

// unknownName reports whether a type's .NET name is one that is not understood, or
// is made of such a name.
func (f *contractFile) unknownName(t types.Type) bool {
	for {
		s := f.shapeOf(t)
		switch {
		case s.named != nil && s.named.Obj().Pkg() == f.pkg.Types:
			return f.names.unknown[s.named.Obj().Name()]
		case s.kind == shapeList || s.kind == shapeMap:
			t = s.elem
		default:
			return false
		}
	}
}

// isValue reports whether a type is one of .NET's values, which are not null.
func (f *contractFile) isValue(s shape) bool {
	switch s.kind {
	case shapeBool, shapeNumber, shapeTime, shapeSpan, shapeChar, shapeGUID, shapePair:
		return true
	case shapeEnum:
		return s.basic.Info()&types.IsInteger != 0
	case shapeClass:
		object, _, _ := types.LookupFieldOrMethod(types.NewPointer(s.typ()), true, f.pkg.Types, "DotNetValueType")
		return object != nil
	}
	return false
}

func (s shape) typ() types.Type {
	if s.named != nil {
		return s.named
	}
	return s.class
}

func scalarName(s shape) (string, bool) {
	switch s.kind {
	case shapeTime:
		return "System.DateTime", true
	case shapeSpan:
		return "System.TimeSpan", true
	case shapeChar:
		return "System.Char", true
	case shapeGUID:
		return "System.Guid", true
	case shapeStream:
		return "Halibut.DataStream", true
	case shapeBytes:
		return "System.Byte[]", true
	case shapeAny:
		return "System.Object", true
	case shapeText:
		switch {
		case s.named.Obj().Name() == "Version" && s.named.Obj().Pkg().Path() == wirePath:
			return "System.Version", true
		case s.named.Obj().Pkg().Path() == wirePath, s.named.Obj().Pkg().Path() == "net/url":
			return "System.Uri", true
		}
		return "System.String", true
	case shapeBool, shapeNumber, shapeString, shapeEnum:
		name, ok := basicNames[s.basic.Kind()]
		return name, ok
	}
	return "", false
}

var basicNames = map[types.BasicKind]string{
	types.Bool: "System.Boolean", types.String: "System.String",
	types.Int8: "System.SByte", types.Int16: "System.Int16", types.Int32: "System.Int32", types.Int: "System.Int64", types.Int64: "System.Int64",
	types.Uint8: "System.Byte", types.Uint16: "System.UInt16", types.Uint32: "System.UInt32", types.Uint: "System.UInt64", types.Uint64: "System.UInt64",
	types.Float32: "System.Single", types.Float64: "System.Double",
}

// framework is the name of one of .NET's own types.
func framework(name string, args ...wire.TypeName) wire.TypeName {
	t := wire.TypeName{Name: name, Assembly: "mscorlib", Args: args}
	switch name {
	case genericSet:
		t.Assembly = "System.Core"
	case "System.Uri":
		t.Assembly = "System"
	case "Halibut.DataStream":
		t.Assembly = "Halibut"
	}
	if element, ok := strings.CutSuffix(name, "[]"); ok {
		t.Name, t.Arrays = element, []int{1}
	}
	return t
}
