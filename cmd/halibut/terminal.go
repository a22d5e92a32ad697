package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// terminal is where a verb writes for people. What it writes is plain lines,
// unless it is a terminal: then there are colours and lines that change.
type terminal struct {
	io.Writer
	isTerminal bool
	colours    bool
	columns    int   // 0: no terminal that can show a bar
	err        error // the first write that failed: nobody reads any more
}

// narrowest is how many columns a bar with its numbers needs.
const narrowest = 40

// newTerminal finds out what w is.
func newTerminal(w io.Writer) *terminal {
	t := &terminal{Writer: w}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return t
	}
	t.isTerminal = true
	if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns >= narrowest {
		t.columns = columns
	}
	t.colours = wantsColours()
	return t
}

// wantsColours asks the environment: https://no-color.org. Windows' own console
// knows no escape codes unless a program switches them on.
func wantsColours() bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	return runtime.GOOS != "windows" || os.Getenv("WT_SESSION") != "" || os.Getenv("TERM") != ""
}

// Codes of ECMA-48, "Select Graphic Rendition".
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// paint is text in a style, where there are colours.
func (t *terminal) paint(style, text string) string {
	if !t.colours {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// harmless is a text that a peer may have written, without what a terminal would
// obey: control characters are shown as Go writes them.
func harmless(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n") // as texts of Windows have it
	if !strings.ContainsFunc(text, isHarmful) {
		return text
	}
	var b strings.Builder
	for _, c := range text {
		if isHarmful(c) {
			quoted := strconv.QuoteRune(c)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func isHarmful(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }

func (t *terminal) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(t, format, args...); err != nil && t.err == nil {
		t.err = fmt.Errorf("the output cannot be written: %w", err)
	}
}
