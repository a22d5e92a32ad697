package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Measures in pixels.
const (
	cellWidth, cellHeight = 8.4, 20.0
	margin, bar           = 16.0, 28.0
)

const styles = `
text { font: 14px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #d8dee9 }
.dim { fill: #7b8494 } .bold { font-weight: bold }
.red { fill: #f2777a } .green { fill: #8fd18f } .yellow { fill: #ebcb8b } .cyan { fill: #7fc8e8 }
`

// held is how long the last frame stands before it all begins again.
const held = 4 * time.Second

// draw makes an SVG of a terminal. Several frames become a film with the times that
// they had; who wants no motion sees the last one.
func draw(frames []frame) []byte {
	last := frames[len(frames)-1].screen
	height := 0
	for _, f := range frames {
		height = max(height, len(f.screen.trimmed()))
	}
	w, h := columns*cellWidth+2*margin, float64(height)*cellHeight+2*margin+bar
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n", w, h, w, h)
	fmt.Fprintf(&b, "<!-- Made by go run ./docs/pictures. -->\n<title>%s</title>\n<style>%s%s</style>\n", escape(title(last)), styles, film(frames))
	fmt.Fprintf(&b, "<rect width=\"%.0f\" height=\"%.0f\" rx=\"8\" fill=\"#20252e\"/>\n", w, h)
	for i, colour := range []string{"#f2777a", "#ebcb8b", "#8fd18f"} {
		fmt.Fprintf(&b, "<circle cx=\"%.0f\" cy=\"%.0f\" r=\"5\" fill=\"%s\"/>\n", margin+6+float64(i)*18, bar/2+4, colour)
	}
	for i, f := range frames {
		fmt.Fprintf(&b, "<g class=\"f f%d\">\n", i)
		drawScreen(&b, f.screen)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// film shows one frame after another.
func film(frames []frame) string {
	if len(frames) == 1 {
		return ""
	}
	begun, end := frames[0].at, frames[len(frames)-1].at+held
	whole := end - begun
	var b strings.Builder
	fmt.Fprintf(&b, ".f { visibility: hidden; animation: %.2fs step-end infinite }\n", whole.Seconds())
	for i, f := range frames {
		from := 100 * float64(f.at-begun) / float64(whole)
		to := 100.0
		if i+1 < len(frames) {
			to = 100 * float64(frames[i+1].at-begun) / float64(whole)
		}
		fmt.Fprintf(&b, ".f%d { animation-name: k%d } @keyframes k%d { 0%% { visibility: %s }", i, i, i, visible(from == 0))
		if from > 0 {
			fmt.Fprintf(&b, " %.2f%% { visibility: visible }", from)
		}
		if to < 100 {
			fmt.Fprintf(&b, " %.2f%% { visibility: hidden }", to)
		}
		b.WriteString(" }\n")
	}
	fmt.Fprintf(&b, "@media (prefers-reduced-motion: reduce) { .f { animation: none } .f%d { visibility: visible } }\n", len(frames)-1)
	return b.String()
}

func visible(yes bool) string {
	if yes {
		return "visible"
	}
	return "hidden"
}

// trimmed are the lines without what is blank at the end.
func (s *screen) trimmed() [][]cell {
	lines := make([][]cell, len(s.lines))
	for i, line := range s.lines {
		for len(line) > 0 && line[len(line)-1].char == ' ' {
			line = line[:len(line)-1]
		}
		lines[i] = line
	}
	for len(lines) > 0 && len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// drawScreen writes a text for each run of one style.
func drawScreen(b *bytes.Buffer, s *screen) {
	for row, line := range s.trimmed() {
		y := bar + margin + (float64(row)+0.75)*cellHeight
		for at := 0; at < len(line); {
			end := at
			var text strings.Builder
			for end < len(line) && line[end].style == line[at].style {
				text.WriteRune(line[end].char)
				end++
			}
			if strings.TrimSpace(text.String()) != "" {
				fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\" textLength=\"%.1f\"%s xml:space=\"preserve\">%s</text>\n",
					margin+float64(at)*cellWidth, y, float64(end-at)*cellWidth, line[at].style.class(), escape(text.String()))
			}
			at = end
		}
	}
}

func (s style) class() string {
	var classes []string
	if s.dim {
		classes = append(classes, "dim")
	}
	if s.bold {
		classes = append(classes, "bold")
	}
	if s.colour != "" {
		classes = append(classes, s.colour)
	}
	if len(classes) == 0 {
		return ""
	}
	return ` class="` + strings.Join(classes, " ") + `"`
}

// title is what is read out: the commands.
func title(s *screen) string {
	var commands []string
	for _, line := range s.lines {
		text := strings.TrimSpace(plain(line))
		if command, ok := strings.CutPrefix(text, "$ "); ok {
			commands = append(commands, command)
		}
	}
	return strings.Join(slices.Compact(commands), "; ")
}

func plain(line []cell) string {
	var b strings.Builder
	for _, c := range line {
		b.WriteRune(c.char)
	}
	return b.String()
}

func escape(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return b.String()
}
