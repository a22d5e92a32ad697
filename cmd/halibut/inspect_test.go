package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// brokenRecordings are those whose peer stopped in the middle of something.
var brokenRecordings = []string{"4.4.8-listening-streams.json"}

// TestInspectRecordings reads every recorded conversation between .NET programs:
// nothing in it may look wrong, and each request and response is shown.
func TestInspectRecordings(t *testing.T) {
	files, err := filepath.Glob("../../wire/testdata/*/*.json")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), []string{"inspect", file}, nil, &stdout, &stderr)
			if broken := slices.Contains(brokenRecordings, filepath.Base(file)); broken != (status != 0) || broken != strings.Contains(stdout.String(), "WRONG") {
				t.Errorf("status %d: %s\n%s", status, &stderr, &stdout)
			}
			requests, responses := strings.Count(stdout.String(), "  REQUEST "), strings.Count(stdout.String(), "  RESPONSE ")
			if requests == 0 || responses > requests {
				t.Errorf("%d requests and %d responses are shown", requests, responses)
			}
		})
	}
}

// FuzzInspect holds that whatever a side has said can be shown, and that no
// byte is shown twice.
func FuzzInspect(f *testing.F) {
	for _, name := range []string{"8.1.2000-listening-streams.json", "5.0.236-polling-errors.json"} {
		content, err := os.ReadFile("../../wire/testdata/flows/" + name)
		if err != nil {
			f.Fatal(err)
		}
		var flow struct{ Records []record }
		if err := json.Unmarshal(content, &flow); err != nil {
			f.Fatal(err)
		}
		var side []byte
		for _, r := range flow.Records {
			if b, err := hex.DecodeString(r.Hex); err == nil && r.From == fromDialler && len(side) < 8<<10 {
				side = append(side, b...)
			}
		}
		f.Add(side)
	}
	f.Fuzz(func(t *testing.T, side []byte) {
		at := int64(0)
		newSideReader(bytes.NewReader(side), false, true, func(i item) {
			if i.begin != at || i.end < i.begin || i.end > int64(len(side)) {
				t.Errorf("an item from byte %d to %d, where byte %d is due of %d", i.begin, i.end, at, len(side))
			}
			at = i.end
		}).read()
	})
}
