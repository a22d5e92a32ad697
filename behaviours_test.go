package halibut_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testsOf are the tests and examples of each package, by the last element of
// its path ("" is the root's), with the string literals of its test files: the
// names of subtests are among them.
func testsOf(t *testing.T) (tests map[string]map[string]bool, literals map[string]map[string]bool) {
	t.Helper()
	tests, literals = make(map[string]map[string]bool), make(map[string]map[string]bool)
	for _, name := range projectFiles(t, ".go") {
		folder := filepath.ToSlash(filepath.Dir(name))
		of := filepath.Base(folder)
		if of == "." {
			of = ""
		}
		// The suite of the queues is no test file.
		if !strings.HasSuffix(name, "_test.go") && of != "queuetest" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if tests[of] == nil {
			tests[of], literals[of] = make(map[string]bool), make(map[string]bool)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && strings.HasSuffix(name, "_test.go") {
					tests[of][n.Name.Name] = true
				}
			case *ast.BasicLit:
				if text, ok := literal(n); ok {
					literals[of][text] = true
				}
			}
			return true
		})
	}
	return tests, literals
}

// TestBehaviours: every test that docs/behaviours.md names exists, and of the
// reference's expectations at most one in twenty goes without.
func TestBehaviours(t *testing.T) {
	t.Parallel()
	tests, literals := testsOf(t)

	name := regexp.MustCompile("`(?:(\\w+)\\.)?((?:Test|Example|Fuzz)\\w*)(?:/([^`]+))?`")
	shown, without := 0, 0
	for line := range strings.Lines(readFile(t, "docs/behaviours.md")) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 2 || strings.HasPrefix(cells[0], "| the reference expects") {
			continue
		}
		by := strings.TrimSuffix(cells[1], " |")
		names := name.FindAllStringSubmatch(by, -1)
		switch {
		case strings.HasPrefix(by, "**without**: "):
			without++
			continue
		case len(names) == 0:
			t.Errorf("nothing shows it: %s", cells[0])
			continue
		}
		shown++
		for _, m := range names {
			if !tests[m[1]][m[2]] {
				t.Errorf("there is no test %s.%s, named for: %s", m[1], m[2], cells[0])
			}
			for _, sub := range strings.Split(m[3], "/") {
				if sub != "" && !literals[m[1]][sub] {
					t.Errorf("%s.%s has no subtest %q, named for: %s", m[1], m[2], sub, cells[0])
				}
			}
		}
	}
	if shown < 180 {
		t.Errorf("only %d lines were read", shown)
	}
	if (shown+without)/20 < without {
		t.Errorf("%d of %d lines go without a test: at most one in twenty may", without, shown+without)
	}
	t.Logf("%d shown, %d without", shown, without)
}
