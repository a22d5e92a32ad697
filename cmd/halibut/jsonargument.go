package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

// argumentJSON makes values to send of a JSON text.
type argumentJSON struct {
	text  string
	types *contractFile // nil: the kinds of JSON decide
	typed bool          // every slot is one of object: the protocol of 2013 wants that
}

// parseArgument makes a JSON text a value to send. What JSON has no kind for is an
// object with one member whose name begins with a dollar sign.
func parseArgument(text string) (any, error) {
	node, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	a := &argumentJSON{text: text}
	v, err := a.natural(node, true)
	if err != nil {
		return nil, err
	}
	return v, sendable(v)
}

// sendable finds what the values themselves do not show: that they nest too deep.
func sendable(v any) error {
	var streams *wire.Streams
	_, err := new(wire.Codec).EncodeParams(nil, &streams, []any{v})
	var at *wire.ValueError
	if errors.As(err, &at) {
		if at.Path = strings.TrimPrefix(strings.TrimPrefix(at.Path, "params[0]"), "."); at.Path == "" {
			return at.Err
		}
	}
	return err
}

func (a *argumentJSON) errorf(at int, format string, args ...any) error {
	return &jsonError{columnOf(a.text, int64(at)), fmt.Errorf(format, args...)}
}

// natural makes a value by JSON's own kinds. outermost is the argument itself.
func (a *argumentJSON) natural(n *jsonNode, outermost bool) (any, error) {
	switch n.kind {
	case jsonNull:
		return nil, nil
	case jsonBool:
		return n.yes, nil
	case jsonString:
		return n.text, nil
	case jsonNumber:
		return a.number(n)
	case jsonArray:
		return a.array(n, outermost)
	default:
		return a.object(n)
	}
}

// number: whole ones are int64 and others double, which are what .NET methods
// take.
func (a *argumentJSON) number(n *jsonNode) (any, error) {
	if !strings.ContainsAny(n.text, ".eE") {
		i, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil {
			return nil, a.errorf(n.at, "%s is beyond the 64 bits of a whole number; write it with .0 or as {\"$double\": %s}", n.text, n.text)
		}
		return i, nil
	}
	f, err := strconv.ParseFloat(n.text, 64)
	if err != nil {
		return nil, a.errorf(n.at, "%s is beyond what a double can hold", n.text)
	}
	return f, nil
}

// array: the argument itself needs a .NET type, which its items tell if they are
// of one kind.
func (a *argumentJSON) array(n *jsonNode, outermost bool) (any, error) {
	list := wire.Items{Values: make([]any, len(n.items))}
	for i, item := range n.items {
		var err error
		if list.Values[i], err = a.natural(item, false); err != nil {
			return nil, err
		}
	}
	if item := itemType(list.Values); outermost && item != "" {
		list.Type = item + "[], mscorlib"
	}
	return list, nil
}

// itemType is the .NET type of an array's items, "" where they differ.
func itemType(values []any) (name string) {
	for _, v := range values {
		one := ""
		switch v.(type) {
		case nil:
			continue // only text can be null
		case string:
			one = "System.String"
		case int64:
			one = "System.Int64"
		case float64:
			one = "System.Double"
		case bool:
			one = "System.Boolean"
		case time.Time:
			one = "System.DateTime"
		}
		if one == "" || (name != "" && one != name) {
			return ""
		}
		name = one
	}
	for _, v := range values {
		if v == nil && name != "System.String" {
			return ""
		}
	}
	return name
}

// object makes an object, or the value that one with a dollar name stands for.
func (a *argumentJSON) object(n *jsonNode) (any, error) {
	if kind, value := n.special(); kind != "" {
		return a.special(kind, value)
	}
	var o wire.Object
	for i, m := range n.members {
		switch {
		case m.name == "$type" && i > 0:
			return nil, a.errorf(m.at, "$type must be the first member of its object")
		case m.name == "$type":
			if m.value.kind != jsonString {
				return nil, a.errorf(m.value.at, "$type is %s: expected the name of a .NET type", m.value.kind)
			}
			o.Type = m.value.text
			continue
		case strings.HasPrefix(m.name, "$") && m.name != "$value" && m.name != "$values":
			if len(n.members) > 1 && strings.Contains("$guid $date $double $bytes $stream", m.name) {
				return nil, a.errorf(m.at, "%s stands alone in its object", m.name)
			}
			return nil, a.errorf(m.at, "%s is unknown: expected $type, $values, $value, $guid, $date, $double, $bytes or $stream", m.name)
		}
		value, err := a.natural(m.value, false)
		if err != nil {
			return nil, err
		}
		o.Members = append(o.Members, wire.Member{Name: m.name, Value: value})
	}
	return o, nil
}

// special is the value of {"$kind": value}.
func (a *argumentJSON) special(kind string, n *jsonNode) (any, error) {
	switch kind {
	case "$guid":
		id, err := uuid.Parse(n.text)
		if err != nil {
			return nil, a.errorf(n.at, "$guid: %q is no GUID", n.text)
		}
		return id, nil
	case "$date":
		t, err := parseDate(n.text)
		if err != nil {
			return nil, a.errorf(n.at, "$date: %v", err)
		}
		return t, nil
	case "$double":
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			return nil, a.errorf(n.at, "$double: %q is no number; besides numbers there are NaN, Infinity and -Infinity", n.text)
		}
		return f, nil
	case "$stream":
		return a.stream(n, strings.TrimPrefix(n.text, "@"))
	default:
		b, err := base64.StdEncoding.DecodeString(n.text)
		if err != nil {
			return nil, a.errorf(n.at, "$bytes: %q is not base64", shortened(n.text))
		}
		return b, nil
	}
}

// stream is the data stream of a file.
func (a *argumentJSON) stream(n *jsonNode, file string) (any, error) {
	if n.kind != jsonString || file == "" {
		return nil, a.errorf(n.at, `found %s where a data stream is due: expected "@FILE"`, n.kind)
	}
	stream, err := halibut.StreamFile(file)
	if err != nil {
		return nil, &jsonError{columnOf(a.text, int64(n.at)), err}
	}
	return stream, nil
}

func parseDate(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date: expected for example 2006-01-02T15:04:05Z", text)
}

// formatDouble writes a double so that it does not read as a whole number.
func formatDouble(f float64) string {
	switch {
	case math.IsNaN(f):
		return `{"$double": "NaN"}`
	case math.IsInf(f, 1):
		return `{"$double": "Infinity"}`
	case math.IsInf(f, -1):
		return `{"$double": "-Infinity"}`
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}
