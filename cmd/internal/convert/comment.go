package convert

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// summary is the text of a documentation comment's summary, in lines.
func summary(doc string) []string {
	if doc == "" {
		return nil
	}
	decoder := xml.NewDecoder(strings.NewReader("<doc>" + doc + "</doc>"))
	decoder.Strict = false
	var text strings.Builder
	inside := 0
	for {
		token, err := decoder.Token()
		if err != nil {
			if err != io.EOF {
				return nil // not the comment it looks like
			}
			return wrapped(text.String())
		}
		switch element := token.(type) {
		case xml.StartElement:
			if element.Name.Local == "summary" || inside > 0 {
				inside++
			}
			if inside > 0 {
				text.WriteString(reference(element))
			}
		case xml.EndElement:
			inside = max(0, inside-1)
		case xml.CharData:
			if inside > 0 {
				text.Write(element)
			}
		}
	}
}

// reference is the text of an empty element that names something.
func reference(element xml.StartElement) string {
	switch element.Name.Local {
	case "para", "br":
		return "\n\n"
	}
	for _, attribute := range element.Attr {
		switch attribute.Name.Local {
		case "cref", "name", "langword":
			return lastName(strings.TrimSpace(attribute.Value))
		}
	}
	return ""
}

// wrapped drops the white space of the source around lines. A line that gofmt
// would take for a directive or a heading gets no chance to be one.
func wrapped(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(line), " ")
		if line == "" && (len(lines) == 0 || lines[len(lines)-1] == "") {
			continue
		}
		lines = append(lines, strings.TrimLeft(line, "# "))
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// writeDoc adds a summary to a comment that has begun.
func writeDoc(w *bytes.Buffer, indent, doc string) {
	lines := summary(doc)
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "%s//\n", indent)
	for _, line := range lines {
		fmt.Fprintf(w, "%s// %s\n", indent, line)
	}
}
