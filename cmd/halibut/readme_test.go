package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// measured is what differs from one run of the demo to the next, and what it
// is compared as.
var measured = []struct{ pattern, as string }{
	{`(?m)^     (up  |down) .*\n`, ""}, // a bar that goes away, on a terminal
	{`[0-9A-F]{40}`, "PIN"},
	{`127\.0\.0\.1:\d+`, "ADDRESS"},
	{`a service on \S+,`, "a service on PLATFORM,"},
	{`[0-9.]+ [KMG]?i?B/s`, "RATE"},
	{`[0-9,]+/s`, "RATE"},
	{`(\d+m\d\ds|[0-9.]+ (ns|µs|ms|s))\b`, "TIME"},
	{`[0-9,]+ (calls|times)`, "COUNT"},
	{`\s+`, " "}, // texts are wrapped where the port's length makes them
}

func unmeasured(text string) string {
	for _, m := range measured {
		text = regexp.MustCompile(m.pattern).ReplaceAllString(text, m.as)
	}
	return text
}

// TestReadmeOutput holds README.md's output of the demo against a real one. It
// may leave out a part where it has an ellipsis.
func TestReadmeOutput(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "```text\n")
	block, _, ok := strings.Cut(block, "```\n")
	if !ok {
		t.Fatal("README.md has no output of the demo")
	}
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"demo"}, nil, &stdout, &stderr); status != 0 {
		t.Fatalf("exit status %d: %s", status, &stderr)
	}
	rest := unmeasured(stdout.String())
	for part := range strings.SplitSeq(block, "…\n") {
		before, after, found := strings.Cut(rest, unmeasured(part))
		if !found {
			t.Fatalf("the demo does not print this part of README.md:\n%s\nIt prints:\n%s", part, &stdout)
		}
		if before != "" && rest == unmeasured(stdout.String()) {
			t.Errorf("README.md leaves out how the demo begins: %s", before)
		}
		rest = after
	}
	if rest != "" {
		t.Errorf("README.md leaves out how the demo ends: %s", rest)
	}
}
