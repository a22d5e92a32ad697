package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
)

func TestColours(t *testing.T) {
	for _, tt := range []struct {
		noColour, term string
		want           bool
	}{
		{"", "xterm-256color", true},
		{"1", "xterm-256color", false},
		{"", "dumb", false},
	} {
		t.Setenv("NO_COLOR", tt.noColour)
		t.Setenv("TERM", tt.term)
		if got := wantsColours(); got != tt.want {
			t.Errorf("NO_COLOR=%q TERM=%q: %v, want %v", tt.noColour, tt.term, got, tt.want)
		}
	}
	plain := newTerminal(&bytes.Buffer{})
	if got := plain.paint(red, "x"); got != "x" || plain.columns != 0 {
		t.Errorf("painted %q in %d columns where there is no terminal", got, plain.columns)
	}
	if got, want := (&terminal{colours: true}).paint(red, "x"), "\x1b[31mx\x1b[0m"; got != want {
		t.Errorf("painted %q, want %q", got, want)
	}
}

// screen is what stands in a terminal's line after text was written to it.
func screen(text string) string {
	var line []rune
	column := 0
	for _, c := range text {
		switch {
		case c == '\r':
			column = 0
		case column < len(line):
			line[column] = c
			column++
		default:
			line = append(line, c)
			column++
		}
	}
	return strings.TrimRight(string(line), " ")
}

func TestProgressBar(t *testing.T) {
	for _, columns := range []int{200, 80, 50, narrowest} {
		var out bytes.Buffer
		p := &progress{out: &terminal{Writer: &out, columns: columns}, label: "up  "}
		for percent := 1; percent <= 100; percent++ {
			p.report(halibut.Progress{Percent: percent, Bytes: int64(percent) * 3000, Size: 300_000})
			line := screen(out.String())
			if utf8.RuneCountInString(line) >= columns {
				t.Fatalf("in %d columns the line is %q", columns, line)
			}
			want := map[int]string{
				50:  "     up   [" + strings.Repeat("#", 18) + strings.Repeat("-", 18) + "]  50 %  146 KiB of 293 KiB",
				100: "     up   [" + strings.Repeat("#", 36) + "] 100 %  293 KiB, being stored",
			}[percent]
			if columns >= 80 && want != "" && line != want {
				t.Errorf("at %d %% the line is\n%q, want\n%q", percent, line, want)
			}
		}
		p.done()
		if line := screen(out.String()); line != "" || strings.Contains(out.String(), "\n") {
			t.Errorf("in %d columns %q is left over", columns, line)
		}
	}
}

func TestProgressLines(t *testing.T) {
	for _, tt := range []struct {
		bytes []int64
		size  int64
		want  []string
	}{
		{[]int64{1, 50, 99, 100, 130, 200, 250, 399, 400}, 400, []string{
			"     up    25 %  100 B of 400 B", "     up    50 %  200 B of 400 B", "     up    99 %  399 B of 400 B", "     up   100 %  400 B of 400 B",
		}},
		{[]int64{5, 5, 5, 5}, 5, []string{"     up   100 %  5 B of 5 B"}}, // small: each percent is passed at once
		{nil, 0, nil},
	} {
		var out bytes.Buffer
		p := &progress{out: newTerminal(&out), label: "up  "}
		for _, n := range tt.bytes {
			p.report(halibut.Progress{Bytes: n, Size: tt.size})
		}
		p.done()
		got := slices.Collect(strings.Lines(out.String()))
		for i := range got {
			got[i] = strings.TrimSuffix(got[i], "\n")
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("lines\n%q, want\n%q", got, tt.want)
		}
	}
}

// TestHarmless holds that no peer writes to the terminal what it would obey.
func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"Grüße, 世界\n\tx": "Grüße, 世界\n\tx", "\x1b[2J\x07\r": `\x1b[2J\a\r`, "\u009b31m": `\u009b31m`, "\x7f": `\x7f`, "a\x00b": `a\x00b`, "at A\r\nat B": "at A\nat B",
	} {
		if got := harmless(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	trust := &halibut.TrustList{}
	trust.AllowCalls(halibut.PinOf(halibuttest.Certificate("me")))
	var services halibut.Services
	services.Handle("IEvil", "Fail", func(context.Context) error { return errors.New("bad\x1b]0;owned\x07") })
	services.Handle("IEvil", "Say", func(context.Context) (string, error) { return "\x1b[31mred", nil })
	url := "https://" + serveHalibut(t, &halibut.Options{Authorizer: trust, Services: &services})
	for _, method := range []string{"IEvil.Fail", "IEvil.Say"} {
		_, stdout, stderr := verb(t, "call", url, method, "-v", "-i", identityFile(t, "me"), "--pin", pinOf("peer"))
		if strings.ContainsAny(stdout+stderr, "\x1b\x07") || stdout+stderr == "" {
			t.Errorf("%s prints %q and %q", method, stdout, stderr)
		}
	}
}

func TestWrap(t *testing.T) {
	got := wrap("aaa bb  cc dddddddd e\nf", 6)
	if want := []string{"aaa bb", "cc", "dddddddd", "e f"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
