package wire

import (
	"math"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Fit is how well an argument fits a parameter.
type Fit uint8

const (
	// NoFit: the argument cannot be decoded into the parameter.
	NoFit Fit = iota
	// Liberal: it can, but .NET would not take it.
	Liberal
	// Exact: .NET would take it for a parameter of this type.
	Exact
)

// String names the fit.
func (f Fit) String() string {
	switch f {
	case Exact:
		return "exact"
	case Liberal:
		return "liberal"
	}
	return "none"
}

// Fit says how an argument, an item of [Request.Params], fits a parameter of Go
// type t. .NET reads arguments without knowing the parameters (integers become
// Int64, numbers with a fraction Double, everything with $type that type) and
// then looks for the one method that takes them; Exact is what it takes. Null
// fits every type that is a reference in .NET: pointers to classes, structs
// that are classes, slices, maps, interfaces, and string, although decoding it
// into a Go string is an error then, as it is for every Go value that cannot be
// nil. Fit looks at the argument itself and not into its members, so decoding
// can still fail.
//
// Which overload runs is the service's decision: one Exact fit of all
// parameters wins, several are ambiguous; with none, one Liberal fit wins.
func (c *Codec) Fit(arg Raw, t reflect.Type) Fit {
	c = c.orNone()
	if t == rawType || t == anyType {
		return Exact
	}
	if arg.IsNull() {
		return fitNull(t)
	}
	if t.Kind() == reflect.Pointer && t.Elem() != streamType && t.Elem().Kind() != reflect.Pointer {
		return c.Fit(arg, t.Elem()) // a value that is set fits a Nullable too
	}
	switch arg.Type {
	case KindBool:
		return fitIf(t.Kind() == reflect.Bool, Exact)
	case KindInt32, KindInt64:
		n, _ := arg.Integer()
		return fitInteger(n, t)
	case KindDouble:
		return fitDouble(arg.Double(), t)
	case KindString:
		return fitText(arg.Text(), t)
	case KindDate:
		return fitIf(t == timeType, Exact)
	case KindBinary:
		if _, ok := guidOf(arg); ok {
			return fitIf(t == uuidType, Exact)
		}
		return fitIf(planOf(t).form == formBytes, Exact)
	case KindArray:
		// .NET keeps an array without $type as its own JArray, which no
		// parameter takes.
		return fitIf(planOf(t).form == formList, Liberal)
	}
	return c.fitDocument(arg, t)
}

func fitIf(ok bool, fit Fit) Fit {
	if ok {
		return fit
	}
	return NoFit
}

func fitNull(t reflect.Type) Fit {
	switch {
	case t.Kind() == reflect.Pointer && isValueType(t.Elem()):
		return Liberal // a Nullable: .NET refuses null for it too
	case isValueType(t), t.Kind() == reflect.Array, t == durationType, t == spanType, t == charType:
		return NoFit
	}
	return Exact
}

func fitInteger(n int64, t reflect.Type) Fit {
	if t == durationType || t == spanType || t == charType {
		return NoFit
	}
	zero := reflect.Zero(t)
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		if isEnum(t) {
			return Liberal
		}
		return Exact
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return fitIf(!zero.OverflowInt(n), Liberal)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fitIf(n >= 0 && !zero.OverflowUint(uint64(n)), Liberal)
	case reflect.Float32, reflect.Float64:
		return Liberal
	}
	return NoFit
}

// isEnum: an integer type that names its .NET type is an enum there, which an
// Int64 does not fit.
func isEnum(t reflect.Type) bool {
	_, named := dotNetType(t)
	return named
}

func fitDouble(f float64, t reflect.Type) Fit {
	switch t.Kind() {
	case reflect.Float64:
		return Exact
	case reflect.Float32:
		return fitIf(!reflect.Zero(t).OverflowFloat(f), Liberal)
	}
	if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
		return min(Liberal, fitInteger(int64(f), t))
	}
	return NoFit
}

func fitText(text []byte, t reflect.Type) Fit {
	switch t {
	case durationType:
		_, err := parseDuration(text)
		return fitIf(err == nil, Liberal)
	case spanType:
		_, err := ParseTimeSpan(string(text))
		return fitIf(err == nil, Liberal)
	case charType:
		return fitIf(utf8.RuneCount(text) == 1, Liberal)
	case uuidType:
		_, err := parseUUID(text)
		return fitIf(err == nil, Liberal)
	case timeType:
		_, err := parseTime(text)
		return fitIf(err == nil, Liberal)
	case urlType:
		_, err := url.Parse(string(text))
		return fitIf(err == nil, Liberal)
	}
	if isText(t) {
		return Liberal
	}
	if _, named := dotNetType(t); named {
		return fitIf(t.Kind() == reflect.String, Liberal)
	}
	return fitIf(t.Kind() == reflect.String, Exact)
}

// fitDocument compares the argument's $type with the parameter's .NET name.
func (c *Codec) fitDocument(arg Raw, t reflect.Type) Fit {
	p := planOf(t)
	typeMember := arg.Lookup("$type")
	if typeMember.Type != KindString {
		switch p.form {
		case formMembers:
			return Liberal
		case formStream:
			_, err := streamHusk(p, arg)
			return fitIf(err == nil, Liberal)
		}
		return fitIf(p.form == formBare && t.Kind() == reflect.Struct && !isText(t) && p.fields != nil, Liberal)
	}
	if text := c.objectName(p.typ); text != "" && string(typeMember.Text()) == text {
		return Exact
	}
	registered, name, err := c.registered(typeMember.Text())
	if err != nil {
		return NoFit
	}
	if registered != nil && assignable(registered, t) {
		return Exact
	}
	if name.Name == "" {
		name, _ = ParseTypeName(string(typeMember.Text()))
		name = name.Normal()
	}
	return c.fitNamed(arg, name, p)
}

// assignable says whether .NET would take a value of one registered type for
// the other: the same, an interface's implementation, or a derived class.
func assignable(from, to reflect.Type) bool {
	for from.Kind() == reflect.Pointer {
		from = from.Elem()
	}
	if from == to {
		return true
	}
	if to.Kind() == reflect.Interface {
		return from.Implements(to) || reflect.PointerTo(from).Implements(to)
	}
	if from.Kind() != reflect.Struct {
		return false
	}
	for i := range from.NumField() {
		if f := from.Field(i); f.Anonymous && isBaseClass(f.Type) && assignable(f.Type, to) {
			return true
		}
	}
	return false
}

func (c *Codec) fitNamed(arg Raw, name TypeName, p *plan) Fit {
	want, named := c.typeName(p.typ)
	if named && name.String() == want.String() {
		return Exact
	}
	switch p.form {
	case formList:
		return fitIf(arg.Lookup("$values").Type == KindArray, Liberal)
	case formBytes:
		return fitIf(arg.Lookup("$value").Type == KindBinary, Liberal)
	case formMembers:
		if p.typ.Kind() == reflect.Map {
			return fitIf(name.Framework() && arg.Lookup("$values").Type == 0 && arg.Lookup("$value").Type == 0, Liberal)
		}
		// The same class in an assembly of another name, or a Go type that
		// does not say which class it is.
		return fitIf(!named || name.Display() == want.Display(), Liberal)
	}
	return NoFit
}

// ArgumentTypeName is the type of an argument as .NET prints it in the text of
// an ambiguous match: Int64, String, Person, List`1, <null>; JObject and JArray
// for documents and arrays without $type.
func ArgumentTypeName(arg Raw) string {
	switch arg.Type {
	case KindBool:
		return "Boolean"
	case KindInt32, KindInt64:
		return "Int64"
	case KindDouble:
		return "Double"
	case KindString:
		return "String"
	case KindDate:
		return "DateTime"
	case KindBinary:
		if _, ok := guidOf(arg); ok {
			return "Guid"
		}
		return "Byte[]"
	case KindArray:
		return "JArray"
	case KindDocument:
		name := arg.Lookup("$type")
		if name.Type != KindString {
			return "JObject"
		}
		parsed, err := ParseTypeName(string(name.Text()))
		if err != nil {
			return "JObject"
		}
		return parsed.Short()
	}
	return "<null>"
}

// ArgumentTypeNames is [ArgumentTypeName] of all arguments, as .NET lists them.
func ArgumentTypeNames(args []Raw) string {
	names := make([]string, len(args))
	for i, arg := range args {
		names[i] = ArgumentTypeName(arg)
	}
	return strings.Join(names, ", ")
}
