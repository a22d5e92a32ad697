package convert

import (
	"fmt"
	"go/constant"
	"slices"
	"strings"

	"github.com/halibut-go/halibut/cmd/internal/csharp"
)

// member is what .NET sends of a class: a field or a property.
type member struct {
	name       string // in C#
	typ        *csharp.TypeRef
	computed   bool // .NET sends it and never reads it
	hides      bool // it is declared new
	override   bool
	attributes []*csharp.Attribute
	doc        string
	pos        csharp.Position
}

// members lists what Json.NET sends of a class itself, in its order: fields,
// then properties.
func (c *converter) members(d *declaration) []member {
	var members []member
	optIn := isOptIn(d)
	for _, part := range d.parts {
		for _, f := range part.Fields {
			if f.Modifiers["const"] || !sent(optIn, f.Modifiers, f.Attributes) {
				continue
			}
			members = append(members, member{
				name: f.Name, typ: f.Type, attributes: f.Attributes, doc: f.Doc, pos: f.Pos, hides: f.Modifiers["new"],
			})
		}
	}
	for _, part := range d.parts {
		for _, p := range part.Properties {
			if p.Explicit || !sent(optIn, p.Modifiers, p.Attributes) {
				continue
			}
			members = append(members, member{
				name: p.Name, typ: p.Type, computed: p.Computed, attributes: p.Attributes, doc: p.Doc, pos: p.Pos,
				hides: p.Modifiers["new"], override: p.Modifiers["override"],
			})
		}
	}
	return members
}

// isOptIn tells whether a class sends only what its attributes name.
func isOptIn(d *declaration) bool {
	attributes := d.attributes()
	if csharp.Find(attributes, "DataContract") != nil {
		return true
	}
	object := csharp.Find(attributes, "JsonObject")
	if object == nil {
		return false
	}
	mode := object.Named["MemberSerialization"]
	if len(object.Args) > 0 {
		mode = object.Args[0]
	}
	return strings.HasSuffix(mode.String(), "OptIn")
}

func sent(optIn bool, modifiers csharp.Modifiers, attributes []*csharp.Attribute) bool {
	for _, name := range []string{"JsonIgnore", "IgnoreDataMember", "NonSerialized"} {
		if csharp.Find(attributes, name) != nil {
			return false
		}
	}
	named := csharp.Find(attributes, "JsonProperty") != nil || csharp.Find(attributes, "JsonRequired") != nil ||
		optIn && csharp.Find(attributes, "DataMember") != nil
	return !modifiers["static"] && (named || modifiers["public"] && !optIn)
}

// wireName settles the name in the document.
func (c *converter) wireName(m member) (string, bool) {
	for _, from := range []struct{ attribute, argument string }{{"JsonProperty", "PropertyName"}, {"DataMember", "Name"}} {
		a := csharp.Find(m.attributes, from.attribute)
		if a == nil {
			continue
		}
		name := a.Named[from.argument]
		if from.attribute == "JsonProperty" && len(a.Args) > 0 {
			name = a.Args[0]
		}
		if name == nil {
			continue
		}
		value, err := name.Value(func(string) constant.Value { return nil })
		if err != nil || value.Kind() != constant.String {
			c.refuse(a.Pos, "the name in [%s] of %s is not a plain text, so it is not known here; write the text", from.attribute, m.name)
			return "", false
		}
		return constant.StringVal(value), true
	}
	return m.name, true
}

// goField is a field of the Go struct.
type goField struct {
	name, expr, tag string
	lines           []string
}

// fields converts the members of a class into the fields of a Go struct.
func (c *converter) fields(d *declaration, s scope, embedded string) []goField {
	var fields []goField
	used := map[string]bool{"DotNetType": true, "DotNetValueType": true, embedded: true}
	for _, m := range c.members(d) {
		if !c.checkMember(d, m) {
			continue
		}
		wire, ok := c.wireName(m)
		if !ok {
			continue
		}
		if slices.Contains(c.options.Nullable, d.name()+"."+m.name) {
			nullable := *m.typ
			nullable.Nullable = true
			m.typ = &nullable
		}
		typ, ok := c.typeOf(m.typ, s)
		if !ok {
			continue
		}
		field := goField{name: exported(m.name), expr: typ.expr, lines: summary(m.doc)}
		for base, n := field.name, 2; used[field.name]; n++ {
			field.name = fmt.Sprintf("%s%d", base, n)
		}
		used[field.name] = true
		field.tag = tag(field.name, wire, m.typ, typ)
		field.lines = append(field.lines, remarks(m, typ)...)
		fields = append(fields, field)
	}
	return fields
}

// tag is the field's tag, where one is needed. Where C# does not say whether a
// text may be null, null and the empty text are taken for each other.
func tag(field, wire string, ref *csharp.TypeRef, t goType) string {
	value := ""
	if field != wire {
		value = wire
	}
	if t.marked {
		value += ",object"
	}
	if t.textual() && !ref.Context {
		value += ",nullzero"
	}
	if value == "" {
		return ""
	}
	return fmt.Sprintf("`halibut:%q`", value)
}

// remarks say what the Go type does not show.
func remarks(m member, t goType) []string {
	var lines []string
	if m.computed {
		lines = append(lines, "Computed: .NET sends it and ignores what it is sent.")
	}
	switch t.name {
	case "System.Decimal":
		lines = append(lines, "A decimal in .NET: a double on the wire, exact to 15 digits.")
	case "System.DateTimeOffset":
		lines = append(lines, "A DateTimeOffset in .NET: UTC milliseconds on the wire, the offset is lost.")
	}
	return lines
}

func (c *converter) checkMember(d *declaration, m member) bool {
	label := d.name() + "." + m.name
	converter := csharp.Find(m.attributes, "JsonConverter")
	switch {
	case m.override && c.inherited(d, m.name):
		return false // the base class's member
	case m.hides:
		c.refuse(m.pos, "%s hides a member of its base class, so .NET would send one name twice; give it a name of its own", label)
	case converter != nil && isStringEnum(converter):
		c.refuse(converter.Pos, "%s: [JsonConverter(typeof(StringEnumConverter))] is understood on an enum, not on a member; put it there", label)
	case converter != nil:
		c.refuse(converter.Pos, "%s is written by a [JsonConverter], whose code decides its form; write this type in Go by hand", label)
	case csharp.Find(m.attributes, "JsonExtensionData") != nil:
		c.refuse(m.pos, "%s is [JsonExtensionData], whose entries become members of the document; use a dictionary without it", label)
	default:
		return true
	}
	return false
}

// inherited tells whether a class above d has a member of that name.
func (c *converter) inherited(d *declaration, name string) bool {
	for range maxBases {
		if d = c.baseDeclaration(d); d == nil {
			return false
		}
		for _, m := range c.members(d) {
			if m.name == name {
				return true
			}
		}
	}
	return false
}

func isStringEnum(converter *csharp.Attribute) bool {
	return len(converter.Args) > 0 && converter.Args[0].TypeOf() == "StringEnumConverter"
}
