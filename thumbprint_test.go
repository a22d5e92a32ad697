package halibut

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	aliceSHA1   = "36F35047CE8B000CF4C671819A2DD1AFCDE3403D"
	emptySHA1   = "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"
	abcSHA1     = "A9993E364706816ABA3E25717850C26C9CD0D89D"
	abcSHA256   = "SHA256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
	otherSHA256 = "SHA256:0000000000000000000000000000000000000000000000000000000000000001"
)

func mustPin(t testing.TB, text string) Pin {
	t.Helper()
	pin, err := ParsePin(text)
	if err != nil {
		t.Fatal(err)
	}
	return pin
}

func TestParsePin(t *testing.T) {
	colons := strings.TrimSuffix(strings.ReplaceAll(aliceSHA1, "", ":"), ":")[1:]
	tests := map[string]string{
		aliceSHA1:                            aliceSHA1,
		strings.ToLower(aliceSHA1):           aliceSHA1,
		"  " + aliceSHA1 + "\r\n":            aliceSHA1,
		"\u200e" + aliceSHA1:                 aliceSHA1, // copied from Windows' dialog
		colons:                               aliceSHA1,
		strings.ReplaceAll(colons, ":", " "): aliceSHA1,
		strings.ReplaceAll(colons, ":", "-"): aliceSHA1,
		abcSHA256:                            abcSHA256,
		strings.ToLower(abcSHA256):           abcSHA256,
	}
	for text, want := range tests {
		pin, err := ParsePin(text)
		if err != nil || pin.String() != want {
			t.Errorf("ParsePin(%q) = %q, %v", text, pin, err)
		}
	}
}

func TestParsePinRefuses(t *testing.T) {
	tests := map[string]string{
		"":                        "empty",
		" \t":                     "empty",
		"\u200e":                  "empty",
		"SHA256:":                 "0 hexadecimal digits",
		aliceSHA1[1:]:             "39 hexadecimal digits: a SHA-1 thumbprint has 40",
		aliceSHA1 + "0":           "41 hexadecimal digits",
		"SHA256:" + aliceSHA1:     "a SHA-256 pin has 64",
		abcSHA256[7:]:             "write SHA256: in front",
		"G" + aliceSHA1[1:]:       `'G'`,
		abcSHA256 + abcSHA256[7:]: "128 hexadecimal digits",
		"SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0": `'u'`,
		strings.Repeat("0", 1e6):                             "...",
	}
	for text, want := range tests {
		pin, err := ParsePin(text)
		if err == nil {
			t.Errorf("ParsePin(%.80q) = %q, want an error", text, pin)
			continue
		}
		if !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("ParsePin(%.80q): %q, want it to hold %q", text, err, want)
		}
		if !pin.IsZero() {
			t.Errorf("ParsePin(%.80q) gave %q beside its error", text, pin)
		}
	}
}

func TestPinMatches(t *testing.T) {
	abc := []byte("abc")
	for _, text := range []string{abcSHA1, abcSHA256} {
		pin := mustPin(t, text)
		if !pin.Matches(abc) {
			t.Errorf("%s does not match", pin)
		}
		if pin.Matches([]byte("abd")) || pin.Matches(nil) {
			t.Errorf("%s matches other bytes", pin)
		}
	}
	if PinSHA1(abc) != mustPin(t, abcSHA1) || PinSHA256(abc) != mustPin(t, abcSHA256) {
		t.Error("pins of the same digest are not equal")
	}
	if PinSHA1(abc) == PinSHA256(abc) {
		t.Error("pins of different digests are equal")
	}
	var zero Pin
	if zero.Matches(abc) || zero.Matches(nil) || !zero.IsZero() || zero.String() != "" {
		t.Errorf("the zero Pin matches, or is %q", zero)
	}
	if mustPin(t, emptySHA1).Matches(nil) || !PinSHA1(nil).IsZero() || !PinSHA256(nil).IsZero() {
		t.Error("no certificate has a pin")
	}
}

func TestPinText(t *testing.T) {
	type config struct {
		Pins  []Pin
		Map   map[Pin]int
		Unset Pin
	}
	want := config{
		Pins: []Pin{mustPin(t, abcSHA1), mustPin(t, abcSHA256)},
		Map:  map[Pin]int{mustPin(t, abcSHA1): 1},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got config
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Pin{})); diff != "" {
		t.Error(diff)
	}
	if err := json.Unmarshal([]byte(`{"Unset":"xyz"}`), &got); err == nil || !got.Unset.IsZero() {
		t.Errorf("a wrong text gave %v, %v", got.Unset, err)
	}

	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "pin", want.Pins[0])
	if !strings.Contains(log.String(), "pin="+abcSHA1) {
		t.Errorf("logged %s", log.String())
	}
}

func FuzzParsePin(f *testing.F) {
	for _, text := range []string{aliceSHA1, abcSHA256, "", "SHA256:", "\u200e36 F3", "sha256:-:"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pin, err := ParsePin(text)
		if err != nil {
			return
		}
		again, err := ParsePin(pin.String())
		if err != nil || again != pin {
			t.Errorf("%q became %q, then %q, %v", text, pin, again, err)
		}
	})
}

func TestPinAllocations(t *testing.T) {
	pin, der := mustPin(t, abcSHA1), []byte("abc")
	if n := testing.AllocsPerRun(100, func() { pin.Matches(der) }); n > 0 {
		t.Errorf("Matches allocates %v times", n)
	}
}
