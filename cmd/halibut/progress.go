package main

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/halibut-go/halibut"
)

// progress shows how far a data stream has come: on a terminal a bar that
// grows in its line, elsewhere a line for each quarter.
type progress struct {
	out   *terminal
	label string

	mu      sync.Mutex // the stream reports from its connection's goroutine
	quarter int
	drawn   int // columns of the line that stands there
}

// report is what DataStream.WithProgress takes.
func (p *progress) report(at halibut.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A percent that was passed is reported with the bytes that passed it.
	percent := int(100 * float64(at.Bytes) / float64(max(at.Size, 1)))
	if p.out.columns > 0 {
		p.draw(percent, at)
	} else if quarter := percent / 25; quarter > p.quarter {
		p.quarter = quarter
		p.out.printf("     %s %3d %%  %s of %s\n", p.label, percent, size(at.Bytes), size(at.Size))
	}
}

func (p *progress) draw(percent int, at halibut.Progress) {
	head := "     " + p.label + " "
	tail := fmt.Sprintf(" %3d %%  %s of %s", percent, size(at.Bytes), size(at.Size))
	if at.Bytes == at.Size {
		tail = fmt.Sprintf(" 100 %%  %s, being stored", size(at.Size)) // takes a while, too
	}
	columns := utf8.RuneCountInString(head + tail)
	bar := ""
	if width := min(36, p.out.columns-columns-3); width >= 5 {
		full := width * percent / 100
		bar = "[" + p.out.paint(cyan, strings.Repeat("#", full)) + strings.Repeat("-", width-full) + "]"
		columns += width + 2
	}
	p.out.printf("\r%s%s%s%s", head, bar, tail, strings.Repeat(" ", max(p.drawn-columns, 0)))
	p.drawn = columns
}

// done takes the bar away, so that what came of it can stand in its place.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn > 0 {
		p.out.printf("\r%s\r", strings.Repeat(" ", min(p.drawn, p.out.columns-1)))
		p.drawn = 0
	}
}
