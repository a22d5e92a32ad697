package convert_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/halibut-go/halibut/cmd/internal/convert"
)

var codeSpan = regexp.MustCompile("`([^`]+)`")

// TestTableOfTypes converts a member of each C# type in docs/dotnet-types.md
// and compares the Go type with the table's.
func TestTableOfTypes(t *testing.T) {
	page, err := os.ReadFile("../../../docs/dotnet-types.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## From .NET to Go\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		rows++
		want := codeSpan.FindStringSubmatch(cells[2])[1]
		for _, m := range codeSpan.FindAllStringSubmatch(cells[1], -1) {
			if got := convertedMember(t, m[1]); got != want {
				t.Errorf("%s becomes %s, and the table says %s", m[1], got, want)
			}
		}
	}
	if rows < 35 {
		t.Errorf("only %d rows were found", rows)
	}
}

var memberOfTable = regexp.MustCompile(`(?m)^type Table struct \{\n(?:\t//.*\n)*\tMember\s+(.+?)(?: ` + "`" + `.*)?\n`)

func convertedMember(t *testing.T, csharp string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "Table.cs")
	source := `#nullable enable
using System; using System.Collections.Generic; using Halibut;
namespace Tables
{
    public interface ITableService { Table Take(Table value); }
    public class Table { public ` + csharp + ` Member { get; set; } }
    public enum Colour { Red }
    public class Person { public bool Old { get; set; } }
    public struct Point { public double X; }
    public abstract class Shape { public double Area { get; set; } }
    public class Circle : Shape { }
}`
	if err := os.WriteFile(name, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	result, err := convert.Convert(convert.Options{Package: "tables", Paths: []string{name}})
	if err != nil {
		t.Errorf("%s: %v", csharp, err)
		return ""
	}
	m := memberOfTable.FindSubmatch(result.Source)
	if m == nil {
		t.Errorf("%s: no member in\n%s", csharp, result.Source)
		return ""
	}
	return strings.TrimSpace(string(m[1]))
}
