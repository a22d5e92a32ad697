package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// members reads the members of the protocol's own documents and keeps the
// first error, so that a parser is one switch. Null reads as the zero value.
type members struct{ err error }

// wrong says whether v is of another kind than wanted, and notes it.
func (m *members) wrong(name string, v Raw, want Kind) bool {
	if v.Type == want {
		return false
	}
	m.fail(name, fmt.Errorf("want %s, found %s", withArticle(want), withArticle(v.Type)))
	return true
}

func (m *members) fail(name string, err error) {
	if m.err == nil {
		m.err = fmt.Errorf("member %q: %w", name, err)
	}
}

func (m *members) text(name string, v Raw) string {
	if v.IsNull() || m.wrong(name, v, KindString) {
		return ""
	}
	return string(v.Text())
}

// known is text that most often is the one that is expected, and then is not
// copied.
func (m *members) known(name string, v Raw, expected string) string {
	if v.Type == KindString && string(v.Text()) == expected {
		return expected
	}
	return m.text(name, v)
}

// name is the text of a name, which comes again and again.
func (m *members) name(member string, v Raw) string {
	if v.IsNull() || m.wrong(member, v, KindString) {
		return ""
	}
	return intern(v.Text())
}

func (m *members) bool(name string, v Raw) bool {
	if v.IsNull() || m.wrong(name, v, KindBool) {
		return false
	}
	return v.Bool()
}

func (m *members) int32(name string, v Raw) int32 {
	if v.IsNull() {
		return 0
	}
	n, ok := v.Integer()
	if !ok {
		m.wrong(name, v, KindInt32)
		return 0
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		m.fail(name, fmt.Errorf("%d does not fit into 32 bits", n))
		return 0
	}
	return int32(n)
}

func (m *members) span(name string, v Raw) TimeSpan {
	if v.IsNull() || m.wrong(name, v, KindString) {
		return 0
	}
	t, err := ParseTimeSpan(string(v.Text()))
	if err != nil {
		m.fail(name, err)
	}
	return t
}

// foldEqual compares a member's name as .NET does, without case. The exact
// name is the common case and costs one comparison.
func foldEqual(name []byte, want string) bool {
	return len(name) == len(want) && (string(name) == want || bytes.EqualFold(name, []byte(want)))
}

// endString finishes text that was appended after a length reserved at start.
func endString(dst []byte, start int) []byte {
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// withArticle names a kind in a sentence: an int32, a string.
func withArticle(k Kind) string {
	switch k {
	case KindInt32, KindInt64, KindArray:
		return "an " + k.String()
	}
	return "a " + k.String()
}
