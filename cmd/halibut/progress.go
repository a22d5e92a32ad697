package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/halibut-go/halibut"
)

// progress shows how far a data stream has come: on a terminal a bar that
// grows in its line, elsewhere a line for each quarter.
type progress struct {
	out   *terminal
	label string
	begun time.Time // if not zero, rate and time left are shown

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
		p.out.printf("     %s %3d %%  %s of %s%s\n", p.label, percent, size(at.Bytes), size(at.Size), p.pace(at))
	}
}

func (p *progress) draw(percent int, at halibut.Progress) {
	head := "     " + p.label + " "
	tail := fmt.Sprintf(" %3d %%  %s of %s%s", percent, size(at.Bytes), size(at.Size), p.pace(at))
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

// connected begins to measure: a service that polls may have been waited for.
func (p *progress) connected(halibut.Connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = time.Now()
}

func (p *progress) took() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.begun)
}

// pace is how fast it goes, and how long it will take at that rate.
func (p *progress) pace(at halibut.Progress) string {
	took := time.Since(p.begun)
	if p.begun.IsZero() || at.Bytes == 0 || took <= 0 {
		return ""
	}
	text := ", " + rate(at.Bytes, took)
	if left := at.Size - at.Bytes; left > 0 {
		text += ", " + duration(time.Duration(float64(took)/float64(at.Bytes)*float64(left))) + " left"
	}
	return text
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
