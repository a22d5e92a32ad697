package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/wire"
)

// typedArgument makes a text on the command line a value of a parameter's type.
func (f *contractFile) typedArgument(text string, t types.Type, typed bool) (any, error) {
	s := f.shapeOf(t)
	a := &argumentJSON{text: text, types: f, typed: typed}
	if file, ok := strings.CutPrefix(text, "@"); ok {
		if s.kind != shapeStream && s.kind != shapeAny {
			return nil, fmt.Errorf("%s is no data stream, which @FILE is: text stands in quotes", f.typeText(t))
		}
		return a.stream(&jsonNode{kind: jsonString}, file)
	}
	node, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	v, err := a.value(node, t, true)
	if err != nil {
		return nil, err
	}
	return v, sendable(v)
}

// value makes a JSON value one of a type. object says that the slot does not say
// the type, so that the value does.
func (a *argumentJSON) value(n *jsonNode, t types.Type, object bool) (any, error) {
	s := a.types.shapeOf(t)
	object = object || a.typed
	if n.kind == jsonNull {
		if !s.nullable && s.kind != shapeStream {
			return nil, a.errorf(n.at, "found null where %s is due", a.types.typeText(t))
		}
		return nil, nil
	}
	name := ""
	if object && (s.kind == shapeList || s.kind == shapeMap || s.kind == shapeClass) {
		var err error
		if name, err = a.typeName(n, t); err != nil {
			return nil, err
		}
	}
	switch s.kind {
	case shapeAny:
		return a.natural(n, object)
	case shapeList:
		return a.list(n, t, s, name)
	case shapeMap:
		return a.dictionary(n, t, s, name)
	case shapePair:
		return a.class(n, t, s, "")
	case shapeClass:
		return a.class(n, t, s, name)
	case shapeSlot:
		return a.abstract(n, t, s)
	case shapeUnknown:
		return nil, a.errorf(n.at, "the type %s is declared in another package, which is not read", a.types.typeText(t))
	default:
		return a.scalar(n, t, s)
	}
}

// typeName is what a value of the type has as $type in a slot of object. Types
// without a .NET name are for Go peers, and have none.
func (a *argumentJSON) typeName(n *jsonNode, t types.Type) (string, error) {
	if name, ok := a.types.dotNetName(t); ok {
		return name.Normal().String(), nil
	}
	if a.types.unknownName(t) {
		return "", a.errorf(n.at, "the .NET name of %s is not known here: let the method DotNetType return a text, or constants", a.types.typeText(t))
	}
	return "", nil
}

func (a *argumentJSON) wrong(n *jsonNode, t types.Type, want string) error {
	return a.errorf(n.at, "found %s where %s is due: expected %s", n.kind, a.types.typeText(t), want)
}

func (a *argumentJSON) list(n *jsonNode, t types.Type, s shape, typeName string) (any, error) {
	if n.kind != jsonArray {
		return nil, a.wrong(n, t, "an array")
	}
	list := wire.Items{Type: typeName, Values: make([]any, len(n.items))}
	for i, item := range n.items {
		var err error
		if list.Values[i], err = a.value(item, s.elem, false); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (a *argumentJSON) dictionary(n *jsonNode, t types.Type, s shape, typeName string) (any, error) {
	if n.kind != jsonObject {
		return nil, a.wrong(n, t, "an object")
	}
	o := wire.Object{Type: typeName}
	for _, m := range n.members {
		if err := a.checkKey(m, s.key); err != nil {
			return nil, err
		}
		value, err := a.value(m.value, s.elem, false)
		if err != nil {
			return nil, err
		}
		o.Members = append(o.Members, wire.Member{Name: m.name, Value: value})
	}
	return o, nil
}

// checkKey holds a dictionary's key, which is text on the wire, against its type.
func (a *argumentJSON) checkKey(m jsonMember, t types.Type) error {
	s := a.types.shapeOf(t)
	key := &jsonNode{at: m.at, kind: jsonString, text: m.name}
	switch s.kind {
	case shapeNumber:
		key.kind = jsonNumber
	case shapeBool:
		if m.name != "True" && m.name != "False" {
			return a.errorf(m.at, "the key %q is no bool: expected True or False", m.name)
		}
		return nil
	case shapeTime: // as .NET prints it, which is not what it takes elsewhere
		return nil
	}
	_, err := a.scalar(key, t, s)
	return err
}

// class makes an object one with the members of a class, in their order. Those
// that are left out are left to the peer.
func (a *argumentJSON) class(n *jsonNode, t types.Type, s shape, typeName string) (any, error) {
	if n.kind != jsonObject {
		return nil, a.wrong(n, t, "an object")
	}
	fields := a.types.fields(s.class)
	values := make([]*jsonNode, len(fields))
	for _, m := range n.members {
		if m.name == "$type" {
			continue
		}
		i := slices.IndexFunc(fields, func(f memberField) bool { return strings.EqualFold(f.name, m.name) })
		switch {
		case i < 0:
			return nil, a.errorf(m.at, "%s has no member %q; it has %s", a.types.typeText(t), m.name, memberNames(fields))
		case values[i] != nil:
			return nil, a.errorf(m.at, "%q stands twice in the object", m.name)
		}
		values[i] = m.value
	}
	o := wire.Object{Type: typeName}
	for i, field := range fields {
		if values[i] == nil {
			continue
		}
		if values[i].kind == jsonNull && field.nullZero {
			o.Members = append(o.Members, wire.Member{Name: field.name})
			continue
		}
		value, err := a.value(values[i], field.typ, field.object)
		if err != nil {
			return nil, err
		}
		o.Members = append(o.Members, wire.Member{Name: field.name, Value: value})
	}
	return o, nil
}

func memberNames(fields []memberField) string {
	if len(fields) == 0 {
		return "none"
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return strings.Join(names, ", ")
}

// abstract makes an object one of the classes below an abstract one, which its
// $type names.
func (a *argumentJSON) abstract(n *jsonNode, t types.Type, s shape) (any, error) {
	if n.kind != jsonObject {
		return nil, a.wrong(n, t, "an object with $type")
	}
	heirs := a.types.implementers(s.slot)
	names := make([]string, len(heirs))
	for i, heir := range heirs {
		names[i] = heir.Obj().Name()
	}
	text, at := "", n.at
	for _, m := range n.members {
		if m.name == "$type" {
			text, at = m.value.text, m.value.at
		}
	}
	if text == "" && len(heirs) == 1 {
		text = names[0]
	}
	heir := a.types.typeNamed(text, heirs)
	if heir == nil {
		return nil, a.errorf(at, "%s needs a $type; there is %s", a.types.typeText(t), strings.Join(names, ", "))
	}
	name, err := a.typeName(n, heir)
	if err != nil {
		return nil, err
	}
	return a.class(n, heir, a.types.shapeOf(heir), name)
}

// scalar makes a value without parts.
func (a *argumentJSON) scalar(n *jsonNode, t types.Type, s shape) (any, error) {
	if kind, value := n.special(); kind != "" {
		return a.specialScalar(n, kind, value, t, s)
	}
	switch s.kind {
	case shapeBool:
		if n.kind == jsonBool {
			return n.yes, nil
		}
		return nil, a.wrong(n, t, "true or false")
	case shapeNumber:
		if n.kind != jsonNumber && (n.kind != jsonString || s.basic.Info()&types.IsFloat == 0) {
			return nil, a.wrong(n, t, "a number")
		}
		v, err := numberOf(n.text, s.basic)
		if err != nil {
			return nil, a.errorf(n.at, "%w", err)
		}
		return v, nil
	case shapeEnum:
		return a.enum(n, t, s)
	}
	if n.kind != jsonString {
		return nil, a.wrong(n, t, expectedText[s.kind])
	}
	if s.kind == shapeStream {
		file, ok := strings.CutPrefix(n.text, "@")
		if !ok {
			return nil, a.errorf(n.at, `%q is no data stream: expected "@FILE"`, shortened(n.text))
		}
		return a.stream(n, file)
	}
	v, err := valueOfText(n.text, s.kind)
	if err != nil {
		return nil, a.errorf(n.at, "%w", err)
	}
	return v, nil
}

// valueOfText makes a value of those kinds that are written as text.
func valueOfText(text string, kind shapeKind) (any, error) {
	switch kind {
	case shapeTime:
		return parseDate(text)
	case shapeSpan:
		return parseSpan(text)
	case shapeChar:
		c, size := utf8.DecodeRuneInString(text)
		if size != len(text) || size == 0 || c > math.MaxUint16 {
			return nil, fmt.Errorf("%q is no single char", shortened(text))
		}
		return wire.Char(c), nil
	case shapeGUID:
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no GUID", shortened(text))
		}
		return id, nil
	case shapeBytes:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not base64, which bytes are written in", shortened(text))
		}
		return b, nil
	default: // texts of all kinds
		return text, nil
	}
}

// expectedText is what stands for values that JSON has no kind for.
var expectedText = map[shapeKind]string{
	shapeString: "text in quotes", shapeText: "text in quotes", shapeTime: `a date such as "2006-01-02T15:04:05Z"`,
	shapeSpan: `a time such as "1.02:03:04" or "90s"`, shapeChar: "text of one char", shapeGUID: "the text of a GUID",
	shapeBytes: "base64", shapeStream: `"@FILE"`,
}

// specialScalar takes the forms of untyped arguments too, where they fit.
func (a *argumentJSON) specialScalar(n *jsonNode, kind string, value *jsonNode, t types.Type, s shape) (any, error) {
	fits := map[string]shapeKind{"$guid": shapeGUID, "$date": shapeTime, "$double": shapeNumber, "$bytes": shapeBytes, "$stream": shapeStream}[kind]
	if s.kind != fits || (kind == "$double" && s.basic.Info()&types.IsFloat == 0) {
		return nil, a.errorf(n.at, "found {%q: …} where %s is due", kind, a.types.typeText(t))
	}
	return a.special(kind, value)
}

var errFraction = errors.New("is no whole number")

// numberOf makes a number one of the Go type, in its range.
func numberOf(text string, b *types.Basic) (any, error) {
	switch info := b.Info(); {
	case info&types.IsFloat != 0:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return nil, fmt.Errorf("%q is no number; besides numbers there are NaN, Infinity and -Infinity", shortened(text))
		}
		if err != nil || (b.Kind() == types.Float32 && math.Abs(v) > math.MaxFloat32 && !math.IsInf(v, 0)) {
			return nil, fmt.Errorf("%s is out of the range of %s", text, b)
		}
		if b.Kind() == types.Float32 {
			v = float64(float32(v))
		}
		return v, nil
	case info&types.IsUnsigned != 0:
		v, err := strconv.ParseUint(whole(text), 10, bitsOf(b))
		if err != nil {
			return nil, outOf(text, b, err)
		}
		if bitsOf(b) == 64 {
			return v, nil
		}
		return uint32(v), nil
	default:
		v, err := strconv.ParseInt(whole(text), 10, bitsOf(b))
		if err != nil {
			return nil, outOf(text, b, err)
		}
		if bitsOf(b) == 64 {
			return v, nil
		}
		return int32(v), nil
	}
}

// whole is 2 for 2.0 and 2e0, which are whole numbers too.
func whole(text string) string {
	if f, err := strconv.ParseFloat(text, 64); err == nil && strings.ContainsAny(text, ".eE") && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.FormatInt(int64(f), 10)
	}
	return text
}

func outOf(text string, b *types.Basic, err error) error {
	if strings.HasPrefix(text, "-") || errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s is out of the range of %s", text, b)
	}
	return fmt.Errorf("%s %w, as %s is", text, errFraction, b)
}

func bitsOf(b *types.Basic) int {
	switch b.Kind() {
	case types.Int8, types.Uint8:
		return 8
	case types.Int16, types.Uint16:
		return 16
	case types.Int32, types.Uint32:
		return 32
	default:
		return 64
	}
}

// parseSpan reads a TimeSpan as .NET prints it, or a duration as Go does.
func parseSpan(text string) (wire.TimeSpan, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return wire.TimeSpanOf(d), nil
	}
	v, err := wire.ParseTimeSpan(text)
	if err != nil {
		return 0, fmt.Errorf(`%q is no time: expected for example "1.02:03:04" or "90s"`, shortened(text))
	}
	return v, nil
}

// enum takes a number, a name, or several names with commas between.
func (a *argumentJSON) enum(n *jsonNode, t types.Type, s shape) (any, error) {
	values := a.types.enumValues(s.named)
	isText := s.basic.Info()&types.IsString != 0
	if n.kind == jsonNumber && !isText {
		v, err := numberOf(n.text, s.basic)
		if err != nil {
			return nil, a.errorf(n.at, "%w", err)
		}
		return v, nil
	}
	if n.kind != jsonString {
		return nil, a.wrong(n, t, "one of "+enumNames(values))
	}
	sum := constant.MakeInt64(0)
	for part := range strings.SplitSeq(n.text, ",") {
		part = strings.TrimSpace(part)
		i := slices.IndexFunc(values, func(v enumValue) bool {
			return strings.EqualFold(v.name, part) || (isText && constant.StringVal(v.value) == part)
		})
		switch {
		case i < 0:
			return nil, a.errorf(n.at, "%q is no %s; there is %s", shortened(part), a.types.typeText(t), enumNames(values))
		case isText:
			return constant.StringVal(values[i].value), nil
		}
		sum = constant.BinaryOp(sum, token.OR, values[i].value)
	}
	return numberOf(sum.ExactString(), s.basic)
}

func enumNames(values []enumValue) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.name
	}
	return strings.Join(names, ", ")
}
