package convert_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halibut-go/halibut/cmd/internal/convert"
	"github.com/halibut-go/halibut/cmd/internal/refusedtest"
)

// options reads a fixture's args: paths, and flags as the command has them.
func options(t *testing.T, folder string) convert.Options {
	t.Helper()
	args, err := os.ReadFile(filepath.Join(folder, "args"))
	if err != nil {
		t.Fatal(err)
	}
	o := convert.Options{Package: filepath.Base(folder), Renamed: map[string]string{}}
	for line := range strings.Lines(string(args)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		setOption(t, &o, folder, name, value)
	}
	return o
}

func setOption(t *testing.T, o *convert.Options, folder, name, value string) {
	switch name {
	case "-rename":
		from, to, _ := strings.Cut(value, "=")
		o.Renamed[from] = to
	case "-nullable":
		o.Nullable = []string{value}
	case "-idempotent":
		o.Idempotent = []string{value}
	case "-namespace":
		o.Namespace = value
	case "-assembly":
		o.Assembly = value
	case "-package":
		o.Package = value
	case "-type":
		o.Types = strings.Split(value, ",")
	case "-define":
		o.Defined = []string{value}
	case "-dotnet":
		o.DotNet = true
	case "-null-strings":
		o.NullStrings = true
	case "-no-clients":
		o.WithoutClients = true
	default:
		if strings.HasPrefix(name, "-") {
			t.Fatalf("unknown option %s", name)
		}
		o.Paths = append(o.Paths, filepath.Join(folder, name))
	}
}

// TestAccepted converts every fixture and compares the Go code and the notes.
func TestAccepted(t *testing.T) {
	folders, err := filepath.Glob("testdata/accepted/*/args")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range folders {
		folder := filepath.Dir(name)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			result, err := convert.Convert(options(t, folder))
			if err != nil {
				t.Fatal(err)
			}
			here, err := filepath.Abs(folder)
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.Join(append(result.Notes, ""), "\n")
			notes = strings.NewReplacer(here+"/", "", folder+"/", "").Replace(notes)
			compare(t, filepath.Join(folder, "contracts_halibut.go"), string(result.Source))
			compare(t, filepath.Join(folder, "notes.txt"), notes)
			again, err := convert.Convert(options(t, folder))
			if err != nil || string(again.Source) != string(result.Source) {
				t.Errorf("a second conversion differs: %v", err)
			}
		})
	}
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	if *refusedtest.Update {
		if err := os.WriteFile(name, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestRefused converts each file by itself; its second line may hold options,
// as // OPTIONS: -dotnet.
func TestRefused(t *testing.T) {
	refusedtest.Run(t, "testdata/refused/*.cs", func(t *testing.T, name, source string) error {
		copied := filepath.Join(t.TempDir(), filepath.Base(name))
		if err := os.WriteFile(copied, []byte(source), 0o666); err != nil {
			t.Fatal(err)
		}
		o := convert.Options{Package: "refused", Paths: []string{copied}, Renamed: map[string]string{}, Assembly: "Samples"}
		for line := range strings.Lines(source) {
			if arguments, ok := strings.CutPrefix(strings.TrimSpace(line), "// OPTIONS: "); ok {
				flag, value, _ := strings.Cut(arguments, " ")
				setOption(t, &o, filepath.Dir(copied), flag, value)
			}
		}
		_, err := convert.Convert(o)
		return err
	})
}

// TestTentacle converts the contracts of Octopus Tentacle, all together and
// each file by itself, where their folder is given.
func TestTentacle(t *testing.T) {
	folder := os.Getenv("HALIBUT_TENTACLE_CONTRACTS")
	if folder == "" {
		t.Skip("HALIBUT_TENTACLE_CONTRACTS does not name the folder source/Octopus.Tentacle.Contracts of OctopusDeploy/OctopusTentacle")
	}
	paths := []string{folder}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if filepath.Ext(path) == ".cs" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 50 {
		t.Errorf("%s holds %d C# files, fewer than the project has", folder, len(paths)-1)
	}
	// A folder of this module, so that the code finds the library.
	out, err := os.MkdirTemp("testdata", "tentacle")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(out)
	for i, path := range paths {
		result, err := convert.Convert(convert.Options{Package: "tentacle", Paths: []string{path}})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		name := filepath.Join(out, fmt.Sprintf("part%d", i), "tentacle.go")
		if err := os.Mkdir(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, result.Source, 0o666); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			for _, want := range []string{"IScriptService", "IScriptServiceV2", "IKubernetesScriptServiceV1", "IFileTransferService", "ICapabilitiesServiceV2"} {
				if !strings.Contains(string(result.Source), "//halibut:service "+want+"\n//halibut:dotnet\n") {
					t.Errorf("the contract %s is missing, or .NET would not accept it", want)
				}
			}
		}
	}
	if output, err := exec.Command("go", "vet", "./"+out+"/...").CombinedOutput(); err != nil {
		t.Errorf("the generated code does not compile: %v\n%s", err, output)
	}
}

func TestPathsThatCannotBeRead(t *testing.T) {
	empty, rootless := t.TempDir(), t.TempDir()
	broken := t.TempDir()
	write := func(name, text string) string {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return name
	}
	class := write(filepath.Join(broken, "A.cs"), "namespace N { public class A { public int X; } }")
	write(filepath.Join(broken, "A.csproj"), "<Project")
	for what, c := range map[string]struct {
		o    convert.Options
		want string
	}{
		"a missing file":        {convert.Options{Paths: []string{"testdata/none.cs"}}, "no such file"},
		"an empty folder":       {convert.Options{Paths: []string{empty}}, "holds no .cs file"},
		"a broken project":      {convert.Options{Paths: []string{class}}, "read the project"},
		"no namespace":          {convert.Options{Paths: []string{write(filepath.Join(rootless, "B.cs"), "public class B { public int X; }")}}, "name it with -assembly"},
		"several namespaces":    {convert.Options{Paths: []string{write(filepath.Join(t.TempDir(), "C.cs"), "namespace A { public class B { } } namespace C { public class D { } }")}}, "in A and in C"},
		"no such type":          {convert.Options{Paths: []string{"testdata/accepted/async/Contracts.cs"}, Types: []string{"None"}}, "the files declare no type None"},
		"no such method":        {convert.Options{Paths: []string{"testdata/accepted/async/Contracts.cs"}, Namespace: "Async.Contracts", Idempotent: []string{"IEchoService.Shout"}}, "which is no method of these contracts"},
		"two that do not parse": {convert.Options{Paths: []string{"testdata/accepted/projects/src/Broken.cs"}}, "Broken.cs:1:1: expected a class"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := convert.Convert(c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want … %s …", err, c.want)
			}
		})
	}
}

// TestPackageName: without one, the assembly's last part serves.
func TestPackageName(t *testing.T) {
	for assembly, want := range map[string]string{"Samples.Contracts": "contracts", "My-App": "myapp", "7": "contracts"} {
		result, err := convert.Convert(convert.Options{Paths: []string{"testdata/accepted/async/Contracts.cs"}, Assembly: assembly})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(result.Source), "\npackage "+want+"\n") {
			t.Errorf("%s does not become package %s", assembly, want)
		}
	}
}

// TestNothing: files without contracts and data give a file that says so.
func TestNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "A.cs")
	if err := os.WriteFile(name, []byte("namespace N { public interface INothing { } }"), 0o666); err != nil {
		t.Fatal(err)
	}
	result, err := convert.Convert(convert.Options{Package: "n", Paths: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	want := "// Code generated by halibutgen. DO NOT EDIT.\n\npackage n\n\n// Nothing in the C# files travels in a contract.\n"
	if diff := cmp.Diff(want, string(result.Source)); diff != "" {
		t.Error(diff)
	}
	if len(result.Notes) != 1 || !strings.Contains(result.Notes[0], "it has no methods to call") {
		t.Errorf("notes: %q", result.Notes)
	}
}
