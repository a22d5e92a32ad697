package main

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// The picture shows each comparison of calls as a panel of bars: how many times
// as long as the yardstick a call takes, with the spread over the rounds.
const (
	panelWidth  = 460
	panelGap    = 24
	barHeight   = 18
	titleHeight = 34
	labelWidth  = 190
	valueWidth  = 60
	margin      = 16
	mostShown   = 40.0 // longer bars are cut
)

type picture struct{ strings.Builder }

// draw writes the picture as SVG.
func (r *report) draw(w io.Writer) error {
	var p picture
	columns := [2]int{}
	var panels strings.Builder
	for _, c := range r.Comparisons {
		column := 0
		if columns[1] < columns[0] {
			column = 1
		}
		p.Reset()
		height := p.panel(c)
		fmt.Fprintf(&panels, "<g transform=\"translate(%d %d)\">\n%s</g>\n", margin+column*(panelWidth+panelGap), 64+columns[column], p.String())
		columns[column] += height + panelGap
	}
	width, height := 2*margin+2*panelWidth+panelGap, 64+max(columns[0], columns[1])
	p.Reset()
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="system-ui, sans-serif" font-size="12">`, width, height, width, height)
	p.add(`<rect width="100%%" height="100%%" fill="#ffffff"/>`)
	p.text(margin, 26, `font-size="17" font-weight="600" fill="#1f2328"`, "How long it takes, in times of bare TLS (shorter is faster)")
	p.text(margin, 46, `fill="#59636e"`, r.Machine.String()+fmt.Sprintf("; %d rounds, the thin lines are the fastest and the slowest", r.Rounds))
	p.WriteString(panels.String())
	p.add(`</svg>`)
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *picture) add(format string, args ...any) {
	fmt.Fprintf(&p.Builder, format, args...)
	p.WriteByte('\n')
}

func (p *picture) text(x, y float64, style, text string) {
	p.add(`<text x="%.1f" y="%.1f" %s>%s</text>`, x, y, style, html.EscapeString(text))
}

// panel draws one comparison and returns its height.
func (p *picture) panel(c comparisonReport) int {
	longest := 1.0
	for _, r := range c.Results {
		longest = max(longest, spreadOf(r.Ratios).High)
	}
	longest = min(longest, mostShown)
	scale := (panelWidth - labelWidth - valueWidth) / longest
	p.text(0, 16, `font-weight="600" fill="#1f2328"`, c.Title)
	for i, r := range c.Results {
		p.bar(titleHeight-8+float64(i*barHeight), scale, r, c.Unit)
	}
	height := titleHeight + len(c.Results)*barHeight
	x := labelWidth + scale
	p.add(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#59636e" stroke-dasharray="2 2"/>`, x, titleHeight-10, x, height-8)
	return height
}

func (p *picture) bar(y, scale float64, r result, unit string) {
	s := spreadOf(r.Ratios)
	fill := "#8c959f"
	switch {
	case r.Peer == unit:
		fill = "#d0d7de"
	case strings.HasPrefix(r.Peer, "Halibut"):
		fill = "#0969da"
	}
	shown := math.Min(s.Median, mostShown)
	p.text(labelWidth-6, y+12, `text-anchor="end" fill="#1f2328"`, r.Peer)
	p.add(`<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>`, labelWidth, y+2, shown*scale, barHeight-5, fill)
	low, high := math.Min(s.Low, mostShown), math.Min(s.High, mostShown)
	p.add(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#1f2328"/>`, labelWidth+low*scale, y+8.5, labelWidth+high*scale, y+8.5)
	label := fmt.Sprintf("%.2f", s.Median)
	if s.Median > mostShown {
		label = fmt.Sprintf("→ %.0f", s.Median)
	}
	p.text(labelWidth+math.Max(shown, high)*scale+5, y+12, `fill="#1f2328"`, label)
}
