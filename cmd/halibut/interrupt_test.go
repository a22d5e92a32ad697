package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInterrupt ends the demo at several points, in each mode.
func TestInterrupt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		at   string // the text whose writing is the moment
		nth  int
	}{
		{"at the beginning", "Two throwaway identities", 1},
		{"between calls", "connecting included", 1},
		{"in what is sent", " of 8.0 MiB\n", 1},
		{"in what is fetched", " of 8.0 MiB\n", 5},
		{"between the modes", "The same SHA-256", 1},
		{"polling", "connecting included", 2},
		{"in what is fetched, polling", " of 8.0 MiB\n", 13},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			status, stdout, stderr := runWatched(t, ctx, []string{"demo", file}, tt.at, tt.nth, interrupt)
			checkInterrupted(t, status, stdout, stderr)
		})
	}
}

// runWatched runs the program and calls then when it writes a text for the nth
// time. Nothing may be left behind.
func runWatched(t *testing.T, ctx context.Context, args []string, text string, nth int, then func()) (status int, stdout, stderr string) {
	t.Helper()
	temporary := temporaryFolder(t)
	var out, errs bytes.Buffer
	seen := 0
	watched := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), text) {
			if seen++; seen == nth {
				then()
			}
		}
		return out.Write(p)
	})
	status = run(ctx, args, nil, watched, &errs)
	if seen < nth {
		t.Errorf("%q was written %d times:\n%s", text, seen, &out)
	}
	checkEmpty(t, temporary)
	return status, out.String(), errs.String()
}

func checkInterrupted(t *testing.T, status int, stdout, stderr string) {
	t.Helper()
	if status != exitInterrupted {
		t.Errorf("exit status %d, want %d", status, exitInterrupted)
	}
	if stderr != "halibut: interrupted\n" {
		t.Errorf("standard error is %q", stderr)
	}
	if strings.Contains(stdout, "All of it held") {
		t.Error("it went on to the end")
	}
}
