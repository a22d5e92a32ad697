package csharp

import "strings"

// attributes reads the attribute sections that stand here, if any.
func (p *parser) attributes() []*Attribute {
	var attributes []*Attribute
	for p.at("[") {
		p.advance()
		target := ""
		if p.peek(1).is(":") && !p.peek(1).is("::") {
			target = p.name()
			p.expect(":")
		}
		for !p.take("]") {
			a := p.attribute()
			if target == "" || target == "property" || target == "type" {
				attributes = append(attributes, a)
			}
			if !p.take(",") && !p.at("]") {
				p.fail("expected a comma or “]” after attribute %s, found %s", a.Name, p.token())
			}
		}
	}
	return attributes
}

func (p *parser) attribute() *Attribute {
	a := &Attribute{Pos: p.token().pos, Named: map[string]Expression{}}
	name := p.typeRef().Name
	name = name[strings.LastIndexByte(name, '.')+1:]
	if name != "Attribute" {
		name = strings.TrimSuffix(name, "Attribute")
	}
	a.Name = name
	if !p.take("(") {
		return a
	}
	for !p.take(")") {
		argument := ""
		if p.token().kind == identifier && (p.peek(1).is("=") || p.peek(1).is(":")) {
			argument = p.name()
			p.advance()
		}
		value := p.expression(",", ")")
		if argument == "" {
			a.Args = append(a.Args, value)
		} else {
			a.Named[argument] = value
		}
		p.take(",")
	}
	return a
}
