package csharp

import "go/token"

// Position is a place in a C# file: its name, line and column, from 1.
type Position = token.Position

type tokenKind uint8

const (
	endOfFile tokenKind = iota
	identifier
	number
	text      // a string literal; lexeme.value holds it where it is constant
	character // a character literal; value holds the character
	symbol    // one of the operators and brackets
)

// lexeme is a token with what the declarations need to know about it.
type lexeme struct {
	kind     tokenKind
	spelling string // as written; an identifier without its leading @
	value    string // of a text or character literal
	verbatim bool   // an identifier that was written with @, so never a keyword
	nullable bool   // the nullable annotation context is on here
	pos      Position
	doc      string // the /// lines right before it
}

func (l lexeme) is(spelling string) bool {
	return (l.kind == symbol || l.kind == identifier) && !l.verbatim && l.spelling == spelling
}

func (l lexeme) String() string {
	if l.kind == endOfFile {
		return "the end of the file"
	}
	return "“" + l.spelling + "”"
}
