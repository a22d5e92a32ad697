package convert

import (
	"strconv"
	"strings"

	"github.com/halibut-go/halibut/cmd/internal/csharp"
)

// goType is what a C# type becomes.
type goType struct {
	expr     string // the Go type
	name     string // the .NET name, without assembly
	assembly string
	label    string // for names made of names: Int64, Person, ListOfString
	value    bool   // a value type in .NET
	key      bool   // may be the key of a dictionary
	equal    bool   // Go can compare it
	integer  bool   // a whole number
	marked   bool   // a member of this type carries $type
	param    string // why no .NET service accepts it as a parameter of its own
	result   string // why no .NET caller accepts it as a result of its own
}

// argument is the type's name as it stands between a generic type's brackets.
func (t goType) argument() string { return "[" + t.name + ", " + t.assembly + "]" }

// scope is where a type is named: inside a declaration, with the types that
// its type parameters stand for.
type scope struct {
	*declaration
	arguments map[string]goType
}

// typeOf converts a type. It reports what cannot be converted and returns false.
func (c *converter) typeOf(ref *csharp.TypeRef, s scope) (goType, bool) {
	switch {
	case ref.Pointer:
		c.refuse(ref.Pos, "%s is a pointer, which means nothing to a peer; send the value", ref)
		return goType{}, false
	case ref.Rank > 0:
		return c.arrayOf(ref, s)
	case ref.Name == "()":
		return c.nullable(ref)(c.valueTuple(ref, s))
	}
	if alias := s.first().Imports.Aliases[ref.Name]; alias != nil && len(ref.Args) == 0 {
		plain := *alias
		plain.Nullable = plain.Nullable || ref.Nullable
		return c.typeOf(&plain, scope{declaration: withoutAliases(s.declaration), arguments: s.arguments})
	}
	if t, ok := s.arguments[ref.Name]; ok && len(ref.Args) == 0 {
		return c.nullable(ref)(t, true)
	}
	if d := c.find(ref.Name, len(ref.Args), s.first()); d != nil {
		return c.declaredType(ref, d, s)
	}
	return c.framework(ref, s)
}

// withoutAliases keeps an alias from naming itself.
func withoutAliases(d *declaration) *declaration {
	first := *d.first()
	first.Imports = &csharp.Imports{Namespaces: first.Imports.Namespaces}
	copied := *d
	copied.parts = append([]*csharp.Type{&first}, d.parts[1:]...)
	return &copied
}

// nullable returns a function that applies the type's question mark.
func (c *converter) nullable(ref *csharp.TypeRef) func(goType, bool) (goType, bool) {
	return func(t goType, ok bool) (goType, bool) {
		switch {
		case !ok:
			return t, false
		case t.value && ref.Nullable:
			return nullableOf(t), true
		case t.textual() && (ref.Nullable || c.options.NullStrings && !ref.Context):
			t.expr = "*" + t.expr
		}
		return t, true
	}
}

// comparedByValue is the type as a key of a map. Go tells pointers apart by
// where they point, so a text is one there, even if it may be null elsewhere.
func (t goType) comparedByValue() string {
	switch t.name {
	case "System.String", "System.Uri", "System.Version":
		return strings.TrimPrefix(t.expr, "*")
	}
	return t.expr
}

// textual tells whether the type is a reference in .NET, which may be null, and
// a string in Go, which may not.
func (t goType) textual() bool {
	switch t.name {
	case "System.String", "System.Uri", "System.Version":
		return t.expr[0] != '*'
	}
	return false
}

func nullableOf(t goType) goType {
	n := goType{
		expr: "*" + t.expr, name: "System.Nullable`1[" + t.argument() + "]", assembly: mscorlib,
		label: "Nullable" + t.label, value: true, param: t.param, result: t.result, equal: true,
	}
	if t.integer {
		n.param = keywords[t.label] + "?"
		n.result = n.param
		if t.label == "Int64" {
			n.param, n.result = "", ""
		}
	}
	return n
}

func (c *converter) arrayOf(ref *csharp.TypeRef, s scope) (goType, bool) {
	element, ok := c.typeOf(ref.Args[0], s)
	if !ok {
		return goType{}, false
	}
	if element.expr == "uint8" && ref.Rank == 1 {
		return goType{expr: "[]byte", name: "System.Byte[]", assembly: mscorlib, label: "Bytes"}, true
	}
	return goType{
		expr: strings.Repeat("[]", ref.Rank) + element.expr, name: element.name + "[" + strings.Repeat(",", ref.Rank-1) + "]",
		assembly: element.assembly, label: "ArrayOf" + element.label,
	}, true
}

// declaredType converts the name of a type from the files.
func (c *converter) declaredType(ref *csharp.TypeRef, d *declaration, s scope) (goType, bool) {
	args, ok := c.typesOf(ref.Args, s)
	if !ok {
		return goType{}, false
	}
	switch {
	case d.kind == csharp.Delegate:
		c.refuse(ref.Pos, "%s is a delegate, which cannot be sent; make it a method of a contract that the peer serves", ref)
		return goType{}, false
	case d.modifier("static"):
		c.refuse(ref.Pos, "%s is a static class, which is no type of a value", ref)
		return goType{}, false
	case d.kind == csharp.Interface && len(d.methods()) > 0:
		c.refuse(ref.Pos, "%s is an interface with methods, which is not data; send a class", ref)
		return goType{}, false
	case c.derivesFrom(d, "Exception"):
		c.refuse(ref.Pos, "%s is an exception, which is not data; send its message, or throw it", ref)
		return goType{}, false
	}
	if d.abstract() {
		return c.slotOf(d, args), true
	}
	e := c.use(d, args)
	t := goType{expr: e.goName, name: e.dotNetName, assembly: e.assembly, label: e.goName}
	switch d.kind {
	case csharp.Enum:
		t.value, t.key, t.equal = true, true, true
		t.param, t.result = "an enum", "an enum"
	case csharp.Struct:
		t.value = true
	default:
		t.expr, t.equal = "*"+t.expr, true
	}
	return c.nullable(ref)(t, true)
}

func (c *converter) typesOf(refs []*csharp.TypeRef, s scope) (types []goType, ok bool) {
	ok = true
	for _, ref := range refs {
		t, fine := c.typeOf(ref, s)
		ok = ok && fine
		types = append(types, t)
	}
	return types, ok
}

// valueTuple makes a struct for (string, int): its members have no other names
// on the wire than Item1, Item2….
func (c *converter) valueTuple(ref *csharp.TypeRef, s scope) (goType, bool) {
	args, ok := c.typesOf(ref.Args, s)
	if !ok {
		return goType{}, false
	}
	t := c.tupleType(ref, "ValueTuple", args)
	t.value = true
	return t, true
}

// tupleType declares the struct that stands for a tuple.
func (c *converter) tupleType(ref *csharp.TypeRef, name string, args []goType) goType {
	if len(args) > 7 {
		c.refuse(ref.Pos, "%s has more than seven elements; declare a class", ref)
	}
	generic := genericName("System."+name, args)
	e := c.emitted[generic]
	if e == nil {
		e = &emittedType{goName: name + "Of" + labels(args), dotNetName: generic, assembly: mscorlib, tuple: args, valueTuple: name == "ValueTuple"}
		c.emitted[generic] = e
		c.declare(e.goName, ref.Pos, "the tuple "+ref.String())
	}
	return goType{expr: e.goName, name: generic, assembly: mscorlib, label: e.goName}
}

func genericName(name string, args []goType) string {
	var s strings.Builder
	s.WriteString(name + "`")
	s.WriteString(strconv.Itoa(len(args)))
	s.WriteString("[")
	for i, arg := range args {
		if i > 0 {
			s.WriteString(",")
		}
		s.WriteString(arg.argument())
	}
	s.WriteString("]")
	return s.String()
}

func labels(args []goType) string {
	names := make([]string, len(args))
	for i, arg := range args {
		names[i] = arg.label
	}
	return strings.Join(names, "And")
}

func lastName(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// isInterfaceName goes by .NET's custom: I and another upper-case letter.
func isInterfaceName(name string) bool {
	return len(name) > 1 && name[0] == 'I' && name[1] >= 'A' && name[1] <= 'Z'
}
