package convert

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/halibut-go/halibut/cmd/internal/csharp"
)

// emittedType is a Go type that the file declares.
type emittedType struct {
	declaration *declaration
	goName      string
	dotNetName  string
	assembly    string
	fields      []goField
	embedded    string // the base class
	base        bool   // the struct that holds an abstract class's members
	tuple       []goType
	valueTuple  bool
	enum        *enum
}

// declare takes an identifier of the Go package.
func (c *converter) declare(name string, pos csharp.Position, what string) {
	if other, taken := c.declared[name]; taken {
		c.refuse(pos, "%s becomes %s in Go, and so does what stands at %s; convert one namespace at a time with -namespace",
			what, name, other)
		return
	}
	c.declared[name] = pos
}

// use converts a concrete type once for each set of type arguments.
func (c *converter) use(d *declaration, args []goType) *emittedType {
	e := &emittedType{declaration: d, goName: goTypeName(d), dotNetName: d.full, assembly: c.assembly}
	if len(args) > 0 {
		e.goName += "Of" + labels(args)
		e.dotNetName = closedName(d.full, args)
	}
	if found := c.emitted[e.dotNetName]; found != nil {
		return found
	}
	c.emitted[e.dotNetName] = e
	if renamed, ok := c.options.Renamed[d.full]; ok {
		e.dotNetName, e.assembly, _ = strings.Cut(renamed, ", ")
	}
	c.declare(e.goName, d.pos(), d.full)
	if d.kind == csharp.Enum {
		e.enum = c.enumOf(d, e.goName)
		return e
	}
	c.fill(e, scope{declaration: d, arguments: bind(d, args)})
	return e
}

func bind(d *declaration, args []goType) map[string]goType {
	arguments := map[string]goType{}
	for i, arg := range args {
		arguments[d.typeParams()[i]] = arg
	}
	return arguments
}

// closedName is a generic type's name with its arguments, from its own name.
func closedName(full string, args []goType) string {
	parts := make([]string, len(args))
	for i, arg := range args {
		parts[i] = arg.argument()
	}
	return full + "[" + strings.Join(parts, ",") + "]"
}

// goTypeName joins a nested type's name to that of the type around it.
func goTypeName(d *declaration) string {
	name := ""
	for t := d.first(); t != nil; t = t.Outer {
		name = exported(t.Name) + name
	}
	return name
}

func (c *converter) fill(e *emittedType, s scope) {
	c.checkClass(e.declaration)
	e.embedded = c.baseOf(e.declaration, s)
	e.fields = c.fields(e.declaration, s, e.embedded)
}

// baseOf returns the struct to embed for a class's base class.
func (c *converter) baseOf(d *declaration, s scope) string {
	base, ref := c.baseReference(d)
	if base == nil {
		return ""
	}
	args, ok := c.typesOf(ref.Args, s)
	if !ok {
		return ""
	}
	if !base.abstract() {
		return c.use(base, args).goName
	}
	return c.abstractBase(base, args)
}

// abstractBase declares the struct with an abstract class's members, if it
// has any.
func (c *converter) abstractBase(d *declaration, args []goType) string {
	key := "base of " + closedName(d.full, args)
	if e := c.emitted[key]; e != nil {
		return e.structName()
	}
	e := &emittedType{declaration: d, goName: goTypeName(d) + "Base", dotNetName: key, base: true}
	if len(args) > 0 {
		e.goName += "Of" + labels(args)
	}
	c.emitted[key] = e
	c.fill(e, scope{declaration: d, arguments: bind(d, args)})
	if e.structName() != "" {
		c.declare(e.goName, d.pos(), "the members of "+d.full)
	}
	return e.structName()
}

// structName is the name to embed, or nothing when there is nothing in it.
func (e *emittedType) structName() string {
	if e.base && len(e.fields) == 0 {
		return e.embedded
	}
	return e.goName
}

func (c *converter) baseDeclaration(d *declaration) *declaration {
	base, _ := c.baseReference(d)
	return base
}

func (c *converter) baseReference(d *declaration) (*declaration, *csharp.TypeRef) {
	if !d.isClass() {
		return nil, nil
	}
	for _, ref := range d.bases() {
		if base := c.find(ref.Name, len(ref.Args), d.first()); base != nil && base != d && base.isClass() {
			return base, ref
		}
	}
	return nil, nil
}

// checkClass refuses classes whose form on the wire is not that of their members.
func (c *converter) checkClass(d *declaration) {
	for _, name := range []string{"JsonConverter", "TypeConverter"} {
		if a := csharp.Find(d.attributes(), name); a != nil {
			c.refuse(a.Pos, "%s is written by a [%s], whose code decides its form; write this type in Go by hand", d.name(), name)
		}
	}
	for above, n := d, 0; above != nil; above, n = c.baseDeclaration(above), n+1 {
		if n == maxBases {
			c.refuse(d.pos(), "%s derives from itself, or has more than %d classes above it", d.name(), maxBases)
			return
		}
	}
	for _, ref := range d.bases() {
		name := lastName(ref.Name)
		_, isCollection := dictionaries[name]
		isCollection = isCollection || collections[name].form != ""
		switch {
		case c.find(ref.Name, len(ref.Args), d.first()) != nil || name == "object" || name == "Object":
		case isCollection && csharp.Find(d.attributes(), "JsonObject") != nil:
		case name == "ISerializable":
			c.refuse(ref.Pos, "%s writes itself (ISerializable), so its form is not known here; write this type in Go by hand", d.name())
		case isCollection:
			c.refuse(ref.Pos, "%s is a collection (%s): .NET sends its elements and none of its members; use %s itself", d.name(), ref, ref)
		case d.isClass() && !isInterfaceName(name):
			c.refuse(ref.Pos, "%s derives from %s, which is declared neither in the files given nor in their project; name its file too", d.name(), ref)
		}
	}
}

// slotOf is the Go interface for values declared as an abstract class or as an
// interface without methods.
func (c *converter) slotOf(d *declaration, args []goType) goType {
	name := c.slotName(d)
	if !c.slots[d] {
		c.slots[d] = true
		c.declare(name, d.pos(), d.full)
		c.declare(name+"Types", d.pos(), "generated for "+d.full)
		if len(d.typeParams()) > 0 {
			c.refuse(d.pos(), "%s is abstract and generic, which has no Go form; declare one without type parameters", d.name())
		}
	}
	return goType{expr: name, name: d.full, assembly: c.assembly, label: name, equal: true}
}

func (c *converter) slotName(d *declaration) string {
	if d.kind == csharp.Interface {
		return c.interfaceName(d, d.name())
	}
	return goTypeName(d)
}

// closeSlots converts the classes that may stand where an abstract type is
// declared, until no more slots come up.
func (c *converter) closeSlots() {
	for done := 0; done < len(c.slots); {
		done = len(c.slots)
		c.searchProject()
		for _, slot := range c.sortedSlots() {
			for _, d := range c.heirs(slot) {
				c.use(d, nil)
			}
		}
	}
	for _, slot := range c.sortedSlots() {
		if len(c.heirs(slot)) == 0 {
			c.note(slot.pos(), "no class in the files can stand where %s is declared", slot.name())
		}
	}
}

func (c *converter) sortedSlots() []*declaration {
	return slices.SortedFunc(maps.Keys(c.slots), func(a, b *declaration) int { return cmp.Compare(a.order, b.order) })
}

// heirs are the concrete classes below an abstract type.
func (c *converter) heirs(slot *declaration) []*declaration {
	var heirs []*declaration
	for _, d := range c.all {
		if (d.isClass() || d.kind == csharp.Struct) && !d.abstract() && len(d.typeParams()) == 0 && c.isBelow(d, slot, 0) {
			heirs = append(heirs, d)
		}
	}
	return heirs
}

func (c *converter) isBelow(d, slot *declaration, depth int) bool {
	if depth > maxBases {
		return false
	}
	for _, ref := range d.bases() {
		above := c.find(ref.Name, len(ref.Args), d.first())
		if above != nil && above != d && (above == slot || c.isBelow(above, slot, depth+1)) {
			return true
		}
	}
	return false
}

func (c *converter) writeTypes(w *bytes.Buffer) {
	for _, slot := range c.sortedSlots() {
		c.writeSlot(w, slot)
	}
	types := slices.SortedFunc(maps.Values(c.emitted), func(a, b *emittedType) int {
		return cmp.Or(cmp.Compare(a.order(), b.order()), strings.Compare(a.goName, b.goName))
	})
	for _, e := range types {
		switch {
		case e.enum != nil:
			c.writeEnum(w, e)
		case e.base && e.structName() != e.goName:
		default:
			c.writeStruct(w, e)
		}
	}
}

func (e *emittedType) order() int {
	if e.declaration == nil {
		return int(^uint(0) >> 1)
	}
	return e.declaration.order
}

func (c *converter) writeSlot(w *bytes.Buffer, slot *declaration) {
	name := c.slotName(slot)
	reflect := c.imports.Add("reflect", "reflect")
	kind := "abstract class"
	if slot.kind == csharp.Interface {
		kind = "interface"
	}
	fmt.Fprintf(w, "\n// %s is a value of one of the types below the %s %s:\n// see %sTypes.\n", name, kind, slot.full, name)
	writeDoc(w, "", slot.doc())
	fmt.Fprintf(w, "type %s interface{ is%s() }\n", name, name)
	heirs := c.heirs(slot)
	for _, d := range heirs {
		fmt.Fprintf(w, "\nfunc (%s) is%s() {}\n", c.use(d, nil).goName, name)
	}
	fmt.Fprintf(w, "\n// %sTypes are the types that may stand where %s is declared, and %s itself,\n"+
		"// by their .NET names: they belong into the runtime's Options.Types.\n", name, name, name)
	fmt.Fprintf(w, "func %sTypes() map[string]%s.Type {\n\treturn map[string]%s.Type{\n", name, reflect, reflect)
	fmt.Fprintf(w, "\t\t%q: %s.TypeFor[%s](),\n", slot.full+", "+c.assembly, reflect, name)
	for _, d := range heirs {
		e := c.use(d, nil)
		fmt.Fprintf(w, "\t\t%q: %s.TypeFor[%s](),\n", e.typeName(), reflect, e.goName)
	}
	fmt.Fprintf(w, "\t}\n}\n")
}

func (e *emittedType) typeName() string { return e.dotNetName + ", " + e.assembly }

func (c *converter) writeStruct(w *bytes.Buffer, e *emittedType) {
	switch {
	case e.tuple != nil:
		fmt.Fprintf(w, "\n// %s is a tuple of .NET.\n", e.goName)
		for i, t := range e.tuple {
			e.fields = append(e.fields, goField{name: "Item" + strconv.Itoa(i+1), expr: t.expr})
		}
	case e.base:
		fmt.Fprintf(w, "\n// %s holds the members of the abstract class %s.\n", e.goName, e.declaration.full)
	default:
		fmt.Fprintf(w, "\n// %s is the %s %s.\n", e.goName, e.declaration.kind, e.declaration.full)
		writeDoc(w, "", e.declaration.doc())
	}
	fmt.Fprintf(w, "type %s struct {\n", e.goName)
	for i, f := range e.fields {
		if i > 0 && len(f.lines) > 0 {
			fmt.Fprintln(w)
		}
		for _, line := range f.lines {
			fmt.Fprintf(w, "\t// %s\n", line)
		}
		fmt.Fprintf(w, "\t%s %s %s\n", f.name, f.expr, f.tag)
	}
	if e.embedded != "" {
		if len(e.fields) > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "\t%s // .NET writes a base class's members last\n", e.embedded)
	}
	fmt.Fprintf(w, "}\n")
	if e.base {
		return
	}
	fmt.Fprintf(w, "\n// DotNetType names the .NET type.\nfunc (%s) DotNetType() string { return %s }\n", e.goName, strconv.Quote(e.typeName()))
	if e.valueTuple || e.declaration != nil && e.declaration.kind == csharp.Struct {
		fmt.Fprintf(w, "\n// DotNetValueType says that %s is a struct in .NET.\nfunc (%s) DotNetValueType() {}\n", e.goName, e.goName)
	}
}
