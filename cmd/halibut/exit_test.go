package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitStatus(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status int
		stderr string // the first line
	}{
		{[]string{"--help"}, 0, ""},
		{[]string{"demo", "--help"}, 0, ""},
		{[]string{"demo", "--loud"}, exitUsage, "halibut: unknown flag: --loud"},
		{[]string{"demo", "one", "two"}, exitUsage, "halibut: expected 'halibut demo [FILE]', found 2 arguments"},
		{[]string{"demonstrate"}, exitUsage, `halibut: unknown command "demonstrate" for "halibut"`},
		{[]string{"demo", "-v=perhaps"}, exitUsage, `halibut: --verbose is "perhaps": expected true or false`},
		{[]string{"demo", filepath.Join(t.TempDir(), "missing")}, exitFailed, "halibut: the file cannot be read: open "},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if status := run(t.Context(), tt.args, nil, &stdout, &stderr); status != tt.status {
				t.Errorf("exit status %d, want %d", status, tt.status)
			}
			if !strings.HasPrefix(stderr.String(), tt.stderr) || (stderr.Len() == 0) != (tt.stderr == "") {
				t.Errorf("standard error is %q, want it to begin with %q", &stderr, tt.stderr)
			}
			if hint := strings.Contains(stderr.String(), "--help"); hint != (tt.status == exitUsage) {
				t.Errorf("standard error is %q: whether it names --help must go with status %d", &stderr, tt.status)
			}
		})
	}
}

// A writerFunc is a standard output that does something at what it is written.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestOutputCloses ends the demo early and clean when nobody reads it any more,
// as in "halibut demo | head".
func TestOutputCloses(t *testing.T) {
	temporary := temporaryFolder(t)
	var stderr bytes.Buffer
	lines := 0
	stdout := writerFunc(func(p []byte) (int, error) {
		if lines++; lines > 5 {
			return 0, os.ErrClosed
		}
		return len(p), nil
	})
	if status := run(t.Context(), []string{"demo", smallFile(t)}, nil, stdout, &stderr); status != exitFailed {
		t.Errorf("exit status %d, want %d", status, exitFailed)
	}
	if want := "halibut: listening: the output cannot be written: file already closed\n"; stderr.String() != want {
		t.Errorf("standard error is %q, want %q", &stderr, want)
	}
	checkEmpty(t, temporary)
}

// temporaryFolder becomes the system's folder for temporary files.
func temporaryFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	return dir
}

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Errorf("%s was left behind", entry.Name())
	}
}

func smallFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "small")
	if err := os.WriteFile(name, []byte("small"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
