package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// generate runs the command and returns what it wrote where.
func generate(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	status, stdout, stderr := generate(t, "-h")
	if status != 0 || stdout != "" {
		t.Errorf("status %d, output %q", status, stdout)
	}
	for _, want := range []string{"-from-csharp contracts.cs", "//halibut:idempotent", "-nullable", "//go:generate go run github.com/halibut-go/halibut/cmd/halibutgen -type EchoService"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the usage does not mention %s", want)
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	for args, want := range map[string]string{
		"-bogus":                        "flag provided but not defined: -bogus",
		"-from-csharp":                  "needs the C# files or folders",
		"-from-csharp a.cs -package 7":  `"7" is none`,
		"-from-csharp a.cs -service IA": "-service is for Go interfaces",
		"a b":                           "found 2 arguments",
		"-assembly A":                   "go with -from-csharp",
		"-type A,B -service IA":         "-service names one contract",
		"-service IA":                   "-service names one contract",
		"-from-csharp a.cs -rename A":   "write Namespace.Type=Namespace.Type, Assembly",
		"-from-csharp a.cs -rename A=B": "write Namespace.Type=Namespace.Type, Assembly",
	} {
		status, _, stderr := generate(t, strings.Fields(args)...)
		if status != 2 || !strings.Contains(stderr, want) {
			t.Errorf("halibutgen %s: status %d, %s, want … %s …", args, status, stderr, want)
		}
	}
}

// TestGoPackage generates a file beside a contract, twice.
func TestGoPackage(t *testing.T) {
	folder := filepath.Join("..", "internal", "contract", "testdata", "accepted", "echo")
	want, err := os.ReadFile(filepath.Join(folder, "contracts_halibut.go"))
	if err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := generate(t, folder, "-out", "-")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	if diff := cmp.Diff(string(want), stdout); diff != "" {
		t.Errorf("standard output (-committed +written):\n%s", diff)
	}
	before, err := os.Stat(filepath.Join(folder, "contracts_halibut.go"))
	if err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := generate(t, folder); status != 0 {
		t.Fatalf("status %d, %s", status, stderr)
	}
	after, err := os.Stat(filepath.Join(folder, "contracts_halibut.go"))
	if err != nil || after.ModTime() != before.ModTime() {
		t.Errorf("a file that is as it should be was written: %v", err)
	}
}

// TestDefaultNames: the file is called after the first type or the C# file.
func TestDefaultNames(t *testing.T) {
	module := t.TempDir()
	writeFile(t, filepath.Join(module, "go.mod"), "module example.com/names\n\ngo 1.26\n")
	writeFile(t, filepath.Join(module, "names.go"), "package names\n\nimport \"context\"\n\ntype Second interface{ M(context.Context) error }\n\ntype First interface{ Second }\n")
	writeFile(t, filepath.Join(module, "Things.cs"), "namespace Names.Things { public interface IThings { void Do(long what); } }")
	t.Chdir(module)
	if status, _, stderr := generate(t, "-type", "First, Second"); status != 0 {
		t.Fatalf("status %d, %s", status, stderr)
	}
	if got := read(t, "first_halibut.go"); !strings.Contains(got, "const FirstName = \"IFirst\"\n") || !strings.Contains(got, "RegisterSecond") {
		t.Errorf("first_halibut.go holds\n%s", got)
	}
	if status, _, stderr := generate(t, "-from-csharp", "Things.cs"); status != 0 {
		t.Fatalf("status %d, %s", status, stderr)
	}
	if got := read(t, "things_halibut.go"); !strings.Contains(got, "package things\n") {
		t.Errorf("things_halibut.go holds\n%s", got)
	}
	t.Setenv("GOPACKAGE", "named")
	status, stdout, _ := generate(t, "-from-csharp", "-out=-", "Things.cs", "-rename", "Names.Things.X=Y.X, Y", "-idempotent", "IThings.Do", "-define", "A,B")
	if status != 0 || !strings.Contains(stdout, "package named\n") || !strings.Contains(stdout, "halibut.WithIdempotent(ctx)") {
		t.Errorf("status %d, standard output\n%s", status, stdout)
	}
}

// TestRefusals: what is refused is printed with its place, and nothing written.
func TestRefusals(t *testing.T) {
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "go.mod"), "module example.com/refused\n\ngo 1.26\n")
	contract := filepath.Join(folder, "contract.go")
	writeFile(t, contract, "package refused\n\nimport \"context\"\n\ntype Bad interface {\n\tA(context.Context, chan int) error\n\tB() error\n}\n")
	status, _, stderr := generate(t, folder, "-type", "Bad")
	want := contract + ":6:21: Bad.A, parameter 2 is a channel, which cannot be sent; return a slice, or take a *halibut.DataStream\n" +
		contract + ":7:2: Bad.B does not take a context first; write B(ctx context.Context, …)\n"
	if status != 1 || stderr != want {
		t.Errorf("status %d, messages\n%s, want\n%s", status, stderr, want)
	}
	if _, err := os.Stat(filepath.Join(folder, "bad_halibut.go")); err == nil {
		t.Error("a file was written")
	}
	source := filepath.Join(folder, "Bad.cs")
	writeFile(t, source, "namespace Bad { public interface IBad { void M(System.Action a); } }")
	if status, _, stderr := generate(t, "-from-csharp", source, "-out", "-"); status != 1 || !strings.HasPrefix(stderr, source+":1:48: System.Action is a delegate") {
		t.Errorf("status %d, messages\n%s", status, stderr)
	}
	if status, _, stderr := generate(t, filepath.Join(folder, "none")); status != 1 || !strings.HasPrefix(stderr, "halibutgen: ") {
		t.Errorf("status %d, messages\n%s", status, stderr)
	}
	writeFile(t, source, "namespace Bad { public interface IFine { void M(int a); } }")
	status, _, stderr = generate(t, "-from-csharp", source, "-out", filepath.Join(folder, "none", "x.go"))
	if status != 1 || !strings.Contains(stderr, "note: "+source+":1:53: IFine.M: parameter a is int:") || !strings.Contains(stderr, "halibutgen: open ") {
		t.Errorf("status %d, messages\n%s", status, stderr)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
