package convert

import (
	"bytes"
	"fmt"
	"go/constant"
	"go/scanner"
	"go/token"
	"slices"
	"strconv"

	"github.com/halibut-go/halibut/cmd/internal/csharp"
)

// enum is what a C# enum becomes: an integer type with constants, or a string
// type where .NET writes names.
type enum struct {
	kind   string // the Go type beneath
	bits   int
	flags  bool
	text   bool
	values []enumValue
}

type enumValue struct {
	goName string
	name   string // as .NET prints it
	text   string // as .NET writes it, where it writes names
	value  constant.Value
	lines  []string
}

func (c *converter) enumOf(d *declaration, goName string) *enum {
	e := &enum{kind: "int32", flags: csharp.Find(d.attributes(), "Flags") != nil}
	if bases := d.bases(); len(bases) > 0 {
		name := lastName(bases[0].Name)
		if keyword := keywords[name]; keyword != "" {
			name = keyword
		}
		if t := scalars[name]; t.integer {
			e.kind = t.expr
		} else {
			c.refuse(bases[0].Pos, "%s cannot be the type beneath an enum; C# allows whole numbers only", bases[0])
		}
	}
	e.bits = 32
	if digits := e.kind[len(e.kind)-2:]; digits[1] == '8' {
		e.bits = 8
	} else {
		e.bits, _ = strconv.Atoi(digits)
	}
	if converter := csharp.Find(d.attributes(), "JsonConverter"); converter != nil {
		if e.text = isStringEnum(converter); !e.text {
			c.refuse(converter.Pos, "%s is written by a [JsonConverter], whose code decides its form; write this type in Go by hand", d.name())
		}
	}
	c.enumValues(d, e, goName)
	return e
}

func (e *enum) unsigned() bool { return e.kind[0] == 'u' }

func (c *converter) enumValues(d *declaration, e *enum, goName string) {
	known := map[string]constant.Value{}
	next := constant.MakeInt64(0)
	for _, v := range d.first().Values {
		value := next
		if v.Value != nil {
			computed, err := v.Value.Value(func(name string) constant.Value { return known[name] })
			if err != nil {
				c.refuseError(v.Pos, err)
				return
			}
			value = computed
		}
		if value = e.fit(value); value == nil {
			c.refuse(v.Pos, "%s.%s does not fit into %s", d.name(), v.Name, e.kind)
			return
		}
		known[v.Name] = value
		next = constant.BinaryOp(value, token.ADD, constant.MakeInt64(1))
		ev := enumValue{goName: goName + exported(v.Name), name: v.Name, text: v.Name, value: value, lines: summary(v.Doc)}
		if a := csharp.Find(v.Attributes, "EnumMember"); a != nil && e.text {
			if text, err := a.Named["Value"].Value(func(string) constant.Value { return nil }); err == nil && text.Kind() == constant.String {
				ev.text = constant.StringVal(text)
			}
		}
		c.declare(ev.goName, v.Pos, d.name()+"."+v.Name)
		e.values = append(e.values, ev)
	}
}

// refuseError passes on an error from the C# package with its place.
func (c *converter) refuseError(pos csharp.Position, err error) {
	if e, ok := err.(*scanner.Error); ok {
		if e.Pos.IsValid() {
			pos = e.Pos
		}
		c.refuse(pos, "%s", e.Msg)
		return
	}
	c.refuse(pos, "%v", err)
}

// fit returns the value as the enum's type holds it, or nil if it does not. An
// unsigned type takes the complement of a number as C# does.
func (e *enum) fit(value constant.Value) constant.Value {
	if value.Kind() != constant.Int {
		return nil
	}
	limit := constant.Shift(constant.MakeInt64(1), token.SHL, uint(e.bits))
	low, high := constant.MakeInt64(0), limit
	if !e.unsigned() {
		high = constant.Shift(constant.MakeInt64(1), token.SHL, uint(e.bits-1))
		low = constant.UnaryOp(token.SUB, high, 0)
	} else if constant.Sign(value) < 0 {
		value = constant.BinaryOp(value, token.ADD, limit)
	}
	if constant.Compare(value, token.LSS, low) || constant.Compare(value, token.GEQ, high) {
		return nil
	}
	return value
}

func (c *converter) writeEnum(w *bytes.Buffer, t *emittedType) {
	e := t.enum
	kind := e.kind
	if e.text {
		kind = "string"
	}
	fmt.Fprintf(w, "\n// %s is the enum %s.\n", t.goName, t.declaration.full)
	writeDoc(w, "", t.declaration.doc())
	fmt.Fprintf(w, "type %s %s\n", t.goName, kind)
	if len(e.values) > 0 {
		fmt.Fprintf(w, "\n// The values of %s.\nconst (\n", t.goName)
		for _, v := range e.values {
			for _, line := range v.lines {
				fmt.Fprintf(w, "\t// %s\n", line)
			}
			value := v.value.ExactString()
			if e.text {
				value = strconv.Quote(v.text)
			}
			fmt.Fprintf(w, "\t%s %s = %s\n", v.goName, t.goName, value)
		}
		fmt.Fprintf(w, ")\n")
	}
	fmt.Fprintf(w, "\n// DotNetType names the .NET type.\nfunc (%s) DotNetType() string { return %s }\n", t.goName, strconv.Quote(t.typeName()))
	if e.text {
		fmt.Fprintf(w, "\n// DotNetValueType says that %s is an enum in .NET.\nfunc (%s) DotNetValueType() {}\n", t.goName, t.goName)
		return
	}
	c.writeEnumText(w, t)
}

// distinct leaves out names of values that have a name already.
func (e *enum) distinct() []enumValue {
	var values []enumValue
	for _, v := range e.values {
		if !slices.ContainsFunc(values, func(o enumValue) bool { return constant.Compare(o.value, token.EQL, v.value) }) {
			values = append(values, v)
		}
	}
	return values
}

// writeEnumText writes the methods by which an enum is text: in dictionary
// keys, and for people.
func (c *converter) writeEnumText(w *bytes.Buffer, t *emittedType) {
	e, name := t.enum, t.goName
	strconv := c.imports.Add("strconv", "strconv")
	number, parse := strconv+".FormatInt(int64(v), 10)", "ParseInt"
	if e.unsigned() {
		number, parse = strconv+".FormatUint(uint64(v), 10)", "ParseUint"
	}
	fmt.Fprintf(w, "\n// String is the name that .NET prints, or the number where there is none.\nfunc (v %s) String() string {\n", name)
	if len(e.values) > 0 {
		fmt.Fprintf(w, "\tswitch v {\n")
		for _, v := range e.distinct() {
			fmt.Fprintf(w, "\tcase %s:\n\t\treturn %q\n", v.goName, v.name)
		}
		fmt.Fprintf(w, "\t}\n")
	}
	if e.flags {
		c.writeFlags(w, t)
	}
	fmt.Fprintf(w, "\treturn %s\n}\n", number)
	fmt.Fprintf(w, "\n// MarshalText is String. Enums are numbers on the wire, but names as the keys of\n"+
		"// a dictionary.\nfunc (v %s) MarshalText() ([]byte, error) { return []byte(v.String()), nil }\n", name)
	c.writeEnumParse(w, t, parse)
}

// writeFlags takes a number apart as .NET does: the largest parts first.
func (c *converter) writeFlags(w *bytes.Buffer, t *emittedType) {
	parts := slices.DeleteFunc(t.enum.distinct(), func(v enumValue) bool { return constant.Sign(v.value) <= 0 })
	if len(parts) == 0 {
		return
	}
	slices.SortFunc(parts, func(a, b enumValue) int {
		if constant.Compare(a.value, token.GTR, b.value) {
			return -1
		}
		return 1
	})
	fmt.Fprintf(w, "\trest, names := v, \"\"\n")
	fmt.Fprintf(w, "\tfor _, part := range []%s{", t.goName)
	for i, v := range parts {
		if i > 0 {
			fmt.Fprintf(w, ", ")
		}
		fmt.Fprintf(w, "%s", v.goName)
	}
	fmt.Fprintf(w, "} {\n\t\tif rest&part != part {\n\t\t\tcontinue\n\t\t}\n\t\tif rest &^= part; names != \"\" {\n\t\t\tnames = \", \" + names\n\t\t}\n"+
		"\t\tnames = part.String() + names\n\t}\n\tif rest == 0 && v != 0 {\n\t\treturn names\n\t}\n")
}

func (c *converter) writeEnumParse(w *bytes.Buffer, t *emittedType, parse string) {
	e, name := t.enum, t.goName
	fmtName, strconvName := c.imports.Add("fmt", "fmt"), c.imports.Add("strconv", "strconv")
	result := "*v"
	fmt.Fprintf(w, "\n// UnmarshalText reads a name or a number.\nfunc (v *%s) UnmarshalText(text []byte) error {\n", name)
	indent, input, leave := "\t", "string(text)", "return nil"
	if e.flags {
		stringsName := c.imports.Add("strings", "strings")
		fmt.Fprintf(w, "\tvar whole %s\n\tfor part := range %s.SplitSeq(string(text), \",\") {\n\t\tpart = %s.TrimSpace(part)\n", name, stringsName, stringsName)
		indent, input, leave, result = "\t\t", "part", "continue", "whole"
	}
	assign := "="
	if e.flags {
		assign = "|="
	}
	if len(e.values) > 0 {
		fmt.Fprintf(w, "%sswitch %s {\n", indent, input)
		for _, v := range e.values {
			fmt.Fprintf(w, "%scase %q:\n%s\t%s %s %s\n%s\t%s\n", indent, v.name, indent, result, assign, v.goName, indent, leave)
		}
		fmt.Fprintf(w, "%s}\n", indent)
	}
	fmt.Fprintf(w, "%snumber, err := %s.%s(%s, 10, %d)\n%sif err != nil {\n%s\treturn %s.Errorf(\"%%q is no name of the enum %s\", text)\n%s}\n",
		indent, strconvName, parse, input, e.bits, indent, indent, fmtName, name, indent)
	fmt.Fprintf(w, "%s%s %s %s(number)\n", indent, result, assign, name)
	if e.flags {
		fmt.Fprintf(w, "\t}\n\t*v = whole\n")
	}
	fmt.Fprintf(w, "\treturn nil\n}\n")
}
