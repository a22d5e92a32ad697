package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"

	contracts "github.com/halibut-go/halibut/cmd/internal/contract"
)

// declaredNames are what Go source says in code about its types: the .NET names
// that DotNetType methods return, and the names of enums' values in String
// methods.
type declaredNames struct {
	types     map[string]string // by the Go type
	constants map[string]string // by the Go constant
	unknown   map[string]bool   // Go types whose DotNetType is not understood
}

func readNames(pkg *contracts.Package) declaredNames {
	n := declaredNames{types: map[string]string{}, constants: map[string]string{}, unknown: map[string]bool{}}
	e := evaluator{pkg, map[string]*ast.FuncDecl{}}
	var methods []*ast.FuncDecl
	for _, file := range pkg.Files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			switch {
			case !ok || f.Body == nil:
			case f.Recv == nil:
				e.functions[f.Name.Name] = f
			default:
				methods = append(methods, f)
			}
		}
	}
	for _, f := range methods {
		of := receiver(f)
		switch f.Name.Name {
		case "DotNetType":
			if name, ok := e.returned(f, nil, 0); ok {
				n.types[of] = name
			} else {
				n.unknown[of] = true
			}
		case "String":
			e.cases(f, n.constants)
		}
	}
	return n
}

func receiver(f *ast.FuncDecl) string {
	of := f.Recv.List[0].Type
	if star, pointer := of.(*ast.StarExpr); pointer {
		of = star.X
	}
	ident, _ := of.(*ast.Ident)
	if ident == nil {
		return ""
	}
	return ident.Name
}

// evaluator works out texts that source puts together.
type evaluator struct {
	pkg       *contracts.Package
	functions map[string]*ast.FuncDecl
}

// returned is the text that a function returns whose body is nothing but that.
func (e *evaluator) returned(f *ast.FuncDecl, arguments map[string]string, depth int) (string, bool) {
	const deepest = 8
	if depth > deepest || f.Body == nil || len(f.Body.List) != 1 {
		return "", false
	}
	returns, ok := f.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(returns.Results) != 1 {
		return "", false
	}
	return e.text(returns.Results[0], arguments, depth+1)
}

// text is the value of an expression: literals, constants, sums of them, and
// calls of functions that return such.
func (e *evaluator) text(expr ast.Expr, arguments map[string]string, depth int) (string, bool) {
	switch x := expr.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(x.Value)
		return text, err == nil && x.Kind == token.STRING
	case *ast.ParenExpr:
		return e.text(x.X, arguments, depth)
	case *ast.BinaryExpr:
		left, known := e.text(x.X, arguments, depth)
		right, ok := e.text(x.Y, arguments, depth)
		return left + right, known && ok && x.Op == token.ADD
	case *ast.Ident:
		if text, ok := arguments[x.Name]; ok {
			return text, true
		}
		c, ok := e.pkg.Types.Scope().Lookup(x.Name).(*types.Const)
		if !ok || c.Val().Kind() != constant.String {
			return "", false
		}
		return constant.StringVal(c.Val()), true
	case *ast.CallExpr:
		return e.call(x, arguments, depth)
	default:
		return "", false
	}
}

func (e *evaluator) call(call *ast.CallExpr, arguments map[string]string, depth int) (string, bool) {
	name, ok := call.Fun.(*ast.Ident)
	if !ok || e.functions[name.Name] == nil {
		return "", false
	}
	f := e.functions[name.Name]
	var params []string
	for _, field := range f.Type.Params.List {
		for _, ident := range field.Names {
			params = append(params, ident.Name)
		}
	}
	if len(params) != len(call.Args) {
		return "", false
	}
	inner := map[string]string{}
	for i, arg := range call.Args {
		if inner[params[i]], ok = e.text(arg, arguments, depth); !ok {
			return "", false
		}
	}
	return e.returned(f, inner, depth)
}

// cases reads a method that is a switch over constants with a text for each.
func (e *evaluator) cases(f *ast.FuncDecl, names map[string]string) {
	for _, statement := range f.Body.List {
		choice, ok := statement.(*ast.SwitchStmt)
		if !ok {
			continue
		}
		for _, clause := range choice.Body.List {
			one := clause.(*ast.CaseClause)
			if len(one.List) != 1 || len(one.Body) != 1 {
				continue
			}
			constant, named := one.List[0].(*ast.Ident)
			returns, ok := one.Body[0].(*ast.ReturnStmt)
			if !named || !ok || len(returns.Results) != 1 {
				continue
			}
			if text, ok := e.text(returns.Results[0], nil, 0); ok {
				names[constant.Name] = text
			}
		}
	}
}
