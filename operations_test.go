package halibut_test

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
)

// libraryFiles are the parsed sources of the packages that programs import,
// tests and programs aside.
func libraryFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := make(map[string]*ast.File)
	for _, name := range projectFiles(t, ".go") {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "cmd/") || strings.HasPrefix(name, "examples/") || strings.HasPrefix(name, "benchmarks/") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
	}
	return files
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// isLogger reports whether an expression is a logger, by its name.
func isLogger(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "log" || e.Name == "logger"
	case *ast.SelectorExpr:
		return e.Sel.Name == "log" || e.Sel.Name == "Logger"
	}
	return false
}

// logEvents are the log calls of a source, as the rows of the table in
// docs/operations.md begin, and the keys that are given to a logger for all
// its lines.
func logEvents(t *testing.T, name string, file *ast.File) (events []string, with []string) {
	t.Helper()
	event := func(level string, args []ast.Expr) {
		message, ok := literal(args[0])
		if !ok {
			t.Errorf("%s: the message of a %s event is not a literal", name, level)
		}
		var keys []string
		for i := 1; i < len(args); i += 2 {
			key, ok := literal(args[i])
			if !ok {
				t.Errorf("%s: a key of %q is not a literal", name, message)
			}
			keys = append(keys, "`"+key+"`")
		}
		events = append(events, fmt.Sprintf("| %s | `%s` | %s |", level, message, strings.Join(keys, ", ")))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncDecl); ok && f.Name.Name == "logEnd" {
			return false // its calls are the events
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "logEnd" {
			message, _ := literal(call.Args[1])
			events = append(events, fmt.Sprintf("| INFO or WARN | `%s` | `reason` |", message))
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !isLogger(method.X) {
			return true
		}
		switch method.Sel.Name {
		case "Debug", "Info", "Warn", "Error":
			event(strings.ToUpper(method.Sel.Name), call.Args)
		case "DebugContext", "InfoContext", "WarnContext", "ErrorContext":
			event(strings.ToUpper(strings.TrimSuffix(method.Sel.Name, "Context")), call.Args[1:])
		case "With":
			key, _ := literal(call.Args[0])
			with = append(with, key)
		case "Enabled":
		default:
			t.Errorf("%s: docs/operations.md cannot be held against a log call of this form: %s", name, method.Sel.Name)
		}
		return true
	})
	return events, with
}

// TestLogEvents holds the table of log events in docs/operations.md, which is a
// contract, against the log calls of the code, both ways.
func TestLogEvents(t *testing.T) {
	t.Parallel()
	inCode, with := make(map[string]bool), make(map[string]bool)
	for name, file := range libraryFiles(t) {
		events, keys := logEvents(t, name, file)
		for _, event := range events {
			inCode[event] = true
		}
		for _, key := range keys {
			with[key] = true
		}
	}
	if len(inCode) < 15 {
		t.Fatalf("only %d log events were found in the code: the search is broken", len(inCode))
	}
	_, section, ok := strings.Cut(readFile(t, "docs/operations.md"), "\n## Log events\n")
	if !ok {
		t.Fatal("docs/operations.md has no log events")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	row := regexp.MustCompile("(?m)^\\| (?:DEBUG|INFO|WARN|ERROR|INFO or WARN) \\| `[^`]*` \\|[^|]*\\|")
	inPage := make(map[string]bool)
	for _, event := range row.FindAllString(section, -1) {
		event = strings.Replace(event, "| |", "|  |", 1)
		if inPage[event] {
			t.Errorf("docs/operations.md, Log events, has this event twice: %s", event)
		}
		inPage[event] = true
	}
	for event := range inCode {
		if !inPage[event] {
			t.Errorf("docs/operations.md, Log events, lacks the event: %s", event)
		}
	}
	for event := range inPage {
		if !inCode[event] {
			t.Errorf("docs/operations.md, Log events, has an event that the code lacks: %s", event)
		}
	}
	if got, want := slices.Sorted(maps.Keys(with)), []string{"addr", "subscription"}; !slices.Equal(got, want) {
		t.Errorf("loggers are given the keys %q, and docs/operations.md says %q", got, want)
	}
}

// TestOperationsTexts finds each text that docs/operations.md says one sees in
// the strings of the code.
func TestOperationsTexts(t *testing.T) {
	t.Parallel()
	var texts strings.Builder
	for _, file := range libraryFiles(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if text, ok := literal(e); ok {
					texts.WriteString(text + "\n")
				}
			}
			return true
		})
	}
	said := texts.String()
	page := readFile(t, "docs/operations.md")
	_, section, _ := strings.Cut(page, "\n## What you see\n")
	section, _, _ = strings.Cut(section, "\n## Log events\n")
	rows, quoted := 0, regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(section) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 3 || !strings.Contains(cells[0], "`") {
			continue
		}
		rows++
		for _, text := range quoted.FindAllStringSubmatch(cells[0], -1) {
			for part := range strings.SplitSeq(text[1], "…") {
				part = strings.TrimPrefix(strings.TrimSpace(part), ", ")
				// What one sees is put together from several strings.
				for piece := range strings.SplitSeq(part, " (Limits") {
					piece = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(piece, "while waiting for "), ")"))
					if piece != "" && !strings.HasPrefix(piece, ".") && !strings.Contains(said, piece) {
						t.Errorf("no string of the code holds %q, which docs/operations.md says one sees", piece)
					}
				}
			}
		}
	}
	if rows < 25 {
		t.Errorf("only %d rows were read", rows)
	}
}

// TestLimitsAreExplained: each field of Limits has its row in
// docs/operations.md, with the default that its comment says.
func TestLimitsAreExplained(t *testing.T) {
	t.Parallel()
	field := regexp.MustCompile(`(?m)^\t(\w+) +\S+ +// .*: ([^:;\n]+)(?:;.*)?$`)
	defaults := make(map[string]string)
	for _, m := range field.FindAllStringSubmatch(readFile(t, "limits.go"), -1) {
		defaults[m[1]] = m[2]
	}
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]+) \\|")
	explained := make(map[string]string)
	_, section, _ := strings.Cut(readFile(t, "docs/operations.md"), "\n## Limits\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		explained[m[1]] = m[2]
	}
	for limit := range reflect.TypeFor[halibut.Limits]().Fields() {
		name := limit.Name
		switch {
		case defaults[name] == "":
			t.Errorf("the comment of Limits.%s in limits.go does not end with its default", name)
		case explained[name] != defaults[name]:
			t.Errorf("docs/operations.md says %q is the default of Limits.%s, limits.go says %q", explained[name], name, defaults[name])
		}
		delete(explained, name)
	}
	for name := range explained {
		t.Errorf("docs/operations.md explains Limits.%s, which does not exist", name)
	}
}

// TestSecurityLimits: the limits that docs/security.md names exist.
func TestSecurityLimits(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(readFile(t, "docs/security.md"), "\n## Limits before trust\n")
	section, _, _ = strings.Cut(section, "\n## ")
	named, quoted := 0, regexp.MustCompile("`(\\w+)`")
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 3 {
			continue
		}
		for _, name := range quoted.FindAllStringSubmatch(cells[2], -1) {
			named++
			if _, ok := reflect.TypeFor[halibut.Limits]().FieldByName(name[1]); !ok {
				t.Errorf("docs/security.md names Limits.%s, which does not exist", name[1])
			}
		}
	}
	if named < 12 {
		t.Errorf("only %d limits were found", named)
	}
}

// TestNilLoggerIsSilent: without a logger nothing is written anywhere, whatever
// happens: not to the process's default loggers, not to its standard error.
func TestNilLoggerIsSilent(t *testing.T) {
	var defaults bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&defaults, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.SetOutput(&defaults)
	defer func() {
		slog.SetDefault(before)
		log.SetOutput(os.Stderr)
	}()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, stdout := os.Stderr, os.Stdout
	os.Stderr, os.Stdout = write, write
	for _, mode := range modes {
		p := setting{services: echoServices()}.pair(t, mode)
		c := p.client.Client(p.to)
		for _, method := range []string{"SayHello", "Fail", "Panic", "Missing"} {
			_ = c.Call(t.Context(), "IEchoService", method, nil, "x")
		}
		_ = c.Call(t.Context(), "IEchoService", "Panic", nil) // logs the most
		listening := p.to.Addr()
		if polls(mode) {
			listening = p.polls.Addr()
		}
		dialScripted(t, nil, listening, certificates()[2]).write(asClient) // is refused
		eventually(t, "the stranger is refused", func() bool { return len(p.client.Rejections())+len(p.service.Rejections()) > 0 })
		_ = p.client.Shutdown(context.Background())
		_ = p.service.Close()
	}
	os.Stderr, os.Stdout = stderr, stdout
	_ = write.Close()
	written, err := io.ReadAll(read)
	if err != nil {
		t.Fatal(err)
	}
	if text := defaults.String() + string(written); text != "" {
		t.Errorf("with a nil logger this was written:\n%s", text)
	}
}
