package halibut

import (
	"fmt"
	"slices"
	"strings"
)

// Page is the page that a browser gets, so that a person who tries the port
// sees that something is there.
type Page struct {
	HTML    string            // "": a greeting
	Headers map[string]string // further headers, such as Strict-Transport-Security
}

// response is the page as it is sent. Content-Length counts bytes, where the
// reference counts characters (docs/protocol.md section 1.3).
func (p Page) response() ([]byte, error) {
	html := p.HTML
	if html == "" {
		html = "<html><body><p>Hello!</p></body></html>"
	}
	b := fmt.Appendf(nil, "HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n", len(html))
	names := make([]string, 0, len(p.Headers))
	for name := range p.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, ":\r\n ") || strings.ContainsAny(p.Headers[name], "\r\n") {
			return nil, fmt.Errorf("halibut: Options.Page: %q is no header of one line", name)
		}
		b = fmt.Appendf(b, "%s: %s\r\n", name, p.Headers[name])
	}
	return fmt.Appendf(b, "\r\n%s\r\n\r\n", html), nil
}
