package wire

import (
	"errors"
	"fmt"
	"strings"
)

// TypeName is the name of a .NET type as it stands in $type, taken apart.
type TypeName struct {
	// Name is the full name without arguments and array brackets: namespace,
	// dots, + before a nested type, the number of arguments after a backquote.
	Name string
	// Args are the arguments of a generic type.
	Args []TypeName
	// Arrays are the ranks of the array brackets that follow, from left to
	// right: [] is 1, [,] is 2. [][] is two entries.
	Arrays []int
	// Assembly is the assembly's simple name, "" when the name has none.
	Assembly string
	// Qualified: version, culture or key token were given too. .NET Halibut
	// never writes them and refuses them. They are not kept.
	Qualified bool
}

// Longest and deepest type names that are parsed. Real ones stay far below.
const (
	maxTypeName      = 4096
	maxTypeNameDepth = 16
)

// ParseTypeName takes a name apart as .NET prints it in $type, such as
// "System.Collections.Generic.List`1[[Samples.Person, Samples]], mscorlib".
// Arguments may stand in brackets of their own, with assembly, or bare,
// without. Pointers and references are refused: no value has such a type.
func ParseTypeName(text string) (TypeName, error) {
	if len(text) > maxTypeName {
		return TypeName{}, fmt.Errorf("type name of %d bytes is longer than the %d that are read", len(text), maxTypeName)
	}
	p := typeNameParser{rest: text}
	name, err := p.parse(0, true)
	if err == nil && p.rest != "" {
		err = fmt.Errorf("unexpected %.20q", p.rest)
	}
	if err != nil {
		return TypeName{}, fmt.Errorf("type name %.200q: %w", text, err)
	}
	return name, nil
}

type typeNameParser struct{ rest string }

// parse reads one type name; with an assembly after it where that is allowed.
func (p *typeNameParser) parse(depth int, assembly bool) (TypeName, error) {
	var t TypeName
	if depth > maxTypeNameDepth {
		return t, fmt.Errorf("arguments nest deeper than %d", maxTypeNameDepth)
	}
	end := strings.IndexAny(p.rest, "[],&*")
	if end < 0 {
		end = len(p.rest)
	}
	t.Name, p.rest = strings.TrimSpace(p.rest[:end]), p.rest[end:]
	if t.Name == "" {
		return t, errors.New("a name is missing")
	}
	if len(p.rest) > 1 && p.rest[0] == '[' && p.rest[1] != ']' && p.rest[1] != ',' {
		if err := p.arguments(&t, depth); err != nil {
			return t, err
		}
	}
	for strings.HasPrefix(p.rest, "[") {
		if err := p.array(&t); err != nil {
			return t, err
		}
	}
	if assembly && strings.HasPrefix(p.rest, ",") {
		return t, p.assembly(&t)
	}
	return t, nil
}

func (p *typeNameParser) arguments(t *TypeName, depth int) error {
	for {
		p.rest = p.rest[1:] // the bracket or the comma before the argument
		p.rest = strings.TrimLeft(p.rest, " ")
		inner := strings.HasPrefix(p.rest, "[")
		if inner {
			p.rest = p.rest[1:]
		}
		arg, err := p.parse(depth+1, inner)
		if err != nil {
			return err
		}
		if inner {
			if !strings.HasPrefix(p.rest, "]") {
				return fmt.Errorf("the argument %s has no closing bracket", arg.Name)
			}
			p.rest = p.rest[1:]
		}
		t.Args = append(t.Args, arg)
		if !strings.HasPrefix(p.rest, ",") {
			break
		}
	}
	if !strings.HasPrefix(p.rest, "]") {
		return fmt.Errorf("the arguments of %s have no closing bracket", t.Name)
	}
	p.rest = p.rest[1:]
	return nil
}

func (p *typeNameParser) array(t *TypeName) error {
	end := strings.IndexByte(p.rest, ']')
	if end < 0 || strings.Trim(p.rest[1:end], ",") != "" {
		return errors.New("array brackets hold commas only")
	}
	if len(t.Arrays) == maxTypeNameDepth {
		return fmt.Errorf("more than %d array brackets", maxTypeNameDepth)
	}
	t.Arrays = append(t.Arrays, end)
	p.rest = p.rest[end+1:]
	return nil
}

func (p *typeNameParser) assembly(t *TypeName) error {
	end := strings.IndexAny(p.rest, "[]")
	if end < 0 {
		end = len(p.rest)
	}
	name, details, qualified := strings.Cut(p.rest[1:end], ",")
	t.Assembly, t.Qualified = strings.TrimSpace(name), qualified
	p.rest = p.rest[end:]
	if t.Assembly == "" || qualified && strings.TrimSpace(details) == "" {
		return errors.New("the assembly's name is missing")
	}
	return nil
}

// String prints the name as .NET writes it in $type.
func (t TypeName) String() string {
	var b strings.Builder
	t.write(&b)
	return b.String()
}

func (t TypeName) write(b *strings.Builder) {
	b.WriteString(t.Name)
	if len(t.Args) > 0 {
		b.WriteByte('[')
		for i, arg := range t.Args {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('[')
			arg.write(b)
			b.WriteByte(']')
		}
		b.WriteByte(']')
	}
	t.writeArrays(b)
	if t.Assembly != "" {
		b.WriteString(", ")
		b.WriteString(t.Assembly)
	}
}

func (t TypeName) writeArrays(b *strings.Builder) {
	for _, rank := range t.Arrays {
		b.WriteByte('[')
		for range rank - 1 {
			b.WriteByte(',')
		}
		b.WriteByte(']')
	}
}

// Display prints the name as .NET's Type.ToString does, without assemblies:
// System.Collections.Generic.List`1[System.String].
func (t TypeName) Display() string {
	var b strings.Builder
	t.display(&b)
	return b.String()
}

func (t TypeName) display(b *strings.Builder) {
	b.WriteString(t.Name)
	if len(t.Args) > 0 {
		b.WriteByte('[')
		for i, arg := range t.Args {
			if i > 0 {
				b.WriteByte(',')
			}
			arg.display(b)
		}
		b.WriteByte(']')
	}
	t.writeArrays(b)
}

// Short prints the name as .NET's Type.Name does, without namespace,
// declaring type and arguments: List`1, String[].
func (t TypeName) Short() string {
	var b strings.Builder
	b.WriteString(t.Name[strings.LastIndexAny(t.Name, ".+")+1:])
	t.writeArrays(&b)
	return b.String()
}

// Element is the type of an array's elements; ok is false when the type is no
// array.
func (t TypeName) Element() (element TypeName, ok bool) {
	if len(t.Arrays) == 0 {
		return TypeName{}, false
	}
	// .NET prints int[][] as the brackets of the outer array last.
	t.Arrays = t.Arrays[:len(t.Arrays)-1]
	return t, true
}

// Framework says whether the type is one of .NET's own. Their assembly names
// differ between .NET and .NET Framework and are never compared.
func (t TypeName) Framework() bool { return strings.HasPrefix(t.Name, "System.") }

// Normal is the name with the assemblies of framework types replaced by those
// that every .NET can load: mscorlib, System or System.Core. Two names mean
// the same type when their Normal forms print the same.
func (t TypeName) Normal() TypeName {
	if t.Framework() {
		t.Assembly, t.Qualified = frameworkAssembly(t.Name), false
	}
	if len(t.Args) > 0 {
		args := make([]TypeName, len(t.Args))
		for i, arg := range t.Args {
			args[i] = arg.Normal()
			t.Qualified = t.Qualified || args[i].Qualified
		}
		t.Args = args
	}
	return t
}

// frameworkAssembly is where .NET Framework keeps a type, which newer .NET
// knows how to find.
func frameworkAssembly(name string) string {
	switch name {
	case "System.Collections.Generic.HashSet`1":
		return "System.Core"
	case "System.Uri",
		"System.Collections.Generic.Queue`1",
		"System.Collections.Generic.Stack`1",
		"System.Collections.Generic.LinkedList`1",
		"System.Collections.Generic.SortedSet`1",
		"System.Collections.Generic.SortedDictionary`2",
		"System.Collections.Generic.SortedList`2",
		"System.Collections.ObjectModel.ObservableCollection`1":
		return "System"
	}
	return "mscorlib"
}
