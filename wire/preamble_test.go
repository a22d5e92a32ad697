package wire

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadPreamble(t *testing.T) {
	page := "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, test := range []struct {
		name, in string
		want     Preamble
		rest     string
	}{
		{"as Windows writes it", "MX\r\n\r\nMX-CLIENT 1.0\r\n\r\n", PreambleHalibut, "MX-CLIENT 1.0\r\n\r\n"},
		{"as Linux writes it", "MX\n\nMX-CLIENT 1.0\r\n\r\n", PreambleHalibut, "MX-CLIENT 1.0\r\n\r\n"},
		{"with more in it", "MX and\r\nsome\r\n\r\nrest", PreambleHalibut, "rest"},
		{"returns are ignored", "\rM\rX\n\r\n\r\n", PreambleHalibut, "\r\n"},
		{"the end instead of a blank line", "MX\r\n", PreambleHalibut, ""},
		{"nothing", "", PreambleEmpty, ""},
		{"only returns", "\r\r", PreambleEmpty, ""},
		{"a browser", page + "body", PreambleOther, "body"},
		{"the hello of discovery", "HELLO\r\n\r\n", PreambleOther, ""},
		{"line ends alone", "\n\nrest", PreambleOther, "rest"},
		{"half of it", "M", PreambleOther, ""},
		{"a long head", strings.Repeat("x", 9000), PreambleOther, strings.Repeat("x", 9000-DefaultPreambleLimit)},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, source := range []io.Reader{strings.NewReader(test.in), iotest.OneByteReader(strings.NewReader(test.in))} {
				r := NewReader(source, nil)
				got, err := r.ReadPreamble()
				if got != test.want || err != nil {
					t.Fatalf("%v, %v", got, err)
				}
				wantRest(t, r, test.rest)
			}
		})
	}
}

func TestReadPreambleRefuses(t *testing.T) {
	var limit *LimitError
	for limits, want := range map[Limits]int64{{}: DefaultPreambleLimit, {Preamble: 100}: 100, {Preamble: -1}: dotnetPreambleLimit} {
		_, err := readerOn(t, []byte("MX"+strings.Repeat("x\n", 20_000)), &ReaderOptions{Limits: limits}).ReadPreamble()
		if !errors.As(err, &limit) || limit.Limit != want {
			t.Errorf("a preamble without a blank line: %v", err)
		}
	}
	broken := errors.New("reset")
	if _, err := NewReader(iotest.ErrReader(broken), nil).ReadPreamble(); err != broken {
		t.Errorf("%v", err)
	}
}

func TestPreambleSaysWhatItIs(t *testing.T) {
	if s := PreambleEmpty.String() + " " + PreambleHalibut.String() + " " + PreambleOther.String(); s != "empty Halibut other" {
		t.Error(s)
	}
}

func FuzzReadPreamble(f *testing.F) {
	for _, side := range recordedSides(f) {
		f.Add(side.data[:min(len(side.data), 100)])
	}
	f.Add([]byte(PreambleText))
	f.Add([]byte("GET / HTTP/1.0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		source := strings.NewReader(string(stream))
		r := NewReader(source, nil)
		defer r.Close()
		kind, err := r.ReadPreamble()
		consumed := string(stream[:len(stream)-source.Len()-r.Buffered()])
		text := strings.ReplaceAll(consumed, "\r", "")
		if want := strings.HasPrefix(text, "MX"); want != (kind == PreambleHalibut) {
			t.Fatalf("%q is %v", consumed, kind)
		}
		if err != nil {
			return
		}
		blank := strings.Index(text, "\n\n")
		switch {
		case blank >= 0 && blank != len(text)-2:
			t.Fatalf("%q goes beyond the blank line", consumed)
		case blank < 0 && len(consumed) != len(stream) && len(consumed) != DefaultPreambleLimit:
			t.Fatalf("%q ends early", consumed)
		}
	})
}
