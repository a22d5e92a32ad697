package csharp

import (
	"maps"
	"slices"
	"strings"
)

// maxDepth bounds how deeply types, namespaces and expressions may nest.
const maxDepth = 100

// Parse reads the declarations of one file. The error, if any, is a
// *scanner.Error with the place that could not be read.
func Parse(name, source string, options Options) (file *File, err error) {
	tokens, err := lex(name, source, options)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, file: &File{Name: name}}
	defer catch(&err)
	p.namespaceBody("", &Imports{Aliases: map[string]*TypeRef{}})
	if p.token().kind != endOfFile {
		p.fail("%s closes nothing here", p.token())
	}
	return p.file, nil
}

type parser struct {
	tokens []lexeme
	index  int
	depth  int
	file   *File
}

func (p *parser) token() lexeme { return p.tokens[p.index] }

// peek looks n tokens ahead, at most to the end of the file.
func (p *parser) peek(n int) lexeme {
	return p.tokens[min(p.index+n, len(p.tokens)-1)]
}

func (p *parser) advance() lexeme {
	token := p.tokens[p.index]
	if token.kind != endOfFile {
		p.index++
	}
	return token
}

func (p *parser) at(spelling string) bool { return p.token().is(spelling) }

func (p *parser) take(spelling string) bool {
	if p.at(spelling) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) fail(format string, args ...any) {
	(&lexer{}).failAt(p.token().pos, format, args...)
}

func (p *parser) expect(spelling string) {
	if !p.take(spelling) {
		p.fail("expected “%s”, found %s", spelling, p.token())
	}
}

func (p *parser) name() string {
	if p.token().kind != identifier {
		p.fail("expected a name, found %s", p.token())
	}
	return p.advance().spelling
}

// nest counts one more level; the function it returns takes it back.
func (p *parser) nest() func() {
	if p.depth++; p.depth > maxDepth {
		p.fail("declarations, types or expressions are nested more than %d deep", maxDepth)
	}
	return func() { p.depth-- }
}

func (p *parser) dottedName() string {
	name := p.name()
	for p.at(".") || p.at("::") {
		p.advance()
		name += "." + p.name()
	}
	return strings.TrimPrefix(name, "global.")
}

// namespaceBody reads usings, namespaces and types up to a closing brace or
// the end of the file. What a namespace imports stays inside it.
func (p *parser) namespaceBody(namespace string, outer *Imports) {
	defer p.nest()()
	imports := &Imports{Namespaces: slices.Clone(outer.Namespaces), Aliases: maps.Clone(outer.Aliases)}
	for {
		switch {
		case p.token().kind == endOfFile || p.at("}"):
			return
		case p.take(";"):
		case p.at("extern") && p.peek(1).is("alias"):
			p.skipPast(";")
		case p.at("using") || p.at("global") && p.peek(1).is("using"):
			p.using(imports)
		case p.at("[") && (p.peek(1).is("assembly") || p.peek(1).is("module")) && p.peek(2).is(":"):
			p.balanced()
		case p.at("namespace"):
			p.namespace(namespace, imports)
		default:
			p.typeDeclaration(namespace, nil, imports)
		}
	}
}

func (p *parser) using(imports *Imports) {
	p.take("global")
	p.expect("using")
	p.take("static")
	p.take("unsafe")
	if p.peek(1).is("=") {
		alias := p.name()
		p.expect("=")
		imports.Aliases[alias] = p.typeRef()
	} else {
		imports.Namespaces = append(imports.Namespaces, p.dottedName())
	}
	p.expect(";")
}

func (p *parser) namespace(outer string, imports *Imports) {
	p.expect("namespace")
	name := p.dottedName()
	if outer != "" {
		name = outer + "." + name
	}
	if p.take(";") {
		p.namespaceBody(name, imports)
		return
	}
	p.expect("{")
	p.namespaceBody(name, imports)
	p.expect("}")
}

var modifierWords = map[string]bool{
	"public": true, "internal": true, "private": true, "protected": true, "static": true, "abstract": true,
	"sealed": true, "partial": true, "readonly": true, "unsafe": true, "new": true, "file": true,
	"required": true, "virtual": true, "override": true, "async": true, "extern": true, "volatile": true,
	"const": true, "fixed": true,
}

func (p *parser) modifiers() Modifiers {
	modifiers := Modifiers{}
	for {
		token := p.token()
		refStruct := token.is("ref") && p.startsType(1)
		if !refStruct && (token.kind != identifier || token.verbatim || !modifierWords[token.spelling] || !p.modifierHere()) {
			return modifiers
		}
		modifiers[p.advance().spelling] = true
	}
}

// modifierHere tells a contextual modifier (file, required, partial, async)
// from a name: a modifier is followed by another word or an opening tuple.
func (p *parser) modifierHere() bool {
	switch p.token().spelling {
	case "file", "required", "partial", "async", "new":
		return p.peek(1).kind == identifier || p.peek(1).is("(")
	}
	return true
}

// startsType tells whether a type's keyword is n tokens ahead, modifiers aside.
func (p *parser) startsType(n int) bool {
	for p.peek(n).kind == identifier && modifierWords[p.peek(n).spelling] {
		n++
	}
	token := p.peek(n)
	switch {
	case token.is("class"), token.is("struct"), token.is("interface"), token.is("enum"):
		return true
	case token.is("delegate"):
		return !p.peek(n + 1).is("*")
	case token.is("record"):
		next := p.peek(n + 1)
		after := p.peek(n + 2)
		return next.is("class") || next.is("struct") ||
			next.kind == identifier && (after.is("(") || after.is("{") || after.is(":") || after.is("<") || after.is(";"))
	}
	return false
}

// typeDeclaration reads one type with everything in it.
func (p *parser) typeDeclaration(namespace string, outer *Type, imports *Imports) {
	doc := p.token().doc
	attributes := p.attributes()
	modifiers := p.modifiers()
	if !p.startsType(0) {
		p.fail("expected a class, struct, interface, enum, record or delegate, found %s", p.token())
	}
	t := &Type{
		Namespace: namespace, Outer: outer, Modifiers: modifiers, Attributes: attributes,
		Doc: doc, Imports: imports,
	}
	p.kind(t)
	if t.Kind == Delegate {
		p.typeRef() // the result
	}
	t.Pos = p.token().pos
	t.Name = p.name()
	t.TypeParams = p.typeParameters()
	p.file.Types = append(p.file.Types, t)
	if p.at("(") {
		params := p.parameters()
		if t.Record {
			p.positional(t, params)
		}
	}
	if p.take(":") {
		p.bases(t)
	}
	p.constraints()
	switch {
	case p.take(";"):
	case t.Kind == Enum:
		p.enumBody(t)
	default:
		p.typeBody(t)
	}
	p.take(";")
}

func (p *parser) kind(t *Type) {
	switch p.advance().spelling {
	case "class":
		t.Kind = Class
	case "struct":
		t.Kind = Struct
	case "interface":
		t.Kind = Interface
	case "enum":
		t.Kind = Enum
	case "delegate":
		t.Kind = Delegate
	case "record":
		t.Record = true
		if p.take("struct") {
			t.Kind = Struct
		} else {
			p.take("class")
		}
	}
}

// positional makes a record's parameters properties.
func (p *parser) positional(t *Type, params []recordParam) {
	for _, param := range params {
		t.Properties = append(t.Properties, &Property{
			Type: param.Type, Name: param.Name, Modifiers: Modifiers{"public": true},
			Attributes: param.attributes, Getter: true, Pos: param.Pos,
		})
	}
}

func (p *parser) typeParameters() []string {
	if !p.take("<") {
		return nil
	}
	var names []string
	for {
		p.attributes()
		if (p.at("in") || p.at("out")) && p.peek(1).kind == identifier {
			p.advance()
		}
		names = append(names, p.name())
		if !p.take(",") {
			p.expect(">")
			return names
		}
	}
}

func (p *parser) bases(t *Type) {
	for {
		t.Bases = append(t.Bases, p.typeRef())
		if p.at("(") { // the arguments of a record's base
			p.balanced()
		}
		if !p.take(",") {
			return
		}
	}
}

// constraints passes over the where clauses of a generic declaration.
func (p *parser) constraints() {
	for p.at("where") {
		for p.advance(); !p.at("where") && !p.at("{") && !p.at(";") && !p.at("=>"); {
			if p.token().kind == endOfFile {
				p.fail("the file ends inside a where clause")
			}
			p.advance()
		}
	}
}

func (p *parser) enumBody(t *Type) {
	p.expect("{")
	for !p.take("}") {
		value := &EnumValue{Doc: p.token().doc, Attributes: p.attributes(), Pos: p.token().pos}
		value.Name = p.name()
		if p.take("=") {
			value.Value = p.expression(",", "}")
		}
		t.Values = append(t.Values, value)
		if !p.take(",") && !p.at("}") {
			p.fail("expected a comma or “}” after %s, found %s", value.Name, p.token())
		}
	}
}

func (p *parser) typeBody(t *Type) {
	defer p.nest()()
	p.expect("{")
	for !p.take("}") {
		if p.token().kind == endOfFile {
			p.fail("the file ends inside %s; a closing brace is missing", t.Name)
		}
		if !p.take(";") {
			p.member(t)
		}
	}
}
