package halibut_test

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// projectFiles are the files of the project whose name ends in ext, vectors
// and nested modules aside.
func projectFiles(t *testing.T, ext string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || isModule(name)):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ext):
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	markdownLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	markdownHeading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fencedBlock     = regexp.MustCompile("(?ms)^```.*?^```$")
	citation        = regexp.MustCompile(`docs/protocol\.md sections? (\d+(?:\.\d+)?)`)
)

// anchor is the fragment under which a heading is reached on the usual hosts.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || r > 0x7f:
			return r
		}
		return -1
	}, strings.ToLower(heading))
}

// TestDocumentLinks follows each link from a document of the project to
// another of its files, and to a heading where the link names one.
func TestDocumentLinks(t *testing.T) {
	t.Parallel()
	for _, name := range projectFiles(t, ".md") {
		text := fencedBlock.ReplaceAllString(readFile(t, name), "")
		for _, m := range markdownLink.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			path, fragment, _ := strings.Cut(m[1], "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: there is no such file", name, m[1])
				continue
			}
			if fragment == "" {
				continue
			}
			found := false
			for _, h := range markdownHeading.FindAllStringSubmatch(readFile(t, target), -1) {
				found = found || anchor(h[1]) == fragment
			}
			if !found {
				t.Errorf("%s links to %s: there is no such heading", name, m[1])
			}
		}
	}
}

// TestProtocolCitations holds the sections that comments cite against those
// that docs/protocol.md has.
func TestProtocolCitations(t *testing.T) {
	t.Parallel()
	sections := map[string]bool{}
	for _, h := range markdownHeading.FindAllStringSubmatch(readFile(t, "docs/protocol.md"), -1) {
		number, _, _ := strings.Cut(h[1], " ")
		sections[number] = true
	}
	if !sections["3"] || !sections["3.2"] {
		t.Fatalf("docs/protocol.md has no sections 3 and 3.2: %v", sections)
	}
	for _, name := range append(projectFiles(t, ".go"), projectFiles(t, ".md")...) {
		for _, m := range citation.FindAllStringSubmatch(readFile(t, name), -1) {
			if !sections[m[1]] {
				t.Errorf("%s cites docs/protocol.md section %s, which does not exist", name, m[1])
			}
		}
	}
}

// TestProtocolConversation compares the conversation of docs/protocol.md
// section 9 with the recording that it says it is from.
func TestProtocolConversation(t *testing.T) {
	t.Parallel()
	_, section, ok := strings.Cut(readFile(t, "docs/protocol.md"), "\n## 9 ")
	if !ok {
		t.Fatal("docs/protocol.md has no section 9")
	}
	source := regexp.MustCompile(`flows/\S+\.json`).FindString(section)
	var flow struct {
		Records []struct{ From, Hex string }
	}
	if err := json.Unmarshal([]byte(readFile(t, "wire/testdata/"+source)), &flow); err != nil {
		t.Fatal(err)
	}

	// A line is the side, or blanks where the line before goes on, then bytes,
	// then after two blanks a remark. What … leaves out is not compared.
	line := regexp.MustCompile(`(?m)^([SC ])  ((?:[0-9A-F]{2}|…)(?: (?:[0-9A-F]{2}|…))*)(?:  |$)`)
	from := map[string]string{"S": "dialler", "C": "acceptor"}
	type item struct{ from, bytes string }
	var items []item
	for _, m := range line.FindAllStringSubmatch(fencedBlock.FindString(section), -1) {
		if m[1] == " " {
			items[len(items)-1].bytes += " " + m[2]
		} else {
			items = append(items, item{from[m[1]], m[2]})
		}
	}
	for i, record := range flow.Records {
		if record.Hex == "" {
			if i != len(items) {
				t.Errorf("the page has %d items before the end, the recording %d", len(items), i)
			}
			return
		}
		if i >= len(items) {
			t.Fatalf("the page ends after %d items; the recording goes on", len(items))
		}
		got, err := hex.DecodeString(record.Hex)
		if err != nil {
			t.Fatal(err)
		}
		head, tail, cut := strings.Cut(items[i].bytes, "…")
		want := strings.ReplaceAll(head, " ", "")
		have := strings.ToUpper(hex.EncodeToString(got))
		if !cut {
			if have != want {
				t.Errorf("item %d is %s in the recording, %s in the page", i, have, want)
			}
		} else if !strings.HasPrefix(have, want) || !strings.HasSuffix(have, strings.ReplaceAll(tail, " ", "")) {
			t.Errorf("item %d is %s in the recording, %s in the page", i, have, items[i].bytes)
		}
		if record.From != items[i].from {
			t.Errorf("item %d is from the %s in the recording, from the %s in the page", i, record.From, items[i].from)
		}
	}
	t.Error("the recording has no end")
}
