package halibut_test

import (
	"regexp"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// TestReadmeCode holds that each piece of Go in README.md stands in a program
// or an example that the tests run.
func TestReadmeCode(t *testing.T) {
	t.Parallel()
	sources := []string{"example_test.go"}
	for _, name := range projectFiles(t, "main.go") {
		if strings.HasPrefix(name, "examples/") {
			sources = append(sources, name)
		}
	}
	blocks := goBlock.FindAllStringSubmatch(readFile(t, "README.md"), -1)
	whole := map[string]bool{}
	for _, block := range blocks {
		found := false
		for _, name := range sources {
			source := unindented(readFile(t, name))
			piece := unindented(block[1])
			if strings.Contains(source, piece) {
				found = true
				whole[name] = whole[name] || source == piece
			}
		}
		if !found {
			t.Errorf("this piece of README.md is in none of %s:\n%s", strings.Join(sources, ", "), block[1])
		}
	}
	for _, name := range []string{"examples/listening/main.go", "examples/polling/main.go"} {
		if !whole[name] {
			t.Errorf("README.md does not have all of %s", name)
		}
	}
}

// unindented is code without the depth at which it stands.
func unindented(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// TestReadmeCommands holds that README.md's fuzz target exists where it says.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	m := regexp.MustCompile(`-fuzz=(Fuzz\w+) .*\./(\S+)`).FindStringSubmatch(readFile(t, "README.md"))
	if m == nil {
		t.Fatal("README.md does not say how to run a fuzz target")
	}
	for _, name := range projectFiles(t, "_test.go") {
		if strings.HasPrefix(name, m[2]+"/") && strings.Contains(readFile(t, name), "func "+m[1]+"(") {
			return
		}
	}
	t.Errorf("there is no %s in %s", m[1], m[2])
}
