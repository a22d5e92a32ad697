package halibut_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/halibut-go/halibut"

// A goPackage is what an import rule sees of a package, as go list tells it.
// The imports of tests are no part of it: no user builds them.
type goPackage struct {
	ImportPath string
	Standard   bool
	Imports    []string // direct
	Deps       []string // transitive
	Module     *struct{ Path string }
}

// name is the path below the module, "." for the root and "" for foreign packages.
func (p goPackage) name() string { return nameOf(p.ImportPath) }

func nameOf(importPath string) string {
	if importPath == module {
		return "."
	}
	name, ok := strings.CutPrefix(importPath, module+"/")
	if !ok {
		return ""
	}
	return name
}

// packages are those of one build: ours and all they depend on.
type packages map[string]goPackage

// ours calls visit for each package of the module, in order.
func (ps packages) ours(visit func(name string, p goPackage)) {
	var paths []string
	for path, p := range ps {
		if p.name() != "" {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		visit(nameOf(path), ps[path])
	}
}

// foreignModule is the module of a third-party package, "" for our own and the
// standard library's.
func (ps packages) foreignModule(importPath string) string {
	p, ok := ps[importPath]
	if !ok || p.Standard || p.Module == nil || p.Module.Path == module {
		return ""
	}
	return p.Module.Path
}

// An importRule reports each breach as a line that names the importer, the
// import and what to do.
type importRule struct {
	name   string
	reason string
	check  func(ps packages) []string
}

var importRules = []importRule{
	{
		name:   "layers",
		reason: "imports go one way, so that each layer can be read, tested and fuzzed without those above it",
		check:  checkLayers,
	},
	{
		name:   "no network below the root",
		reason: "the codec and the conversation are tested over pipes and byte slices; sockets, TLS and logs belong to the root",
		check:  checkNoNetwork,
	},
	{
		name:   "dependencies of the root",
		reason: "who imports the library gets these modules and no others into the binary",
		check:  checkRootDependencies,
	},
	{
		name:   "dependencies of each package",
		reason: "a third-party module has one place that needs it, and nothing else may come to lean on it",
		check:  checkForeignImports,
	},
	{
		name:   "no tests' support in programs",
		reason: "importing testing adds its flags to the program; only packages made for tests may",
		check:  checkTesting,
	},
	{
		name:   "no global logger",
		reason: "a library logs to the *slog.Logger it was given and to nothing else",
		check:  checkGlobalLogger,
	},
}

// layers are the packages from the lowest up, each with what is below its
// path. An entry that ends in / is a folder of packages that do not know each
// other. A package may import what stands in a line before its own, what is
// below the same path, and its siblings listed in besides.
var layers = [][]string{
	{"internal/bson"},
	{"wire", "internal/replay"},
	{"internal/exchange", "queue", "internal/mutualtls", "internal/dial", "internal/memnet", "internal/proxyproto", "internal/pseudoterminal"},
	{".", "queue/queuetest"},
	{"halibuttest", "redisqueue", "websocket", "telemetry/", "jsonrpc", "contracts/", "internal/samples", "internal/soak", "internal/vanished"},
	{"cmd/internal/"},
	{"cmd/", "examples/", "docs/"},
}

// besides are imports within one layer.
var besides = map[string][]string{
	"internal/dial":        {"internal/mutualtls"},
	"cmd/internal/convert": {"cmd/internal/contract", "cmd/internal/csharp"},
}

// placeOf finds the layer of a package by the longest entry that fits, and the
// path that it shares with the packages of its own: cmd/halibut for
// cmd/halibut/internal/progress. The layer of a package without one is -1.
func placeOf(name string) (layer int, own string) {
	layer = -1
	longest := ""
	for i, entries := range layers {
		for _, entry := range entries {
			folder := strings.TrimSuffix(entry, "/") + "/"
			if (name == entry || strings.HasPrefix(name, folder)) && len(entry) > len(longest) {
				layer, longest = i, entry
			}
		}
	}
	if rest, ok := strings.CutPrefix(name, longest); ok && strings.HasSuffix(longest, "/") {
		first, _, _ := strings.Cut(rest, "/")
		return layer, longest + first
	}
	return layer, longest
}

func checkLayers(ps packages) (breaches []string) {
	ps.ours(func(name string, p goPackage) {
		layer, own := placeOf(name)
		if layer < 0 {
			breaches = append(breaches, fmt.Sprintf("%s has no layer: add it to layers in deps_test.go", name))
			return
		}
		for _, imported := range p.Imports {
			to := nameOf(imported)
			toLayer, toOwn := placeOf(to)
			if to == "" || toLayer < 0 || toLayer < layer || toOwn == own || slices.Contains(besides[own], toOwn) {
				continue
			}
			breaches = append(breaches, fmt.Sprintf("%s imports %s, which stands above or beside it: move what both need into a layer below", name, to))
		}
	})
	return breaches
}

func checkNoNetwork(ps packages) (breaches []string) {
	ps.ours(func(name string, p goPackage) {
		if _, own := placeOf(name); own != "internal/bson" && own != "wire" && own != "internal/exchange" {
			return
		}
		for _, imported := range p.Imports {
			switch imported {
			case "net", "crypto/tls", "log/slog", "net/http":
				breaches = append(breaches, fmt.Sprintf("%s imports %s: take an io.ReadWriter, a value or a function instead", name, imported))
			}
		}
	})
	return breaches
}

// rootModules are the only third-party modules below the root, at any depth.
var rootModules = []string{"github.com/google/uuid", "github.com/klauspost/compress"}

func checkRootDependencies(ps packages) (breaches []string) {
	root, ok := ps[module]
	if !ok {
		return []string{"the root package is missing from the build"}
	}
	for _, dep := range root.Deps {
		if m := ps.foreignModule(dep); m != "" && !slices.Contains(rootModules, m) {
			breaches = append(breaches, fmt.Sprintf("the root depends on %s of module %s: only %s are allowed", dep, m, strings.Join(rootModules, " and ")))
		}
	}
	return breaches
}

// foreignModules says which packages may import a third-party module outside
// of tests. Modules that only tests use are not listed. A name ending in /
// stands for all below it.
var foreignModules = map[string][]string{
	"github.com/google/uuid":              {".", "wire", "internal/", "queue", "queue/", "halibuttest", "redisqueue", "redisqueue/", "jsonrpc", "websocket", "contracts/", "cmd/", "examples/"},
	"github.com/klauspost/compress":       {"wire"},
	"github.com/redis/rueidis":            {"redisqueue"},
	"github.com/coder/websocket":          {"websocket"},
	"go.opentelemetry.io/otel":            {"telemetry/otelhalibut"},
	"go.opentelemetry.io/otel/metric":     {"telemetry/otelhalibut"},
	"go.opentelemetry.io/otel/trace":      {"telemetry/otelhalibut"},
	"github.com/prometheus/client_golang": {"telemetry/promhalibut"},
	"github.com/spf13/cobra":              {"cmd/"},
	"github.com/spf13/pflag":              {"cmd/"},
	"github.com/lmittmann/tint":           {"cmd/"},
	"github.com/pelletier/go-toml/v2":     {"cmd/"},
	"golang.org/x/term":                   {"cmd/"},
	"golang.org/x/tools":                  {"cmd/halibutgen", "cmd/halibutgen/"},
	"software.sslmate.com/src/go-pkcs12":  {"cmd/"},
}

func checkForeignImports(ps packages) (breaches []string) {
	ps.ours(func(name string, p goPackage) {
		for _, imported := range p.Imports {
			m := ps.foreignModule(imported)
			if m == "" {
				continue
			}
			allowed := slices.ContainsFunc(foreignModules[m], func(entry string) bool {
				return name == entry || strings.HasSuffix(entry, "/") && strings.HasPrefix(name, entry)
			})
			if !allowed {
				breaches = append(breaches, fmt.Sprintf("%s imports %s: module %s is for %s; a new dependency needs a reason and a line in deps_test.go", name, imported, m, placesOf(m)))
			}
		}
	})
	return breaches
}

func placesOf(foreign string) string {
	if places := foreignModules[foreign]; len(places) > 0 {
		return strings.Join(places, ", ")
	}
	return "tests only"
}

func checkTesting(ps packages) (breaches []string) {
	ps.ours(func(name string, p goPackage) {
		if name == "halibuttest" || strings.HasSuffix(name, "test") {
			return
		}
		for _, imported := range p.Imports {
			if imported == "testing" || strings.HasPrefix(imported, "testing/") {
				breaches = append(breaches, fmt.Sprintf("%s imports %s: move it to a _test.go file or a package whose name ends in test", name, imported))
			}
		}
	})
	return breaches
}

func checkGlobalLogger(ps packages) (breaches []string) {
	ps.ours(func(name string, p goPackage) {
		if strings.HasPrefix(name, "cmd/") || strings.HasPrefix(name, "examples/") {
			return
		}
		if slices.Contains(p.Imports, "log") {
			breaches = append(breaches, fmt.Sprintf("%s imports log: log to the *slog.Logger of the Options", name))
		}
	})
	return breaches
}

// list asks the go command, which needs no network for it: the modules of a
// build that runs this test are there.
func list(goos string) (packages, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps,Module", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, &stderr)
	}
	ps := packages{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return ps, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		ps[p.ImportPath] = p
	}
}

// TestImports holds the packages as they are against every rule. Two systems
// are looked at, since a file may be built on one only.
func TestImports(t *testing.T) {
	t.Parallel()
	for _, goos := range []string{"linux", "windows"} {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			ps, err := list(goos)
			if err != nil {
				t.Fatal(err)
			}
			for _, rule := range importRules {
				t.Run(rule.name, func(t *testing.T) {
					for _, breach := range rule.check(ps) {
						t.Errorf("%s\n\t(%s)", breach, rule.reason)
					}
				})
			}
		})
	}
}

// build makes a graph from lines "importer: import import…". Imports of our own
// module are given below it; a foreign package is named by its module's path.
func build(lines ...string) packages {
	ps := packages{}
	full := func(name string) string {
		if name == "." {
			return module
		}
		if layer, _ := placeOf(name); layer >= 0 || name == "internal/unheard" {
			return module + "/" + name
		}
		return name
	}
	for _, line := range lines {
		importer, imports, _ := strings.Cut(line, ":")
		p := goPackage{ImportPath: full(importer)}
		for _, name := range strings.Fields(imports) {
			path := full(name)
			p.Imports = append(p.Imports, path)
			if strings.Contains(name, ".") && nameOf(path) == "" {
				ps[path] = goPackage{ImportPath: path, Module: &struct{ Path string }{name}}
			} else if nameOf(path) == "" {
				ps[path] = goPackage{ImportPath: path, Standard: true}
			}
		}
		ps[p.ImportPath] = p
	}
	for path, p := range ps {
		p.Deps = ps.closure(path, map[string]bool{})
		ps[path] = p
	}
	return ps
}

func (ps packages) closure(path string, seen map[string]bool) (deps []string) {
	for _, imported := range ps[path].Imports {
		if !seen[imported] {
			seen[imported] = true
			deps = append(append(deps, imported), ps.closure(imported, seen)...)
		}
	}
	return deps
}

// TestImportRules gives each rule a breach and looks for the report of it, and
// a sound graph in which none of them may find anything.
func TestImportRules(t *testing.T) {
	t.Parallel()
	sound := []string{
		"internal/bson: io reflect github.com/google/uuid",
		"wire: internal/bson io github.com/klauspost/compress github.com/google/uuid",
		"queue: wire context",
		"internal/exchange: wire internal/bson io",
		"internal/mutualtls: crypto/tls net",
		"internal/dial: net internal/mutualtls",
		".: wire queue internal/exchange internal/dial net log/slog",
		"queue/queuetest: queue testing",
		"halibuttest: . internal/memnet testing",
		"internal/memnet: net",
		"redisqueue: queue wire . github.com/redis/rueidis",
		"contracts/tentacle: .",
		"cmd/halibut: . contracts/tentacle cmd/halibut/internal/progress github.com/spf13/cobra log",
		"cmd/halibut/internal/progress: io",
		"examples/listening: . log",
	}
	t.Run("sound", func(t *testing.T) {
		for _, rule := range importRules {
			if got := rule.check(build(sound...)); len(got) != 0 {
				t.Errorf("%s: %q", rule.name, got)
			}
		}
	})
	for _, tt := range []struct {
		rule string
		add  string // replaces the sound graph's line of this importer
		want []string
	}{
		{"layers", "internal/bson: wire", []string{"internal/bson imports wire"}},
		{"layers", "wire: internal/bson internal/exchange", []string{"wire imports internal/exchange"}},
		{"layers", "queue: internal/exchange", []string{"queue imports internal/exchange"}},
		{"layers", "internal/exchange: queue .", []string{"internal/exchange imports queue", "internal/exchange imports ."}},
		{"layers", "internal/mutualtls: internal/dial", []string{"internal/mutualtls imports internal/dial"}},
		{"layers", ".: websocket jsonrpc telemetry/otelhalibut", []string{". imports websocket", ". imports jsonrpc", ". imports telemetry/otelhalibut"}},
		{"layers", "contracts/tentacle: cmd/halibut", []string{"contracts/tentacle imports cmd/halibut"}},
		{"layers", "examples/listening: cmd/halibut/internal/progress", []string{"examples/listening imports cmd/halibut/internal/progress"}},
		{"layers", "cmd/halibut: cmd/halibutgen", []string{"cmd/halibut imports cmd/halibutgen"}},
		{"layers", "queue: queue/queuetest", []string{"queue imports queue/queuetest"}},
		{"layers", "internal/unheard: io", []string{"internal/unheard has no layer"}},
		{"no network below the root", "internal/bson: net", []string{"internal/bson imports net:"}},
		{"no network below the root", "wire/compact: net", []string{"wire/compact imports net:"}},
		{"no network below the root", "wire: crypto/tls", []string{"wire imports crypto/tls:"}},
		{"no network below the root", "internal/exchange: log/slog net/http", []string{"internal/exchange imports log/slog:", "internal/exchange imports net/http:"}},
		{"dependencies of the root", ".: go.uber.org/zap", []string{"the root depends on go.uber.org/zap"}},
		{"dependencies of the root", "internal/dial: golang.org/x/net", []string{"the root depends on golang.org/x/net"}}, // not by the root itself
		{"dependencies of each package", "wire: github.com/spf13/cobra", []string{"wire imports github.com/spf13/cobra"}},
		{"dependencies of each package", "cmd/halibut: go.mongodb.org/mongo-driver/v2", []string{"is for tests only"}},
		{"dependencies of each package", "redisqueue: github.com/coder/websocket", []string{"redisqueue imports github.com/coder/websocket"}},
		{"no tests' support in programs", ".: testing", []string{". imports testing:"}},
		{"no tests' support in programs", "queue: testing/synctest", []string{"queue imports testing/synctest:"}},
		{"no global logger", ".: log", []string{". imports log:"}},
	} {
		t.Run(tt.rule+"/"+tt.add, func(t *testing.T) {
			i := slices.IndexFunc(importRules, func(r importRule) bool { return r.name == tt.rule })
			if i < 0 {
				t.Fatalf("there is no rule %q", tt.rule)
			}
			importer, _, _ := strings.Cut(tt.add, ":")
			lines := slices.DeleteFunc(slices.Clone(sound), func(line string) bool { return strings.HasPrefix(line, importer+":") })
			got := importRules[i].check(build(append(lines, tt.add)...))
			if len(got) != len(tt.want) {
				t.Fatalf("reports %q, want %d that hold %q", got, len(tt.want), tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("report %d is %q, want it to hold %q", i, got[i], want)
				}
			}
		})
	}
	t.Run("without a root", func(t *testing.T) {
		if got := checkRootDependencies(packages{}); len(got) != 1 {
			t.Errorf("reports %q, want one line", got)
		}
	})
}
