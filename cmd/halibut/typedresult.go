package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"time"

	"github.com/halibut-go/halibut/internal/bson"
	"github.com/halibut-go/halibut/wire"
)

// typedResult writes a value of a type as JSON, in the forms that typedArgument
// reads: names for enums, texts for GUIDs and dates, and $type only where a class
// stands for an abstract one.
func (f *contractFile) typedResult(raw wire.Raw, t types.Type, indent string) string {
	text := f.appendTyped(nil, raw, t)
	var b bytes.Buffer
	if indent == "" || json.Indent(&b, text, "", indent) != nil {
		return string(text)
	}
	return b.String()
}

// appendTyped writes a value. One that is not what its type says is written as
// it is.
func (f *contractFile) appendTyped(dst []byte, raw wire.Raw, t types.Type) []byte {
	s := f.shapeOf(t)
	if s.kind == shapeList || s.kind == shapeBytes {
		raw = unwrapped(raw)
	}
	switch {
	case s.kind == shapeList && raw.Type == bson.Array:
		return appendJSONArray(dst, raw, func(dst []byte, item wire.Raw) []byte { return f.appendTyped(dst, item, s.elem) })
	case s.kind == shapeMap && raw.Type == bson.Document:
		return appendJSONMembers(dst, raw, false, func(dst []byte, _ string, v wire.Raw) []byte { return f.appendTyped(dst, v, s.elem) })
	case s.kind == shapeStream && raw.Type == bson.Document:
		if length, ok := raw.Lookup("length").Integer(); ok {
			return fmt.Appendf(dst, `{"$stream":%d}`, length)
		}
	case (s.kind == shapeClass || s.kind == shapePair) && raw.Type == bson.Document:
		return f.appendClass(dst, raw, s.class, false)
	case s.kind == shapeSlot && raw.Type == bson.Document:
		return f.appendSlot(dst, raw, s)
	case s.kind == shapeEnum:
		if text, ok := f.enumText(raw, s); ok {
			return appendJSONText(dst, text)
		}
	case s.kind == shapeTime && raw.Type == bson.DateTime:
		return appendJSONText(dst, time.UnixMilli(raw.Int64()).UTC().Format("2006-01-02T15:04:05.999Z07:00"))
	case raw.Type == bson.Binary:
		subtype, data := raw.Binary()
		if id, ok := guid(subtype, data); ok && s.kind == shapeGUID {
			return appendJSONText(dst, id.String())
		}
		if s.kind == shapeBytes {
			return appendJSONText(dst, base64.StdEncoding.EncodeToString(data))
		}
	}
	return appendJSON(dst, raw, false)
}

// appendClass writes the members of a class, with $type where it is needed.
func (f *contractFile) appendClass(dst []byte, raw wire.Raw, class *types.Struct, withType bool) []byte {
	fields := f.fields(class)
	return appendJSONMembers(dst, raw, withType, func(dst []byte, name string, v wire.Raw) []byte {
		i := slices.IndexFunc(fields, func(m memberField) bool { return strings.EqualFold(m.name, name) })
		if i < 0 {
			return appendJSON(dst, v, false)
		}
		return f.appendTyped(dst, v, fields[i].typ)
	})
}

func (f *contractFile) appendSlot(dst []byte, raw wire.Raw, s shape) []byte {
	heir := f.typeNamed(typeOf(raw), f.implementers(s.slot))
	if heir == nil {
		return appendJSON(dst, raw, false)
	}
	class := f.shapeOf(heir).class
	if class == nil {
		return appendJSON(dst, raw, false)
	}
	return f.appendClass(dst, raw, class, true)
}

// enumText is the name of an enum's value, or the names of its parts.
func (f *contractFile) enumText(raw wire.Raw, s shape) (string, bool) {
	values := f.enumValues(s.named)
	if raw.Type == bson.String {
		return string(raw.Text()), true
	}
	n, ok := raw.Integer()
	if !ok {
		return "", false
	}
	for _, v := range values {
		if whole, exact := constant.Int64Val(v.value); exact && whole == n {
			return v.name, true
		}
	}
	// Flags, the largest first as .NET takes them apart.
	slices.SortStableFunc(values, func(a, b enumValue) int {
		if constant.Compare(a.value, token.GTR, b.value) {
			return -1
		}
		return 1
	})
	var names []string
	rest := n
	for _, v := range values {
		if part, exact := constant.Int64Val(v.value); exact && part > 0 && rest&part == part {
			names, rest = append([]string{v.name}, names...), rest&^part
		}
	}
	if rest != 0 || n <= 0 || len(names) < 2 {
		return "", false
	}
	return strings.Join(names, ", "), true
}

// unwrapped is what stands in {"$type": …, "$values": …} and {"$type": …, "$value": …}.
func unwrapped(raw wire.Raw) wire.Raw {
	if raw.Type != bson.Document {
		return raw
	}
	for _, name := range []string{"$values", "$value"} {
		if inner := raw.Lookup(name); inner.Type != 0 {
			return inner
		}
	}
	return raw
}

func appendJSONArray(dst []byte, raw wire.Raw, appendItem func([]byte, wire.Raw) []byte) []byte {
	dst = append(dst, '[')
	first := true
	for it := raw.Elements(); it.Next(); first = false {
		if !first {
			dst = append(dst, ',')
		}
		dst = appendItem(dst, it.Value())
	}
	return append(dst, ']')
}

func appendJSONMembers(dst []byte, raw wire.Raw, withType bool, appendMember func(dst []byte, name string, v wire.Raw) []byte) []byte {
	dst = append(dst, '{')
	first := true
	for it := raw.Elements(); it.Next(); {
		name := string(it.Name())
		if name == "$type" && !withType {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONText(dst, name), ':')
		dst = appendMember(dst, name, it.Value())
	}
	return append(dst, '}')
}
