package main

import (
	"slices"
	"strings"
)

// style is how a character is shown.
type style struct {
	bold, dim bool
	colour    string // "" is that of plain text
}

type cell struct {
	char  rune
	style style
}

// screen is what stands on a terminal that knows what the command uses: lines,
// returns to their beginnings, and colours.
type screen struct {
	lines  [][]cell
	column int
	style  style
	rest   string // of an escape sequence that is not complete yet
}

func (s *screen) copy() *screen {
	c := *s
	c.lines = make([][]cell, len(s.lines))
	for i, line := range s.lines {
		c.lines[i] = slices.Clone(line)
	}
	return &c
}

func (s *screen) write(text string) {
	text, s.rest = s.rest+text, ""
	for len(text) > 0 {
		if text[0] == '\x1b' {
			end := strings.IndexAny(text, "mKhl")
			if end < 0 {
				s.rest = text
				return
			}
			if text[end] == 'm' {
				s.restyle(strings.TrimPrefix(text[:end], "\x1b["))
			}
			text = text[end+1:]
			continue
		}
		for _, c := range text {
			s.put(c)
			text = text[len(string(c)):]
			break
		}
	}
}

func (s *screen) put(c rune) {
	if len(s.lines) == 0 {
		s.lines = append(s.lines, nil)
	}
	switch c {
	case '\r':
		s.column = 0
		return
	case '\n':
		s.lines = append(s.lines, nil)
		return
	}
	line := &s.lines[len(s.lines)-1]
	for len(*line) <= s.column {
		*line = append(*line, cell{char: ' '})
	}
	(*line)[s.column] = cell{c, s.style}
	s.column++
}

var colours = map[string]string{"31": "red", "32": "green", "33": "yellow", "36": "cyan"}

// restyle obeys "Select Graphic Rendition" of ECMA-48.
func (s *screen) restyle(codes string) {
	for code := range strings.SplitSeq(codes, ";") {
		switch code {
		case "", "0":
			s.style = style{}
		case "1":
			s.style.bold = true
		case "2":
			s.style.dim = true
		default:
			if colour, ok := colours[code]; ok {
				s.style.colour = colour
			}
		}
	}
}
