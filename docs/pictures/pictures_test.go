package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestScreen(t *testing.T) {
	var s screen
	for _, text := range []string{"one\r\nsent 10 %\r", "sent 9\x1b[3", "1m!\x1b[0m\r\n\x1b[2mµ\x1b[0m\r\n"} {
		s.write(text)
	}
	var lines []string
	for _, line := range s.trimmed() {
		lines = append(lines, plain(line))
	}
	if got, want := strings.Join(lines, "|"), "one|sent 9! %|µ"; got != want {
		t.Errorf("the screen shows %q, want %q", got, want)
	}
	if got := s.lines[1][6].style.colour; got != "red" {
		t.Errorf("the ! is %q, want red", got)
	}
	if got := s.lines[2][0].style; !got.dim || got.bold {
		t.Errorf("the last line's style is %v", got)
	}
}

// checkWellFormed reads an SVG to its end, and returns its texts.
func checkWellFormed(t *testing.T, svg []byte) string {
	t.Helper()
	var texts strings.Builder
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := token.(xml.CharData); ok {
			texts.Write(data)
		}
	}
}

func TestDraw(t *testing.T) {
	first, last := &screen{}, &screen{}
	first.write("$ halibut <demo>\r\n 10 %")
	last.write("$ halibut <demo>\r\n\x1b[32mok & done\x1b[0m\r\n")
	texts := checkWellFormed(t, draw([]frame{{0, first}, {time.Second, last}}))
	for _, want := range []string{"halibut <demo>", "10 %", "ok & done", "animation: 5.00s", "20.00% { visibility: hidden }", "prefers-reduced-motion"} {
		if !strings.Contains(texts, want) {
			t.Errorf("the picture has no %q: %s", want, texts)
		}
	}
	if texts := checkWellFormed(t, draw([]frame{{0, last}})); strings.Contains(texts, "animation") {
		t.Error("a single screen moves")
	}
}

// TestPictures holds that README.md's pictures are there and show what they are for.
func TestPictures(t *testing.T) {
	for name, wants := range map[string][]string{
		"doctor.svg":    {"halibut doctor https://localhost:10933", "can be used.", "FAIL", "wrong-certificate"},
		"send-file.svg": {"halibut send-file", " left", "the same on both sides"},
	} {
		svg, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts := checkWellFormed(t, svg)
		for _, want := range wants {
			if !strings.Contains(texts, want) {
				t.Errorf("%s does not show %q", name, want)
			}
		}
	}
}
