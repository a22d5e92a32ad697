package halibut_test

import (
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// TestInteropCode holds the code in docs/interop.md and docs/dotnet-types.md:
// the contract is that of examples/dotnet, declarations stand there too, and
// the rest is Go.
func TestInteropCode(t *testing.T) {
	t.Parallel()
	page := readFile(t, "docs/interop.md")
	contract := readFile(t, "examples/dotnet/contracts.cs")
	if !strings.Contains(page, "```csharp\n"+contract+"```\n") {
		t.Error("docs/interop.md does not have examples/dotnet/contracts.cs as it is")
	}
	program := readFile(t, "examples/dotnet/main.go")
	inProgram := 0
	for _, block := range goBlock.FindAllStringSubmatch(page+readFile(t, "docs/dotnet-types.md"), -1) {
		if strings.Contains(program, block[1]) {
			inProgram++
		}
		if strings.Contains(block[1], "builds) ") {
			continue // a declaration, which stands in the program or is an error below
		}
		statements := regexp.MustCompile(`(?m)^type .*$`).ReplaceAllString(block[1], "")
		if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+statements+"}", 0); err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
	}
	if inProgram == 0 {
		t.Error("docs/interop.md does not have the service of examples/dotnet/main.go")
	}
}

// TestInteropNames holds that what docs/interop.md calls in Go is there, as the
// program that the tests run calls it.
func TestInteropNames(t *testing.T) {
	t.Parallel()
	api := readFile(t, "api/halibut.txt") + readFile(t, "examples/dotnet/contracts_halibut.go") + readFile(t, "api/wire.txt")
	for _, block := range goBlock.FindAllStringSubmatch(readFile(t, "docs/interop.md"), -1) {
		for _, m := range regexp.MustCompile(`\b(?:halibut|wire)\.(\w+)|\b(?:rt|trust)\.(\w+)\(|\b((?:New|Register)Build\w+)`).FindAllStringSubmatch(block[1], -1) {
			if name := m[1] + m[2] + m[3]; !regexp.MustCompile(`\b` + name + `\b`).MatchString(api) {
				t.Errorf("docs/interop.md calls %s, which there is not", name)
			}
		}
	}
}
