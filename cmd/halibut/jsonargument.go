package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
	"github.com/halibut-go/halibut/wire"
)

// jsonError is what is wrong with a JSON text, and where.
type jsonError struct {
	column int // in characters, from 1
	err    error
}

func (e *jsonError) Error() string { return fmt.Sprintf("column %d: %v", e.column, e.err) }
func (e *jsonError) Unwrap() error { return e.err }

// parseArgument makes a JSON text a value on the wire. What JSON has no kind for
// is an object with one member whose name begins with a dollar sign.
func parseArgument(text string) (wire.Raw, error) {
	if err := checkSyntax(text); err != nil {
		return wire.Raw{}, err
	}
	p := &argumentParser{json.NewDecoder(strings.NewReader(text))}
	p.dec.UseNumber()
	doc, start := bson.Begin(nil)
	doc, err := p.value(doc, "v", true)
	if err != nil {
		return wire.Raw{}, &jsonError{columnOf(text, p.dec.InputOffset()), err}
	}
	doc = bson.End(doc, start)
	if err := bson.Validate(doc, 0); err != nil {
		return wire.Raw{}, err
	}
	return bson.Value{Type: bson.Document, Data: doc}.Lookup("v"), nil
}

// checkSyntax finds the first character that cannot stand where it stands.
func checkSyntax(text string) error {
	var (
		whole  json.RawMessage
		syntax *json.SyntaxError
	)
	err := json.Unmarshal([]byte(text), &whole)
	if !errors.As(err, &syntax) {
		return err
	}
	if syntax.Offset >= int64(len(text)) && strings.HasPrefix(syntax.Error(), "unexpected end") {
		return &jsonError{columnOf(text, int64(len(text))), errors.New("the JSON text ends too early")}
	}
	return &jsonError{columnOf(text, syntax.Offset-1), err}
}

// columnOf is the column of the character at an offset in bytes.
func columnOf(text string, offset int64) int {
	return utf8.RuneCountInString(text[:min(max(offset, 0), int64(len(text)))]) + 1
}

type argumentParser struct{ dec *json.Decoder }

// value appends the next value under a name. outermost is the argument itself.
func (p *argumentParser) value(dst []byte, name string, outermost bool) ([]byte, error) {
	token, err := p.dec.Token()
	if err != nil {
		return dst, err
	}
	return p.token(dst, name, token, outermost)
}

func (p *argumentParser) token(dst []byte, name string, token json.Token, outermost bool) ([]byte, error) {
	switch v := token.(type) {
	case nil:
		return bson.AppendNull(dst, name), nil
	case bool:
		return bson.AppendBool(dst, name, v), nil
	case string:
		return bson.AppendString(dst, name, v), nil
	case json.Number:
		return appendNumber(dst, name, v)
	case json.Delim:
		if v == '[' {
			return p.array(dst, name, outermost)
		}
		return p.object(dst, name)
	default:
		return dst, fmt.Errorf("unexpected %v", token)
	}
}

// appendNumber writes whole numbers as int64 and others as double, which are
// what .NET methods take.
func appendNumber(dst []byte, name string, n json.Number) ([]byte, error) {
	if !strings.ContainsAny(n.String(), ".eE") {
		i, err := n.Int64()
		if err != nil {
			return dst, fmt.Errorf("%s is beyond the 64 bits of a whole number; write it with .0 or as {\"$double\": %s}", n, n)
		}
		return bson.AppendInt64(dst, name, i), nil
	}
	f, err := n.Float64()
	if err != nil {
		return dst, fmt.Errorf("%s is beyond what a double can hold", n)
	}
	return appendDouble(dst, name, f), nil
}

func appendDouble(dst []byte, name string, f float64) []byte {
	return bson.AppendDoubleData(bson.AppendHeader(dst, bson.Double, name), f)
}

// array appends an array. The argument itself needs a .NET type, which its items
// tell if they are of one kind.
func (p *argumentParser) array(dst []byte, name string, outermost bool) ([]byte, error) {
	items, start := bson.Begin(nil)
	kinds := map[bson.Type]bool{}
	for i := 0; p.dec.More(); i++ {
		var err error
		if items, err = p.value(items, strconv.Itoa(i), false); err != nil {
			return dst, err
		}
	}
	if _, err := p.dec.Token(); err != nil {
		return dst, err
	}
	items = bson.End(items, start)
	list := bson.Value{Type: bson.Array, Data: items}
	for it := list.Elements(); it.Next(); {
		kinds[it.Value().Type] = true
	}
	item := itemType(kinds)
	if !outermost || item == "" {
		return bson.AppendValue(dst, name, list), nil
	}
	dst, start = bson.Begin(bson.AppendHeader(dst, bson.Document, name))
	dst = bson.AppendString(dst, "$type", item+"[], mscorlib")
	dst = bson.AppendValue(dst, "$values", list)
	return bson.End(dst, start), nil
}

// itemType is the .NET type of an array's items, "" where they differ.
func itemType(kinds map[bson.Type]bool) string {
	names := map[bson.Type]string{
		bson.String: "System.String", bson.Int64: "System.Int64", bson.Double: "System.Double",
		bson.Bool: "System.Boolean", bson.DateTime: "System.DateTime",
	}
	if kinds[bson.String] && kinds[bson.Null] { // text can be null
		delete(kinds, bson.Null)
	}
	if len(kinds) != 1 {
		return ""
	}
	for kind := range kinds {
		return names[kind]
	}
	return ""
}

// object appends a document, or the value that an object with a dollar name
// stands for.
func (p *argumentParser) object(dst []byte, name string) ([]byte, error) {
	begun := len(dst)
	dst, start := bson.Begin(bson.AppendHeader(dst, bson.Document, name))
	seen := map[string]bool{}
	for first := true; p.dec.More(); first = false {
		token, err := p.dec.Token()
		if err != nil {
			return dst, err
		}
		key, _ := token.(string)
		switch {
		case seen[key]:
			return dst, fmt.Errorf("%q stands twice in the object", key)
		case strings.IndexByte(key, 0) >= 0:
			return dst, fmt.Errorf("%q: a name cannot hold a NUL", key)
		case key == "$type" && !first:
			return dst, errors.New("$type must be the first member of its object")
		case strings.HasPrefix(key, "$") && key != "$type" && key != "$value" && key != "$values":
			if !first {
				return dst, fmt.Errorf("%s stands alone in its object", key)
			}
			return p.special(dst[:begun], name, key)
		}
		seen[key] = true
		if dst, err = p.value(dst, key, false); err != nil {
			return dst, err
		}
	}
	_, err := p.dec.Token()
	return bson.End(dst, start), err
}

// special appends the value of {"$kind": value}.
func (p *argumentParser) special(dst []byte, name, kind string) ([]byte, error) {
	token, err := p.dec.Token()
	if err != nil {
		return dst, err
	}
	text := fmt.Sprint(token)
	switch kind {
	case "$guid":
		id, err := uuid.Parse(text)
		if err != nil {
			return dst, fmt.Errorf("$guid: %q is no GUID", text)
		}
		dst = bson.AppendBinary(dst, name, bson.SubtypeGUID, wire.AppendGUID(nil, id))
	case "$date":
		t, err := parseDate(text)
		if err != nil {
			return dst, err
		}
		dst = bson.AppendInt64Data(bson.AppendHeader(dst, bson.DateTime, name), t.UnixMilli())
	case "$double":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return dst, fmt.Errorf("$double: %q is no number; besides numbers there are NaN, Infinity and -Infinity", text)
		}
		dst = appendDouble(dst, name, f)
	case "$bytes":
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return dst, fmt.Errorf("$bytes: %q is not base64", text)
		}
		dst = bson.AppendBinary(dst, name, bson.SubtypeBytes, b)
	default:
		return dst, fmt.Errorf("%s is unknown: expected $type, $values, $value, $guid, $date, $double or $bytes", kind)
	}
	if p.dec.More() {
		return dst, fmt.Errorf("%s stands alone in its object", kind)
	}
	_, err = p.dec.Token()
	return dst, err
}

func parseDate(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("$date: %q is no date: expected for example 2006-01-02T15:04:05Z", text)
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
