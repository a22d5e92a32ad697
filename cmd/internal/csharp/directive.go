package csharp

import (
	"strings"
	"unicode"
)

// directive obeys one # line.
func (l *lexer) directive() {
	line := l.upTo()
	word, argument := cutWord(strings.TrimSpace(strings.TrimSpace(line)[1:]))
	argument, _, _ = strings.Cut(argument, "//")
	argument = strings.TrimSpace(argument)
	switch word {
	case "if":
		value := l.condition(argument)
		outer := l.active()
		l.branches = append(l.branches, branch{active: outer && value, taken: value, outer: outer})
	case "elif", "else":
		current := l.innermost(word)
		value := word == "else" || l.condition(argument)
		current.active = current.outer && !current.taken && value
		current.taken = current.taken || value
	case "endif":
		l.innermost(word)
		l.branches = l.branches[:len(l.branches)-1]
	case "define", "undef":
		if l.active() {
			l.define(argument, word == "define")
		}
	case "nullable":
		if l.active() {
			l.setNullable(argument)
		}
	}
	l.advance(len(line))
}

func (l *lexer) innermost(word string) *branch {
	if len(l.branches) == 0 {
		l.fail("#%s has no #if before it", word)
	}
	return &l.branches[len(l.branches)-1]
}

// define copies the symbols first: they are shared by all files of a run.
func (l *lexer) define(name string, on bool) {
	own := map[string]bool{name: on}
	for other, value := range l.defined {
		if other != name {
			own[other] = value
		}
	}
	l.defined = own
}

func (l *lexer) setNullable(argument string) {
	switch argument, target := cutWord(argument); {
	case target == "warnings":
	case argument == "enable":
		l.nullable = true
	case argument == "disable":
		l.nullable = false
	case argument == "restore":
		l.nullable = l.project
	}
}

func cutWord(s string) (word, rest string) {
	end := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	if end < 0 {
		return s, ""
	}
	return s[:end], strings.TrimSpace(s[end:])
}

// condition evaluates the expression of an #if.
func (l *lexer) condition(expression string) bool {
	c := &condition{lexer: l, rest: expression}
	value := c.or()
	if c.skip(); c.rest != "" {
		l.fail("“%s” in “#if %s” is not understood", c.rest, expression)
	}
	return value
}

type condition struct {
	lexer *lexer
	rest  string
	depth int
}

func (c *condition) skip() { c.rest = strings.TrimSpace(c.rest) }

func (c *condition) take(operator string) bool {
	c.skip()
	rest, ok := strings.CutPrefix(c.rest, operator)
	if ok {
		c.rest = rest
	}
	return ok
}

func (c *condition) or() bool {
	value := c.and()
	for c.take("||") {
		right := c.and()
		value = value || right
	}
	return value
}

func (c *condition) and() bool {
	value := c.equal()
	for c.take("&&") {
		right := c.equal()
		value = value && right
	}
	return value
}

func (c *condition) equal() bool {
	value := c.unary()
	for {
		switch {
		case c.take("=="):
			value = value == c.unary()
		case c.take("!="):
			value = value != c.unary()
		default:
			return value
		}
	}
}

func (c *condition) unary() bool {
	if c.depth++; c.depth > maxDepth {
		c.lexer.fail("the #if is nested too deeply")
	}
	defer func() { c.depth-- }()
	c.skip()
	if !strings.HasPrefix(c.rest, "!=") && c.take("!") {
		return !c.unary()
	}
	if c.take("(") {
		value := c.or()
		if !c.take(")") {
			c.lexer.fail("a closing parenthesis is missing in the #if")
		}
		return value
	}
	n := identifierLength(c.rest)
	if n == 0 {
		c.lexer.fail("a symbol is missing in the #if")
	}
	name := c.rest[:n]
	c.rest = c.rest[n:]
	return name == "true" || name != "false" && c.lexer.defined[name]
}
