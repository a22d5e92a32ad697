package soak

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var tally = flag.String("tally", "", "a `file` to which TestFaults and TestSoak add what they did: several runs that add up to a large one")

// slice is one run of a test, and a line of the tally. A run that does not come
// to its end leaves none.
type slice struct {
	Test   string         `json:"test"`
	Seed   uint64         `json:"seed"`
	Race   bool           `json:"race"` // with the race detector
	Failed bool           `json:"failed"`
	Counts map[string]int `json:"counts"` // calls by how they ended
}

// tallyUp adds a run to the tally, and logs what all of them come to.
func tallyUp(t *testing.T, seed uint64, counts *ledger) {
	t.Helper()
	if *tally == "" {
		return
	}
	slices, err := addSlice(*tally, slice{t.Name(), seed, raceEnabled, t.Failed(), counts.counts})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", *tally, sum(slices, t.Name()))
}

// addSlice adds a line to a tally, and returns all that it has then.
func addSlice(name string, added slice) ([]slice, error) {
	line, err := json.Marshal(added)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		_ = f.Close() // the first error tells more
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	all, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var slices []slice
	for line := range bytes.Lines(all) {
		var s slice
		if err := json.Unmarshal(line, &s); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, len(slices)+1, err)
		}
		slices = append(slices, s)
	}
	return slices, nil
}

// sum is what the runs of one test come to, in words.
func sum(slices []slice, test string) string {
	total := newLedger()
	runs, failed := 0, 0
	for _, s := range slices {
		if s.Test != test {
			continue
		}
		runs++
		if s.Failed {
			failed++
		}
		total.add(&ledger{counts: s.Counts})
	}
	return fmt.Sprintf("%d runs, %d of them failed, %s", runs, failed, total)
}

// TestTally adds runs up over processes, each test by itself.
func TestTally(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tally")
	var all []slice
	for _, s := range []slice{
		{Test: "TestSoak", Seed: 1, Counts: map[string]int{"ok": 3, "canceled, unknown": 1}},
		{Test: "TestFaults", Seed: 1<<64 - 1, Counts: map[string]int{"ok": 1}},
		{Test: "TestSoak", Failed: true, Counts: map[string]int{"ok": 4}},
	} {
		var err error
		if all, err = addSlice(name, s); err != nil {
			t.Fatal(err)
		}
	}
	for test, want := range map[string]string{
		"TestSoak":   "2 runs, 1 of them failed, 8 calls\n       1 canceled, unknown\n       7 ok",
		"TestFaults": "1 runs, 0 of them failed, 1 calls\n       1 ok",
	} {
		if got := sum(all, test); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", test, got, want)
		}
	}
	if all[1].Seed != 1<<64-1 {
		t.Errorf("the seed came back as %d", all[1].Seed)
	}
	if err := os.WriteFile(name, []byte("{}\nno line of a tally\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := addSlice(name, slice{}); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("another file is taken for a tally: %v", err)
	}
}
