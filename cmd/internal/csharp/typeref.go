package csharp

// typeRef reads a type with its arguments, array brackets and question marks.
func (p *parser) typeRef() *TypeRef {
	defer p.nest()()
	start := p.token()
	r := &TypeRef{Pos: start.pos, Context: start.nullable}
	switch {
	case p.at("("):
		r.Name = "()"
		r.Args = p.tupleElements()
	case p.at("delegate") && p.peek(1).is("*"):
		p.fail("a function pointer is nothing that can be sent; remove it from the contract")
	default:
		p.typeName(r)
	}
	return p.typeSuffixes(r)
}

func (p *parser) typeName(r *TypeRef) {
	r.Name = p.name()
	r.Args = p.typeArguments()
	for p.at(".") || p.at("::") {
		p.advance()
		if r.Name += "." + p.name(); p.at("<") {
			r.Args = append(r.Args, p.typeArguments()...)
		}
	}
	const global = "global."
	if len(r.Name) > len(global) && r.Name[:len(global)] == global {
		r.Name = r.Name[len(global):]
	}
}

func (p *parser) typeArguments() []*TypeRef {
	if !p.take("<") {
		return nil
	}
	var args []*TypeRef
	if p.at(",") || p.at(">") { // typeof(Dictionary<,>)
		for p.take(",") {
		}
		p.expect(">")
		return nil
	}
	for {
		p.attributes()
		args = append(args, p.typeRef())
		if !p.take(",") {
			p.expect(">")
			return args
		}
	}
}

// tupleElements reads (string name, int count); the names do not travel.
func (p *parser) tupleElements() []*TypeRef {
	p.expect("(")
	var elements []*TypeRef
	for {
		elements = append(elements, p.typeRef())
		if p.token().kind == identifier {
			p.advance()
		}
		if !p.take(",") {
			p.expect(")")
			return elements
		}
	}
}

// typeSuffixes wraps a type into its arrays. C# writes the outermost array's
// brackets first: int[][,] is an array of two-dimensional arrays.
func (p *parser) typeSuffixes(r *TypeRef) *TypeRef {
	r.Nullable = p.take("?")
	for p.at("*") {
		p.advance()
		r = &TypeRef{Args: []*TypeRef{r}, Pointer: true, Pos: r.Pos, Context: r.Context}
	}
	for p.at("[") && (p.peek(1).is("]") || p.peek(1).is(",")) {
		var ranks []int
		for p.at("[") && (p.peek(1).is("]") || p.peek(1).is(",")) {
			p.advance()
			rank := 1
			for p.take(",") {
				rank++
			}
			p.expect("]")
			ranks = append(ranks, rank)
		}
		for i := len(ranks) - 1; i >= 0; i-- {
			r = &TypeRef{Args: []*TypeRef{r}, Rank: ranks[i], Pos: r.Pos, Context: r.Context}
		}
		r.Nullable = p.take("?")
	}
	return r
}
