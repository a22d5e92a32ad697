package wire

import "strings"

// textual marshals to text with pointer receivers.
type textual struct{ a, b string }

func (x *textual) MarshalText() ([]byte, error) { return []byte(x.a + "/" + x.b), nil }

func (x *textual) UnmarshalText(text []byte) error {
	x.a, x.b, _ = strings.Cut(string(text), "/")
	return nil
}
