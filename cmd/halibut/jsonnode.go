package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// jsonError is what is wrong with a JSON text, and where.
type jsonError struct {
	column int // in characters, from 1
	err    error
}

func (e *jsonError) Error() string { return fmt.Sprintf("column %d: %v", e.column, e.err) }
func (e *jsonError) Unwrap() error { return e.err }

// jsonNode is a value of a JSON text, with the place where it stands.
type jsonNode struct {
	at      int // in bytes
	kind    jsonKind
	text    string // of strings, and of numbers as they were written
	yes     bool
	items   []*jsonNode
	members []jsonMember
}

type jsonMember struct {
	name  string
	at    int
	value *jsonNode
}

type jsonKind string

const (
	jsonNull   jsonKind = "null"
	jsonBool   jsonKind = "a bool"
	jsonNumber jsonKind = "a number"
	jsonString jsonKind = "a text"
	jsonArray  jsonKind = "an array"
	jsonObject jsonKind = "an object"
)

// parseJSON takes a text apart. All errors have their column.
func parseJSON(text string) (*jsonNode, error) {
	if err := checkSyntax(text); err != nil {
		return nil, err
	}
	p := &jsonParser{text, json.NewDecoder(strings.NewReader(text))}
	p.dec.UseNumber()
	n, err := p.value()
	if err != nil && !errors.As(err, new(*jsonError)) {
		err = &jsonError{columnOf(text, p.dec.InputOffset()), err}
	}
	return n, err
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

type jsonParser struct {
	text string
	dec  *json.Decoder
}

// next is where the next token begins.
func (p *jsonParser) next() int {
	at := int(p.dec.InputOffset())
	for at < len(p.text) && strings.IndexByte(" \t\r\n,:", p.text[at]) >= 0 {
		at++
	}
	return at
}

func (p *jsonParser) value() (*jsonNode, error) {
	n := &jsonNode{at: p.next()}
	token, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case nil:
		n.kind = jsonNull
	case bool:
		n.kind, n.yes = jsonBool, v
	case string:
		n.kind, n.text = jsonString, v
	case json.Number:
		n.kind, n.text = jsonNumber, v.String()
	case json.Delim:
		if v == '[' {
			return n, p.array(n)
		}
		return n, p.object(n)
	default:
		return nil, io.ErrUnexpectedEOF
	}
	return n, nil
}

func (p *jsonParser) array(n *jsonNode) error {
	n.kind = jsonArray
	for p.dec.More() {
		item, err := p.value()
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, err := p.dec.Token()
	return err
}

func (p *jsonParser) object(n *jsonNode) error {
	n.kind = jsonObject
	seen := map[string]bool{}
	for p.dec.More() {
		at := p.next()
		token, err := p.dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		switch {
		case seen[name]:
			return &jsonError{columnOf(p.text, int64(at)), fmt.Errorf("%q stands twice in the object", name)}
		case strings.IndexByte(name, 0) >= 0:
			return &jsonError{columnOf(p.text, int64(at)), fmt.Errorf("%q: a name cannot hold a NUL", name)}
		}
		seen[name] = true
		value, err := p.value()
		if err != nil {
			return err
		}
		n.members = append(n.members, jsonMember{name, at, value})
	}
	_, err := p.dec.Token()
	return err
}

// special is the one member of an object with a dollar name, such as $guid: what
// JSON has no kind for.
func (n *jsonNode) special() (kind string, value *jsonNode) {
	if n.kind != jsonObject || len(n.members) != 1 {
		return "", nil
	}
	m := n.members[0]
	switch m.name {
	case "$guid", "$date", "$double", "$bytes", "$stream":
		return m.name, m.value
	}
	return "", nil
}
