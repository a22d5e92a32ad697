package proxyproto

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

func header(t testing.TB, rest string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(signature), b...)
}

// The bytes are those of section 2.2 of the PROXY protocol's specification.
func TestRead(t *testing.T) {
	for name, tt := range map[string]struct {
		rest, want string
	}{
		"TCP over IPv4":       {"21 11 000c c0000201 c6336401 d431 01bb", "192.0.2.1:54321"},
		"TCP over IPv6":       {"21 21 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 d431 01bb", "[2001:db8::1]:54321"},
		"IPv4 inside of IPv6": {"21 21 0024 00000000000000000000ffffc0000201 00000000000000000000ffffc0000202 d431 01bb", "192.0.2.1:54321"},
		"with extensions":     {"21 11 0011 c0000201 c6336401 d431 01bb 0400020000", "192.0.2.1:54321"},
		"a health check":      {"20 00 0000", ""},
		"a local one":         {"20 11 000c c0000201 c6336401 d431 01bb", ""},
		"a Unix socket":       {"21 31 0004 00000000", ""},
		"unspecified":         {"21 00 0000", ""},
	} {
		source := io.MultiReader(iotest.OneByteReader(bytes.NewReader(header(t, tt.rest))), strings.NewReader("next"))
		got, err := Read(source)
		if err != nil || got.IsValid() != (tt.want != "") || tt.want != "" && got != netip.MustParseAddrPort(tt.want) {
			t.Errorf("%s: %s, %v, want %s", name, got, err, tt.want)
		}
		if rest, err := io.ReadAll(source); err != nil || string(rest) != "next" {
			t.Errorf("%s: %q is left, %v", name, rest, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for want, bytesOf := range map[string][]byte{
		"does not begin with": []byte("PROXY TCP4 192.0.2.1 198.51.100.1 54321 443\r\n"),
		"version 1":           header(t, "11 11 000c c0000201 c6336401 d431 01bb"),
		"unknown command 2":   header(t, "22 11 000c c0000201 c6336401 d431 01bb"),
		"12 are due":          header(t, "21 11 0004 c0000201"),
		"at most 4096":        header(t, "21 11 ffff"),
		"ended inside":        header(t, "21 11 000c c0000201"),
		"unexpected EOF":      []byte("\r\n\r\n"),
		"EOF":                 {},
	} {
		if got, err := Read(bytes.NewReader(bytesOf)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s, %v, want %q", got, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(header(f, "21 11 000c c0000201 c6336401 d431 01bb"))
	f.Add(header(f, "21 21 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 d431 01bb"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		if _, err := Read(r); err == nil && len(b)-r.Len() > fixedSize+maxSize {
			t.Errorf("read %d bytes", len(b)-r.Len())
		}
	})
}
