// Halibutgen writes the Go code that stands between an interface and the wire:
// a typed client and a registration for each contract. A contract is a Go
// interface, or is read from C# source. Run halibutgen -h for examples, and see
// docs/generator.md.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/scanner"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/halibut-go/halibut/cmd/internal/contract"
	"github.com/halibut-go/halibut/cmd/internal/convert"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `halibutgen writes clients and registrations for Halibut contracts.

From a Go interface, in the folder of its package:

  //go:generate go run github.com/halibut-go/halibut/cmd/halibutgen -type EchoService
  halibutgen -type EchoService,ClockService    # both in echoservice_halibut.go
  halibutgen -type EchoService -service IEcho  # what peers call it, if not IEchoService
  halibutgen -type EchoService -dotnet         # refuse what no .NET peer accepts
  halibutgen                                   # every interface with //halibut:service

  type EchoService interface {
          SayHello(ctx context.Context, name string) (string, error)

          //halibut:idempotent
          //halibut:method Take
          TakePerson(ctx context.Context, p *Person) (string, error)
  }

From C# source, files or folders:

  halibutgen -from-csharp contracts.cs
  halibutgen -from-csharp src/Samples.Contracts -package contracts -assembly Samples.Contracts -out contracts.go
  halibutgen -from-csharp src/Samples.Contracts -type IEchoService,IClockService

The exit status is 0 when the file was written, 1 when something in the source
is refused, 2 when the command line is wrong. Notes go to standard error.

Flags:
`

// settings are what the command line says.
type settings struct {
	fromCSharp bool
	out        string
	types      string
	contract.Options
	csharp     convert.Options
	idempotent string
	nullable   string
	defined    string
}

func parse(args []string, stderr io.Writer) (*settings, []string, error) {
	s := &settings{csharp: convert.Options{Renamed: map[string]string{}}}
	flags := flag.NewFlagSet("halibutgen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&s.types, "type", "", "`names` of the interfaces (Go), or of the types to start from (C#), with commas")
	flags.StringVar(&s.out, "out", "", "the `file` to write, - for standard output (default: the first name in lower case with _halibut.go)")
	flags.StringVar(&s.Service, "service", "", "the `name` by which peers know the contract; for one Go interface (default: its name with I in front)")
	flags.BoolVar(&s.Options.DotNet, "dotnet", false, "the contracts are shared with .NET: refuse what no .NET peer accepts")
	flags.BoolVar(&s.fromCSharp, "from-csharp", false, "read C# files or folders, the arguments, instead of a Go package")
	flags.StringVar(&s.csharp.Package, "package", "", "C#: the `name` of the Go package (default: go generate's, else the end of the assembly's name)")
	flags.StringVar(&s.csharp.Namespace, "namespace", "", "C#: convert only what this `namespace` declares, and what that uses")
	flags.StringVar(&s.csharp.Assembly, "assembly", "", "C#: the assembly's `name` in type names (default: the project's, else the namespace)")
	flags.StringVar(&s.idempotent, "idempotent", "", "C#: `methods` that may be called twice, as IEchoService.SayHello, with commas")
	flags.StringVar(&s.defined, "define", "", "C#: `symbols` for #if, with commas")
	flags.StringVar(&s.nullable, "nullable", "", "C#: `members` that may be null though the source says otherwise, as Person.Name, with commas")
	flags.BoolVar(&s.csharp.NullStrings, "null-strings", false, "C#: where the source does not say whether a string may be null, it becomes *string")
	flags.BoolVar(&s.csharp.WithoutClients, "no-clients", false, "C#: write types and interfaces, but no clients and registrations")
	flags.Func("rename", "C#: `Namespace.Type=Namespace.Type, Assembly`: the name under which a type travels; may be repeated", func(value string) error {
		from, to, ok := strings.Cut(value, "=")
		if _, _, assembly := strings.Cut(to, ", "); !ok || !assembly {
			return errors.New("write Namespace.Type=Namespace.Type, Assembly")
		}
		s.csharp.Renamed[from] = to
		return nil
	})
	arguments, err := parseMixed(flags, args)
	if err != nil {
		return nil, nil, err
	}
	s.Types, s.csharp.Types = list(s.types), list(s.types)
	s.csharp.Idempotent, s.csharp.Nullable, s.csharp.Defined = list(s.idempotent), list(s.nullable), list(s.defined)
	s.csharp.DotNet = s.Options.DotNet
	return s, arguments, s.check(arguments)
}

// parseMixed parses flags that may stand before, between and after arguments.
func parseMixed(flags *flag.FlagSet, args []string) (arguments []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if args = flags.Args(); len(args) == 0 {
			return arguments, nil
		}
		arguments = append(arguments, args[0])
		args = args[1:]
	}
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// check finds what does not go together.
func (s *settings) check(args []string) error {
	switch {
	case s.fromCSharp && len(args) == 0:
		return errors.New("-from-csharp needs the C# files or folders to read, as in halibutgen -from-csharp contracts.cs")
	case s.csharp.Package != "" && !token.IsIdentifier(s.csharp.Package):
		return fmt.Errorf("-package takes the name of a Go package; %q is none", s.csharp.Package)
	case s.fromCSharp && s.Service != "":
		return errors.New("-service is for Go interfaces; a C# interface has its name")
	case !s.fromCSharp && len(args) > 1:
		return fmt.Errorf("found %d arguments; name one folder with a Go package, or none for this one", len(args))
	case !s.fromCSharp && (s.csharp.Package != "" || s.csharp.Namespace != "" || s.csharp.Assembly != "" || s.idempotent != ""):
		return errors.New("-package, -namespace, -assembly and -idempotent go with -from-csharp")
	case s.Service != "" && len(s.Types) != 1:
		return errors.New("-service names one contract, so it needs -type with one name")
	}
	return nil
}

func run(args []string, stdout, stderr io.Writer) int {
	s, rest, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "halibutgen: %v\n", err)
		return 2
	}
	generate := s.fromGo
	if s.fromCSharp {
		generate = s.fromSource
	}
	source, out, notes, err := generate(rest)
	for _, note := range notes {
		fmt.Fprintf(stderr, "note: %s\n", note)
	}
	if err == nil {
		err = write(source, out, stdout)
	}
	if err != nil {
		report(stderr, err)
		return 1
	}
	return 0
}

// report prints every error on a line of its own.
func report(w io.Writer, err error) {
	var all scanner.ErrorList
	if !errors.As(err, &all) {
		fmt.Fprintf(w, "halibutgen: %v\n", err)
		return
	}
	for _, e := range all {
		fmt.Fprintln(w, e)
	}
}

func write(source []byte, out string, stdout io.Writer) error {
	if out == "-" {
		_, err := stdout.Write(source)
		return err
	}
	if old, err := os.ReadFile(out); err == nil && bytes.Equal(old, source) {
		return nil // so that nothing is built anew
	}
	return os.WriteFile(out, source, 0o666)
}

// fromGo generates from the interfaces of a Go package.
func (s *settings) fromGo(args []string) (source []byte, out string, notes []string, err error) {
	folder := "."
	if len(args) > 0 {
		folder = args[0]
	}
	if out = s.out; out == "" {
		name := "contracts"
		if len(s.Types) > 0 {
			name = strings.ToLower(s.Types[0])
		}
		out = filepath.Join(folder, name+"_halibut.go")
	}
	p, err := load(folder, out)
	if err != nil {
		return nil, "", nil, err
	}
	source, err = contract.Generate(p, s.Options)
	return source, out, nil, err
}

// fromSource generates from C#.
func (s *settings) fromSource(args []string) (source []byte, out string, notes []string, err error) {
	s.csharp.Paths = args
	if s.csharp.Package == "" {
		s.csharp.Package = os.Getenv("GOPACKAGE") // go generate sets it
	}
	if out = s.out; out == "" {
		base := filepath.Base(args[0])
		out = strings.ToLower(strings.TrimSuffix(base, filepath.Ext(base))) + "_halibut.go"
	}
	result, err := convert.Convert(s.csharp)
	return result.Source, out, result.Notes, err
}
