package csharp

import (
	"fmt"
	"go/constant"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
)

// An Expression is a stretch of source that stands where a value is due.
type Expression []lexeme

// Pos is where the expression starts.
func (e Expression) Pos() Position {
	if len(e) == 0 {
		return Position{}
	}
	return e[0].pos
}

// String prints the expression with one space between its tokens.
func (e Expression) String() string {
	words := make([]string, len(e))
	for i, l := range e {
		words[i] = l.spelling
	}
	return strings.Join(words, " ")
}

// TypeOf returns the name in typeof(Name), without its namespace, or nothing.
func (e Expression) TypeOf() string {
	if len(e) < 4 || !e[0].is("typeof") {
		return ""
	}
	for i := len(e) - 1; i > 1; i-- {
		if e[i].kind == identifier {
			return e[i].spelling
		}
	}
	return ""
}

// expression passes over a value up to one of the ends, brackets balanced. A
// comma inside angle brackets is taken for an end; see initialiser.
func (p *parser) expression(ends ...string) Expression {
	start := p.index
	for {
		token := p.token()
		switch {
		case token.kind == endOfFile:
			p.fail("the file ends inside an expression; expected “%s”", ends[len(ends)-1])
		case token.kind == symbol && slices.Contains(ends, token.spelling):
			return p.tokens[start:p.index]
		case token.is("(") || token.is("[") || token.is("{"):
			p.balanced()
		case token.is(")") || token.is("]") || token.is("}"):
			p.fail("expected “%s”, found %s", ends[len(ends)-1], token)
		default:
			p.advance()
		}
	}
}

// Value computes a constant expression: numbers, characters, texts, names that
// lookup knows, casts and the operators of C#.
func (e Expression) Value(lookup func(name string) constant.Value) (value constant.Value, err error) {
	if len(e) == 0 {
		return nil, &scanner.Error{Msg: "a value is missing"}
	}
	end := e[len(e)-1]
	end.kind, end.spelling = endOfFile, ""
	v := &evaluation{parser: parser{tokens: append(slices.Clone(e), end)}, lookup: lookup, whole: e}
	defer catch(&err)
	value = v.binary(0)
	if v.token().kind != endOfFile {
		v.unknown()
	}
	return value, nil
}

type evaluation struct {
	parser
	lookup func(string) constant.Value
	whole  Expression
}

func (v *evaluation) unknown() {
	panic(syntaxError{&scanner.Error{Pos: v.token().pos, Msg: fmt.Sprintf(
		"the constant “%s” is beyond what halibutgen computes; write its value as a number", v.whole)}})
}

// operators by how tightly they bind, loosest first.
var operators = []map[string]token.Token{
	{"|": token.OR},
	{"^": token.XOR},
	{"&": token.AND},
	{"<<": token.SHL, ">": token.SHR},
	{"+": token.ADD, "-": token.SUB},
	{"*": token.MUL, "/": token.QUO, "%": token.REM},
}

func (v *evaluation) binary(level int) constant.Value {
	if level == len(operators) {
		return v.unary()
	}
	left := v.binary(level + 1)
	for {
		operator, ok := operators[level][v.token().spelling]
		if !ok || v.token().kind != symbol {
			return left
		}
		v.advance()
		if operator == token.SHR { // two closing angle brackets
			v.expect(">")
		}
		left = v.apply(operator, left, v.binary(level+1))
	}
}

func (v *evaluation) apply(operator token.Token, left, right constant.Value) constant.Value {
	if operator == token.ADD && left.Kind() == constant.String && right.Kind() == constant.String {
		return constant.BinaryOp(left, operator, right)
	}
	if left.Kind() != constant.Int || right.Kind() != constant.Int {
		v.unknown()
	}
	switch operator {
	case token.SHL, token.SHR:
		count, ok := constant.Uint64Val(right)
		if !ok || count > 63 {
			v.unknown()
		}
		return constant.Shift(left, operator, uint(count))
	case token.QUO, token.REM:
		if constant.Sign(right) == 0 {
			v.unknown()
		}
		if operator == token.QUO {
			operator = token.QUO_ASSIGN // go/constant's name for a whole quotient
		}
	}
	return constant.BinaryOp(left, operator, right)
}

var castTypes = []string{"sbyte", "byte", "short", "ushort", "int", "uint", "long", "ulong"}

func (v *evaluation) unary() constant.Value {
	defer v.nest()()
	switch {
	case v.take("-"):
		return v.negate(token.SUB)
	case v.take("~"):
		return v.negate(token.XOR)
	case v.take("+"):
		return v.unary()
	case v.at("(") && slices.Contains(castTypes, v.peek(1).spelling) && v.peek(2).is(")"):
		v.advance()
		v.advance()
		v.advance()
		return v.unary()
	case (v.at("unchecked") || v.at("checked")) && v.peek(1).is("("):
		v.advance()
		return v.unary()
	case v.take("("):
		value := v.binary(0)
		v.expect(")")
		return value
	}
	return v.operand()
}

func (v *evaluation) negate(operator token.Token) constant.Value {
	value := v.unary()
	if value.Kind() != constant.Int {
		v.unknown()
	}
	return constant.UnaryOp(operator, value, 0)
}

func (v *evaluation) operand() constant.Value {
	switch l := v.token(); l.kind {
	case number:
		digits := strings.ToLower(strings.ReplaceAll(l.spelling, "_", ""))
		digits = strings.TrimRight(digits, "ul")
		if strings.HasPrefix(digits, "0") && !strings.HasPrefix(digits, "0x") && !strings.HasPrefix(digits, "0b") {
			digits = "0" + strings.TrimLeft(digits, "0")
			if digits != "0" {
				digits = digits[1:]
			}
		}
		if value := constant.MakeFromLiteral(digits, token.INT, 0); value.Kind() == constant.Int {
			v.advance()
			return value
		}
	case character:
		if runes := []rune(l.value); len(runes) == 1 {
			v.advance()
			return constant.MakeInt64(int64(runes[0]))
		}
	case text:
		prefix, _, _ := strings.Cut(l.spelling, `"`)
		if !strings.Contains(prefix, "$") && !strings.HasPrefix(l.spelling, `"""`) {
			v.advance()
			return constant.MakeString(l.value)
		}
	case identifier:
		if value := v.named(); value != nil {
			return value
		}
	}
	v.unknown()
	return nil
}

// named reads a name, or the last part of a dotted one.
func (v *evaluation) named() constant.Value {
	name := v.advance().spelling
	for v.take(".") {
		name = v.name()
	}
	return v.lookup(name)
}
