// Package convert turns contracts written in C# into Go: interfaces with their
// clients and registrations, and the types that they use.
package convert

import (
	"bytes"
	"fmt"
	"go/format"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
	"unicode"

	"github.com/halibut-go/halibut/cmd/internal/contract"
	"github.com/halibut-go/halibut/cmd/internal/csharp"
)

// Options say what is converted, and how.
type Options struct {
	Package        string
	Paths          []string          // C# files, and folders that are read with all below them
	Namespace      string            // convert what this namespace declares, and what that uses
	Assembly       string            // of all types; empty: the project's, or the namespace that holds all
	Types          []string          // convert these, and what they use; empty: everything
	Nullable       []string          // members as Type.Member that may be null though the source says otherwise
	Idempotent     []string          // methods as IContract.Method that may be called twice
	DotNet         bool              // refuse what no .NET peer accepts
	NullStrings    bool              // a string that C# does not say more about becomes a pointer
	Defined        []string          // symbols for #if
	Renamed        map[string]string // a type's full name: the $type name it travels under
	WithoutClients bool              // types and interfaces alone
}

// Result is the generated file and what the user should know about it.
type Result struct {
	Source []byte
	Notes  []string
}

// Convert reads the C# files and writes one Go file. The error is a
// scanner.ErrorList where constructs of the source are refused.
func Convert(o Options) (Result, error) {
	p, err := readProgram(o)
	if err != nil {
		return Result{}, err
	}
	if o.Package == "" {
		o.Package = packageName(p.assembly)
	}
	c := newConverter(p, o)
	c.convert()
	if c.errors.Len() > 0 {
		c.errors.Sort()
		return Result{}, c.errors.Err()
	}
	source, err := c.file()
	return Result{Source: source, Notes: c.notes}, err
}

// packageName makes a Go package's name of the last part of an assembly's.
func packageName(assembly string) string {
	name := strings.ToLower(lastName(assembly))
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, name)
	if !token.IsIdentifier(name) {
		return "contracts"
	}
	return name
}

// converter holds one conversion under way.
type converter struct {
	*program
	options    Options
	imports    *contract.Imports
	errors     scanner.ErrorList
	notes      []string
	interfaces []*contractType
	silent     []*declaration             // interfaces without methods
	constants  []*declaration             // static classes
	emitted    map[string]*emittedType    // by .NET name
	declared   map[string]csharp.Position // identifiers of the Go package
	slots      map[*declaration]bool      // abstract types that a value is declared as
	probing    bool
}

func newConverter(p *program, o Options) *converter {
	return &converter{
		program: p, options: o, imports: contract.NewImports(),
		emitted: map[string]*emittedType{}, declared: map[string]csharp.Position{}, slots: map[*declaration]bool{},
	}
}

func (c *converter) refuse(pos csharp.Position, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	for _, e := range c.errors {
		if e.Pos == pos && e.Msg == message {
			return
		}
	}
	c.errors.Add(pos, message)
}

func (c *converter) note(pos csharp.Position, format string, args ...any) {
	c.notes = append(c.notes, pos.String()+": "+fmt.Sprintf(format, args...))
}

// convert works through the declarations: contracts first, since what they
// reach must convert, then the other types, which may be left out.
func (c *converter) convert() {
	wanted := c.wanted()
	for _, d := range wanted {
		if d.kind == csharp.Interface {
			c.convertInterface(d)
		}
	}
	for _, d := range wanted {
		if d.kind != csharp.Interface {
			c.convertData(d)
		}
	}
	c.closeSlots()
	for _, d := range c.silent {
		if !c.slots[d] {
			c.note(d.pos(), "%s is left out: it has no methods to call", d.name())
		}
	}
	c.checkIdempotent()
}

// wanted lists the declarations that the options ask for.
func (c *converter) wanted() []*declaration {
	var wanted []*declaration
	found := map[string]bool{}
	for _, d := range c.roots {
		if c.options.Namespace != "" && d.namespace() != c.options.Namespace {
			continue
		}
		if len(c.options.Types) > 0 {
			if !slices.Contains(c.options.Types, d.name()) {
				continue
			}
			found[d.name()] = true
		} else if !d.public() {
			c.note(d.pos(), "%s is left out: it is not public", d.name())
			continue
		}
		wanted = append(wanted, d)
	}
	for _, name := range c.options.Types {
		if !found[name] {
			c.refuse(csharp.Position{}, "the files declare no type %s; -type takes names of C# types", name)
		}
	}
	return wanted
}

// convertData converts a type that no contract led to, if it can be data.
func (c *converter) convertData(d *declaration) {
	if d.modifier("static") && len(constantsOf(d)) > 0 {
		c.useConstants(d)
		return
	}
	if reason := c.notData(d); reason != "" && !c.named(d) {
		c.note(d.pos(), "%s is left out: %s", d.name(), reason)
		return
	}
	if len(d.typeParams()) > 0 {
		if !c.isUsed(d) {
			c.note(d.pos(), "%s is left out: it is generic and no contract uses it", d.name())
		}
		return
	}
	if !c.named(d) && !c.isUsed(d) {
		probe := newConverter(c.program, c.options)
		probe.probing = true
		probe.useDeclaration(d)
		probe.closeSlots()
		if probe.errors.Len() > 0 {
			c.note(d.pos(), "%s is left out, since no contract uses it and line %d: %s", d.name(), probe.errors[0].Pos.Line, probe.errors[0].Msg)
			return
		}
	}
	c.useDeclaration(d)
}

func (c *converter) useDeclaration(d *declaration) {
	if d.abstract() {
		c.slotOf(d, nil)
		return
	}
	c.use(d, nil)
}

// named tells whether the user asked for the type by its name.
func (c *converter) named(d *declaration) bool { return slices.Contains(c.options.Types, d.name()) }

func (c *converter) isUsed(d *declaration) bool {
	for _, e := range c.emitted {
		if e.declaration == d {
			return true
		}
	}
	return false
}

// notData says why a type holds no data, or nothing if it may.
func (c *converter) notData(d *declaration) string {
	switch {
	case d.kind == csharp.Delegate:
		return "a delegate is not data"
	case d.modifier("static"):
		return "a static class is not data"
	case d.kind == csharp.Enum:
		return ""
	case c.derivesFrom(d, "Exception"):
		return "an exception is not data"
	case c.derivesFrom(d, "Attribute"):
		return "an attribute is not data"
	case d.abstract() && !c.slots[d] && len(c.heirs(d)) == 0:
		return "it is abstract and no class in the files derives from it"
	case len(c.members(d)) == 0 && !d.abstract() && !c.hasBaseData(d):
		return "it has no public members that hold data"
	}
	return ""
}

func (c *converter) hasBaseData(d *declaration) bool {
	base := c.baseDeclaration(d)
	return base != nil && (base.abstract() || len(c.members(base)) > 0)
}

// derivesFrom tells whether a class is that framework class's heir, by name.
func (c *converter) derivesFrom(d *declaration, name string) bool {
	for range maxBases {
		base := c.baseDeclaration(d)
		if base == nil {
			for _, ref := range d.bases() {
				if last := lastName(ref.Name); last == name || strings.HasSuffix(last, name) && !isInterfaceName(last) {
					return true
				}
			}
			return false
		}
		d = base
	}
	return false
}

// maxBases bounds how many classes may stand above one another.
const maxBases = 50

// file writes the Go file.
func (c *converter) file() ([]byte, error) {
	var body bytes.Buffer
	var contracts []*contract.Contract
	for _, t := range c.interfaces {
		c.writeInterface(&body, t)
		contracts = append(contracts, t.Contract)
	}
	if len(contracts) > 0 && !c.options.WithoutClients {
		if err := contract.Write(&body, c.imports, contracts); err != nil {
			return nil, err
		}
	}
	c.writeConstants(&body)
	c.writeTypes(&body)
	return finish(c.options.Package, c.imports, body.Bytes())
}

func finish(name string, imports *contract.Imports, body []byte) ([]byte, error) {
	var file, handshake bytes.Buffer
	if len(body) > 0 {
		if err := contract.WriteHandshake(&handshake, imports); err != nil {
			return nil, err
		}
	} else {
		handshake.WriteString("\n// Nothing in the C# files travels in a contract.\n")
	}
	fmt.Fprintf(&file, "%s\npackage %s\n\n%s", contract.Header, name, imports)
	file.Write(handshake.Bytes())
	file.Write(body)
	source, err := format.Source(file.Bytes())
	if err != nil {
		return nil, fmt.Errorf("the generated code does not parse, which is a fault of halibutgen: %w", err)
	}
	return source, nil
}
