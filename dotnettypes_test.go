package halibut_test

import (
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

// typesByText are the Go types that docs/dotnet-types.md tells the .NET name of.
var typesByText = map[string]reflect.Type{
	"bool": reflect.TypeFor[bool](), "int": reflect.TypeFor[int](), "int64": reflect.TypeFor[int64](),
	"int32": reflect.TypeFor[int32](), "uint": reflect.TypeFor[uint](), "uint64": reflect.TypeFor[uint64](),
	"float64": reflect.TypeFor[float64](), "string": reflect.TypeFor[string](), "time.Time": reflect.TypeFor[time.Time](),
	"time.Duration": reflect.TypeFor[time.Duration](), "halibut.TimeSpan": reflect.TypeFor[halibut.TimeSpan](),
	"uuid.UUID": reflect.TypeFor[uuid.UUID](), "url.URL": reflect.TypeFor[url.URL](), "wire.URI": reflect.TypeFor[wire.URI](),
	"[]byte": reflect.TypeFor[[]byte](), "[]int64": reflect.TypeFor[[]int64](), "[3]int64": reflect.TypeFor[[3]int64](),
	"halibut.List[string]": reflect.TypeFor[halibut.List[string]](), "halibut.Set[string]": reflect.TypeFor[halibut.Set[string]](),
	"map[string]struct{}": reflect.TypeFor[map[string]struct{}](), "map[string]int64": reflect.TypeFor[map[string]int64](),
	"*int64": reflect.TypeFor[*int64](), "*halibut.DataStream": reflect.TypeFor[*halibut.DataStream](), "any": reflect.TypeFor[any](),
}

var (
	codeSpan     = regexp.MustCompile("`([^`]+)`")
	genericArity = regexp.MustCompile("`[0-9]+\\[(.*)\\]$")
)

// TestTableOfNames holds the table of names in docs/dotnet-types.md against
// what the codec writes.
func TestTableOfNames(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(readFile(t, "docs/dotnet-types.md"), "\n## From Go to .NET\n")
	section, _, _ = strings.Cut(section, "\n## ")
	looked := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.Contains(cells[2], "`") {
			continue
		}
		want := codeSpan.FindStringSubmatch(cells[2])[1]
		for _, m := range codeSpan.FindAllStringSubmatch(cells[1], -1) {
			goType, known := typesByText[m[1]]
			if !known {
				t.Errorf("the table has %s, which this test does not know", m[1])
				continue
			}
			looked++
			got := strings.ReplaceAll(genericArity.ReplaceAllString(wire.DotNetTypeName(goType), "<$1>"), ",", ", ")
			if got != want {
				t.Errorf("%s is %s in .NET, and the table says %s", m[1], got, want)
			}
		}
	}
	if looked != len(typesByText) {
		t.Errorf("the table has %d of the %d types", looked, len(typesByText))
	}
}
