package csharp

import (
	"fmt"
	"go/scanner"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexer turns C# text into lexemes. It drops comments, keeps documentation
// comments, obeys #if and #nullable, and ignores every other directive.
type lexer struct {
	name     string
	source   string
	offset   int
	line     int
	column   int
	defined  map[string]bool
	branches []branch // the #if sections around this place
	nullable bool
	project  bool // what #nullable restore goes back to
	doc      []string
	fresh    bool // nothing but white space so far on this line
}

// branch is one open #if.
type branch struct {
	active bool // this part is compiled
	taken  bool // a part of this #if was compiled already
	outer  bool // the text around the #if is compiled
}

// multiple lists the symbols of more than one character that matter. Two
// closing angle brackets stay apart, since they may close two generic types.
var multiple = []string{"=>", "==", "!=", "::", "??", "<<", "&&", "||", "->"}

func lex(name, source string, options Options) (tokens []lexeme, err error) {
	l := &lexer{
		name: name, source: strings.TrimPrefix(source, "\ufeff"), line: 1, column: 1,
		defined: options.Defined, nullable: options.Nullable, project: options.Nullable, fresh: true,
	}
	defer catch(&err)
	if !utf8.ValidString(l.source) {
		l.fail("the file is not UTF-8 text; save it as UTF-8")
	}
	for {
		token := l.next()
		tokens = append(tokens, token)
		if token.kind == endOfFile {
			return tokens, nil
		}
	}
}

// syntaxError is thrown by the lexer and the parser and caught at their doors.
type syntaxError struct{ err *scanner.Error }

func catch(err *error) {
	switch thrown := recover().(type) {
	case nil:
	case syntaxError:
		*err = thrown.err
	default:
		panic(thrown)
	}
}

func (l *lexer) fail(format string, args ...any) {
	l.failAt(l.position(), format, args...)
}

func (l *lexer) failAt(pos Position, format string, args ...any) {
	panic(syntaxError{&scanner.Error{Pos: pos, Msg: fmt.Sprintf(format, args...)}})
}

func (l *lexer) position() Position {
	return Position{Filename: l.name, Offset: l.offset, Line: l.line, Column: l.column}
}

func (l *lexer) rest() string { return l.source[l.offset:] }

func (l *lexer) at(prefix string) bool { return strings.HasPrefix(l.rest(), prefix) }

// advance moves on by n bytes and counts the lines and characters among them.
func (l *lexer) advance(n int) {
	for range n {
		switch c := l.source[l.offset]; {
		case c == '\n':
			l.line, l.column, l.fresh = l.line+1, 1, true
		case utf8.RuneStart(c):
			l.column++
		}
		l.offset++
	}
}

// upTo returns the text before the next line end.
func (l *lexer) upTo() string {
	line, _, _ := strings.Cut(l.rest(), "\n")
	return line
}

func (l *lexer) next() lexeme {
	l.doc = nil
	l.skipTrivia()
	token := lexeme{pos: l.position(), nullable: l.nullable, doc: strings.Join(l.doc, "\n")}
	l.fresh = false
	start := l.offset
	if start == len(l.source) {
		if len(l.branches) > 0 {
			l.fail("the file ends inside an #if; add the #endif")
		}
		return token
	}
	first, size := utf8.DecodeRuneInString(l.rest())
	switch {
	case l.literal(&token):
	case first == '@' || first == '_' || unicode.IsLetter(first):
		token.kind = identifier
		token.verbatim = first == '@'
		l.advance(size)
		l.advance(identifierLength(l.rest()))
		token.spelling = strings.TrimPrefix(l.source[start:l.offset], "@")
		if token.spelling == "" {
			l.failAt(token.pos, "“@” starts no identifier here")
		}
		return token
	case first >= '0' && first <= '9':
		token.kind = number
		l.number()
	default:
		token.kind = symbol
		l.advance(symbolLength(l.rest(), size))
	}
	token.spelling = l.source[start:l.offset]
	return token
}

func identifierLength(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
			return i
		}
	}
	return len(s)
}

func symbolLength(s string, one int) int {
	for _, m := range multiple {
		if strings.HasPrefix(s, m) {
			return len(m)
		}
	}
	return one
}

// number consumes digits, a fraction, an exponent and suffixes. A dot belongs
// to the number only before a digit: 1.ToString() is a call.
func (l *lexer) number() {
	hex := l.at("0x") || l.at("0X")
	for l.offset < len(l.source) {
		c := l.source[l.offset]
		switch {
		case c == '_' || c >= '0' && c <= '9' || unicode.IsLetter(rune(c)):
			exponent := !hex && (c == 'e' || c == 'E')
			l.advance(1)
			if exponent && (l.at("+") || l.at("-")) {
				l.advance(1)
			}
		case c == '.' && len(l.rest()) > 1 && l.rest()[1] >= '0' && l.rest()[1] <= '9':
			l.advance(1)
		default:
			return
		}
	}
}

// skipTrivia passes white space, comments, directives and what #if leaves out,
// and gathers the documentation comment before the next token.
func (l *lexer) skipTrivia() {
	for l.offset < len(l.source) {
		switch first, size := utf8.DecodeRuneInString(l.rest()); {
		case unicode.IsSpace(first) || first == '\ufeff' || first == 0x1a:
			l.advance(size)
		case first == '#' && l.fresh:
			l.directive()
		case !l.active():
			l.advance(len(l.upTo()))
		case l.at("///") && !l.at("////"):
			line := l.upTo()
			l.doc = append(l.doc, strings.TrimSpace(line[3:]))
			l.advance(len(line))
		case l.at("//"):
			l.advance(len(l.upTo()))
		case l.at("/*"):
			l.blockComment()
		default:
			return
		}
	}
}

func (l *lexer) blockComment() {
	end := strings.Index(l.rest()[2:], "*/")
	if end < 0 {
		l.fail("the comment that starts here has no end")
	}
	comment := l.rest()[2 : 2+end]
	if strings.HasPrefix(comment, "*") {
		for line := range strings.Lines(comment[1:]) {
			l.doc = append(l.doc, strings.TrimLeft(strings.TrimSpace(line), "* "))
		}
	}
	fresh := l.fresh
	l.advance(end + 4)
	l.fresh = l.fresh || fresh
}

func (l *lexer) active() bool {
	return len(l.branches) == 0 || l.branches[len(l.branches)-1].active
}

// literal consumes a string or character literal, if there is one.
func (l *lexer) literal(token *lexeme) bool {
	rest := l.rest()
	prefix := 0
	for prefix < len(rest) && (rest[prefix] == '$' || rest[prefix] == '@') {
		prefix++
	}
	dollars := strings.Count(rest[:prefix], "$")
	verbatim := strings.Contains(rest[:prefix], "@")
	switch {
	case prefix == 0 && strings.HasPrefix(rest, "'"):
		token.kind = character
		l.advance(1)
		token.value = l.quoted('\'')
		return true
	case !strings.HasPrefix(rest[prefix:], `"`):
		return false
	}
	token.kind = text
	l.advance(prefix)
	switch {
	case l.at(`"""`) && !verbatim:
		l.raw(token.pos, dollars)
	case dollars > 0:
		l.advance(1)
		l.interpolated(token.pos, verbatim)
	case verbatim:
		l.advance(1)
		token.value = l.verbatimText(token.pos)
	default:
		l.advance(1)
		token.value = l.quoted('"')
	}
	if l.at("u8") || l.at("U8") {
		l.advance(2)
	}
	return true
}

// quoted consumes the inside of a literal with escapes, and its end.
func (l *lexer) quoted(end byte) string {
	var value strings.Builder
	for l.offset < len(l.source) {
		switch c := l.source[l.offset]; {
		case c == end:
			l.advance(1)
			return value.String()
		case c == '\n':
			l.fail("the literal has no end on its line")
		case c == '\\':
			l.escape(&value)
		default:
			value.WriteByte(c)
			l.advance(1)
		}
	}
	l.fail("the file ends inside a literal")
	return ""
}

func (l *lexer) escape(value *strings.Builder) {
	simple := map[byte]byte{
		'\'': '\'', '"': '"', '\\': '\\', '0': 0, 'a': '\a', 'b': '\b', 'e': 0x1b,
		'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
	}
	if len(l.rest()) < 2 {
		l.fail("the file ends inside a literal")
	}
	c := l.rest()[1]
	if plain, ok := simple[c]; ok {
		value.WriteByte(plain)
		l.advance(2)
		return
	}
	longest, shortest := 0, 1
	switch c {
	case 'u':
		longest, shortest = 4, 4
	case 'U':
		longest, shortest = 8, 8
	case 'x':
		longest = 4
	default:
		l.fail(`“\%c” is no escape of C#`, c)
	}
	digits := l.rest()[2:]
	digits = digits[:min(longest, len(digits))]
	n := 0
	for n < len(digits) && strings.IndexByte("0123456789abcdefABCDEF", digits[n]) >= 0 {
		n++
	}
	code, err := strconv.ParseUint(digits[:n], 16, 32)
	if n < shortest || err != nil {
		l.fail(`“\%c” is not followed by %d hexadecimal digits`, c, shortest)
	}
	value.WriteRune(rune(code))
	l.advance(2 + n)
}

func (l *lexer) verbatimText(start Position) string {
	var value strings.Builder
	for l.offset < len(l.source) {
		switch {
		case l.at(`""`):
			value.WriteByte('"')
			l.advance(2)
		case l.at(`"`):
			l.advance(1)
			return value.String()
		default:
			value.WriteByte(l.source[l.offset])
			l.advance(1)
		}
	}
	l.failAt(start, "the literal that starts here has no end")
	return ""
}

// raw consumes a raw string literal: as many quotes as open it close it.
// Its holes are balanced text and cannot hold that many quotes.
func (l *lexer) raw(start Position, dollars int) {
	quotes := len(l.rest()) - len(strings.TrimLeft(l.rest(), `"`))
	end := strings.Repeat(`"`, quotes)
	l.advance(quotes)
	closing := strings.Index(l.rest(), end)
	if closing < 0 {
		l.failAt(start, "the literal that starts here has no end")
	}
	l.advance(closing)
	for l.at(`"`) { // quotes right before the end belong to the text
		l.advance(1)
	}
}

// interpolated consumes the inside of $"…" and its end.
func (l *lexer) interpolated(start Position, verbatim bool) {
	for l.offset < len(l.source) {
		switch {
		case l.at("{{"), l.at("}}"), verbatim && l.at(`""`), !verbatim && l.at(`\`) && len(l.rest()) > 1:
			l.advance(2)
		case l.at(`"`):
			l.advance(1)
			return
		case l.at("{"):
			l.advance(1)
			l.hole(start)
		default:
			l.advance(1)
		}
	}
	l.failAt(start, "the literal that starts here has no end")
}

// hole consumes the expression of an interpolated string and its closing brace.
func (l *lexer) hole(start Position) {
	for depth := 0; ; {
		token := l.next()
		switch {
		case token.kind == endOfFile:
			l.failAt(start, "the literal that starts here has no end")
		case token.kind != symbol:
		case token.is("(") || token.is("[") || token.is("{"):
			depth++
		case token.is("}") && depth == 0:
			return
		case token.is(")") || token.is("]") || token.is("}"):
			depth--
		case token.is(":") && depth == 0: // a format: anything up to the brace
			end := strings.IndexByte(l.rest(), '}')
			if end < 0 {
				l.failAt(start, "the literal that starts here has no end")
			}
			l.advance(end)
		}
	}
}
