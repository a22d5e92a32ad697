package csharp

// member reads one member of a class, struct or interface.
func (p *parser) member(t *Type) {
	start := p.index
	doc := p.token().doc
	attributes := p.attributes()
	modifiers := p.modifiers()
	if p.startsType(0) {
		p.index = start
		p.typeDeclaration(t.Namespace, t, t.Imports)
		return
	}
	pos := p.token().pos
	other := func(what string) { t.Others = append(t.Others, &Other{What: what, Pos: pos}) }
	switch {
	case p.take("event"):
		other("event")
		p.skipMember()
		return
	case p.at("~"):
		p.skipMember()
		return
	case p.at("implicit") || p.at("explicit"):
		other("operator")
		p.skipMember()
		return
	case p.token().kind == identifier && p.token().spelling == t.Name && p.peek(1).is("("):
		other("constructor")
		p.skipMember()
		return
	}
	p.take("ref")
	p.take("readonly")
	result := p.typeRef()
	if p.at("operator") {
		other("operator")
		p.skipMember()
		return
	}
	pos = p.token().pos
	name, explicit := p.memberName()
	switch {
	case name == "this" && p.at("["):
		other("indexer")
		p.skipMember()
	case p.at("(") || p.at("<"):
		t.Methods = append(t.Methods, p.method(&Method{
			Result: result, Name: name, Modifiers: modifiers, Attributes: attributes,
			Explicit: explicit, Doc: doc, Pos: pos,
		}))
	case p.at("{") || p.at("=>"):
		t.Properties = append(t.Properties, p.property(&Property{
			Type: result, Name: name, Modifiers: modifiers, Attributes: attributes,
			Explicit: explicit, Doc: doc, Pos: pos,
		}))
	default:
		p.fields(t, &Field{
			Type: result, Name: name, Modifiers: modifiers, Attributes: attributes, Doc: doc, Pos: pos,
		})
	}
}

// memberName reads a name, which is the last part of a dotted one when the
// member implements an interface explicitly.
func (p *parser) memberName() (name string, explicit bool) {
	name = p.name()
	for {
		before := p.index
		if p.at("<") {
			p.typeArguments()
		}
		if !p.take(".") && !p.take("::") {
			p.index = before
			return name, explicit
		}
		name, explicit = p.name(), true
	}
}

func (p *parser) method(m *Method) *Method {
	m.TypeParams = p.typeParameters()
	for _, param := range p.parameters() {
		m.Params = append(m.Params, param.Param)
	}
	p.constraints()
	m.Body = !p.at(";")
	p.skipMember()
	return m
}

// recordParam is a parameter with its attributes, which a record's property takes over.
type recordParam struct {
	*Param
	attributes []*Attribute
}

func (p *parser) parameters() []recordParam {
	p.expect("(")
	var params []recordParam
	for !p.take(")") {
		param := recordParam{Param: &Param{}, attributes: p.attributes()}
		for p.at("ref") || p.at("out") || p.at("in") || p.at("params") || p.at("this") ||
			p.at("readonly") || p.at("scoped") && p.peek(1).kind == identifier {
			param.Modifier = p.advance().spelling
		}
		param.Type = p.typeRef()
		param.Pos = p.token().pos
		param.Name = p.name()
		if p.take("=") {
			p.expression(",", ")")
		}
		params = append(params, param)
		if !p.take(",") && !p.at(")") {
			p.fail("expected a comma or “)” after parameter %s, found %s", param.Name, p.token())
		}
	}
	return params
}

func (p *parser) property(prop *Property) *Property {
	if p.at("=>") {
		prop.Computed, prop.Getter = true, true
		p.skipPast(";")
		return prop
	}
	p.expect("{")
	settable, body := false, false
	for !p.take("}") {
		p.attributes()
		p.modifiers()
		switch accessor := p.name(); accessor {
		case "get":
			prop.Getter = true
		case "set", "init":
			settable = true
		default:
			p.fail("expected get, set or init, found “%s”", accessor)
		}
		if !p.at(";") {
			body = true
		}
		p.skipMember()
	}
	prop.Computed = body && !settable
	if p.take("=") {
		p.skipPast(";")
	}
	return prop
}

// fields reads one declaration of fields: several names may share a type.
func (p *parser) fields(t *Type, first *Field) {
	if p.at("[") { // a fixed-size buffer
		p.balanced()
	}
	for field := first; ; {
		if p.take("=") {
			field.Value = p.initialiser()
		}
		t.Fields = append(t.Fields, field)
		if p.take(";") {
			return
		}
		if !p.take(",") {
			p.fail("expected “;” after %s, found %s", field.Name, p.token())
		}
		next := *first
		field = &next
		field.Value, field.Pos = nil, p.token().pos
		field.Name = p.name()
	}
}

// initialiser passes over a field's value. A comma ends it only when another
// field's name follows: others stand between the arguments of a generic type.
func (p *parser) initialiser() Expression {
	start := p.index
	for {
		p.expression(",", ";")
		after := p.peek(2)
		if p.at(",") && (p.peek(1).kind != identifier || !after.is(",") && !after.is(";") && !after.is("=")) {
			p.advance()
			continue
		}
		return p.tokens[start:p.index]
	}
}

// skipMember passes over the rest of a member or accessor: a body in braces, or
// everything up to a semicolon.
func (p *parser) skipMember() {
	for {
		switch {
		case p.token().kind == endOfFile:
			p.fail("the file ends inside a member; a closing brace or a semicolon is missing")
		case p.at("=>"):
			p.skipPast(";")
			return
		case p.at("{"):
			p.balanced()
			return
		case p.take(";"):
			return
		case p.at("(") || p.at("["):
			p.balanced()
		case p.at("}") || p.at(")") || p.at("]"):
			p.fail("%s closes nothing here", p.token())
		default:
			p.advance()
		}
	}
}

// skipPast passes over everything up to the symbol, brackets balanced.
func (p *parser) skipPast(end string) {
	p.expression(end)
	p.expect(end)
}

// balanced passes over a bracketed stretch that starts here.
func (p *parser) balanced() {
	closing := map[string]string{"(": ")", "[": "]", "{": "}"}
	opening := p.advance()
	stack := []string{closing[opening.spelling]}
	for len(stack) > 0 {
		token := p.token()
		switch {
		case token.kind == endOfFile:
			(&lexer{}).failAt(opening.pos, "%s is not closed", opening)
		case token.kind == symbol && closing[token.spelling] != "":
			stack = append(stack, closing[token.spelling])
		case token.kind == symbol && (token.is(")") || token.is("]") || token.is("}")):
			if !token.is(stack[len(stack)-1]) {
				p.fail("expected “%s”, found %s", stack[len(stack)-1], token)
			}
			stack = stack[:len(stack)-1]
		}
		p.advance()
	}
}
