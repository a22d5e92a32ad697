// Package refusedtest runs inputs that a generator must refuse. Each is a file
// that begins with the messages, one a line: // ERROR: line:column: message.
package refusedtest

import (
	"errors"
	"flag"
	"fmt"
	"go/scanner"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Update tells tests to write what they would compare.
var Update = flag.Bool("update", false, "write the expected outputs and messages")

const mark = "// ERROR: "

// Run gives every file that the pattern matches to refuse, which returns the
// generator's error, and compares its messages with those in the file.
func Run(t *testing.T, pattern string, refuse func(t *testing.T, name, source string) error) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)), func(t *testing.T) {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want, body := split(string(source))
			if *Update {
				want = rewrite(t, name, body, refuse)
			}
			got := messages(refuse(t, name, want+body))
			switch {
			case got == "":
				t.Error("the file was accepted")
			case got != want:
				t.Errorf("got the messages\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// split takes the messages off the top of a file.
func split(source string) (header, body string) {
	for strings.HasPrefix(source, mark) {
		line, rest, _ := strings.Cut(source, "\n")
		header += line + "\n"
		source = rest
	}
	return header, source
}

// rewrite puts the messages of today at the top. Their number moves the lines
// that they speak of, so it is found first.
func rewrite(t *testing.T, name, body string, refuse func(t *testing.T, name, source string) error) string {
	count := strings.Count(messages(refuse(t, name, body)), "\n")
	header := messages(refuse(t, name, strings.Repeat("//\n", count)+body))
	if err := os.WriteFile(name, []byte(header+body), 0o666); err != nil {
		t.Fatal(err)
	}
	return header
}

// messages prints an error as the top of a file has it.
func messages(err error) string {
	var all scanner.ErrorList
	var one *scanner.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &all):
	case errors.As(err, &one):
		all = scanner.ErrorList{one}
	default:
		return mark + err.Error() + "\n"
	}
	var lines strings.Builder
	for _, e := range all {
		place := ""
		if e.Pos.IsValid() {
			place = fmt.Sprintf("%d:%d: ", e.Pos.Line, e.Pos.Column)
		}
		lines.WriteString(mark + place + strings.ReplaceAll(e.Msg, filepath.Dir(e.Pos.Filename)+string(filepath.Separator), "") + "\n")
	}
	return lines.String()
}
