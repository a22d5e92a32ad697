package csharp

import (
	"strconv"
	"strings"
)

// Options say how a file is read.
type Options struct {
	Defined  map[string]bool // the symbols that #if finds defined
	Nullable bool            // the project turns the nullable context on
}

// A File is what one source file declares.
type File struct {
	Name  string
	Types []*Type // in source order, nested types after the type that holds them
}

// Imports are the using directives that are in force for a type.
type Imports struct {
	Namespaces []string
	Aliases    map[string]*TypeRef
}

// Kind tells what a type is declared as.
type Kind uint8

// The kinds of types.
const (
	Class Kind = iota
	Struct
	Interface
	Enum
	Delegate
)

func (k Kind) String() string {
	return [...]string{"class", "struct", "interface", "enum", "delegate"}[k]
}

// Modifiers are the modifier keywords of a declaration.
type Modifiers map[string]bool

// A Type is the declaration of a type, or one part of a partial one.
type Type struct {
	Kind       Kind
	Record     bool
	Name       string
	Namespace  string
	Outer      *Type // the type that it is nested in, or nil
	TypeParams []string
	Bases      []*TypeRef
	Modifiers  Modifiers
	Attributes []*Attribute
	Fields     []*Field // constants too
	Properties []*Property
	Methods    []*Method
	Values     []*EnumValue
	Others     []*Other
	Doc        string
	Pos        Position
	Imports    *Imports
}

// FullName is the type's name with its namespace, and + before a nested name,
// as .NET prints it; generic types end in ` and the count of their parameters.
func (t *Type) FullName() string {
	name := t.Name
	if n := len(t.TypeParams); n > 0 {
		name += "`" + strconv.Itoa(n)
	}
	switch {
	case t.Outer != nil:
		return t.Outer.FullName() + "+" + name
	case t.Namespace != "":
		return t.Namespace + "." + name
	}
	return name
}

// Public tells whether other assemblies see the type.
func (t *Type) Public() bool {
	switch {
	case t.Outer == nil:
		return t.Modifiers["public"]
	case t.Outer.Kind == Interface:
		return t.Outer.Public()
	}
	return t.Modifiers["public"] && t.Outer.Public()
}

// A Field is a field or a constant.
type Field struct {
	Type       *TypeRef
	Name       string
	Modifiers  Modifiers
	Attributes []*Attribute
	Value      Expression // of a constant
	Doc        string
	Pos        Position
}

// A Property is a property, also one from a record's parameter list.
type Property struct {
	Type       *TypeRef
	Name       string
	Modifiers  Modifiers
	Attributes []*Attribute
	Computed   bool // it has an expression or an accessor with a body, and nothing can be set
	Explicit   bool // it implements a member of an interface by that interface's name
	Getter     bool
	Doc        string
	Pos        Position
}

// A Method is a method with its parameters.
type Method struct {
	Result     *TypeRef
	Name       string
	TypeParams []string
	Params     []*Param
	Modifiers  Modifiers
	Attributes []*Attribute
	Explicit   bool
	Body       bool
	Doc        string
	Pos        Position
}

// A Param is one parameter.
type Param struct {
	Type     *TypeRef
	Name     string
	Modifier string // ref, out, in, params, this, or nothing
	Pos      Position
}

// An EnumValue is one name of an enum.
type EnumValue struct {
	Name       string
	Value      Expression // empty: one more than the value before
	Attributes []*Attribute
	Doc        string
	Pos        Position
}

// Other is a member that is neither field, property nor method: an event, an
// indexer, an operator, a constructor.
type Other struct {
	What string
	Pos  Position
}

// An Attribute is one attribute with its arguments.
type Attribute struct {
	Name  string                // without namespace and the ending Attribute
	Args  []Expression          // by position
	Named map[string]Expression // by name
	Pos   Position
}

// Find returns the attribute of that name, or nil.
func Find(attributes []*Attribute, name string) *Attribute {
	for _, a := range attributes {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// A TypeRef is a type as it is named in the source.
type TypeRef struct {
	Name     string // as written, with dots, without type arguments; "()" for a tuple
	Args     []*TypeRef
	Rank     int  // not 0: an array of Args[0] with that many dimensions
	Nullable bool // a question mark follows
	Context  bool // the nullable context is on, so no question mark means not null
	Pointer  bool
	Pos      Position
}

// String prints the type as C# writes it.
func (r *TypeRef) String() string {
	var s strings.Builder
	r.print(&s)
	return s.String()
}

func (r *TypeRef) print(s *strings.Builder) {
	switch {
	case r.Rank > 0:
		r.Args[0].print(s)
		s.WriteString("[" + strings.Repeat(",", r.Rank-1) + "]")
	case r.Pointer:
		r.Args[0].print(s)
		s.WriteString("*")
	default:
		opening, closing := "<", ">"
		if r.Name == "()" {
			opening, closing = "(", ")"
		} else {
			s.WriteString(r.Name)
		}
		for _, arg := range r.Args {
			s.WriteString(opening)
			opening = ", "
			arg.print(s)
		}
		if len(r.Args) > 0 {
			s.WriteString(closing)
		}
	}
	if r.Nullable {
		s.WriteString("?")
	}
}
