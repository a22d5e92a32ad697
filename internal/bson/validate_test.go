package bson

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// doc builds a document from the bytes of its elements.
func doc(elements ...string) []byte {
	dst, start := Begin(nil)
	for _, e := range elements {
		dst = append(dst, e...)
	}
	return End(dst, start)
}

func TestValidateAcceptsEveryType(t *testing.T) {
	inner := string(doc("\x0aa\x00"))
	whole := doc(
		"\x01d\x00\x00\x00\x00\x00\x00\x00\xf8\x7f",
		"\x02s\x00\x03\x00\x00\x00\xc3\xa9\x00",
		"\x02nul\x00\x04\x00\x00\x00a\x00b\x00",
		"\x03doc\x00"+inner,
		"\x04array\x00"+inner,
		"\x05b\x00\x02\x00\x00\x00\x80\xff\x00",
		"\x05empty\x00\x00\x00\x00\x00\x00",
		"\x08t\x00\x01", "\x08f\x00\x00",
		"\x09date\x00\x01\x02\x03\x04\x05\x06\x07\x08",
		"\x0anull\x00",
		"\x10i\x00\x01\x00\x00\x00",
		"\x12l\x00\x01\x00\x00\x00\x00\x00\x00\x00",
		"\x0a\x00", // an empty name
	)
	if err := Validate(whole, 0); err != nil {
		t.Fatal(err)
	}
	if n := NewIter(whole).Count(); n != 14 {
		t.Errorf("%d elements, want 14", n)
	}
	if allocs := testing.AllocsPerRun(10, func() {
		if err := Validate(whole, 0); err != nil {
			t.Fatal(err)
		}
		for it := NewIter(whole); it.Next(); {
			_, _ = it.Name(), it.Value()
		}
	}); allocs != 0 {
		t.Errorf("a walk allocates %v times", allocs)
	}
}

func TestValidateRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		doc    string
		offset int
		reason string
	}{
		{"nothing", "", 0, "the length of a document takes 4 bytes, 0 are left"},
		{"half a length", "\x05\x00\x00", 0, "takes 4 bytes, 3 are left"},
		{"negative length", "\xff\xff\xff\xff\x00", 0, "a document cannot have length -1"},
		{"length below an empty document's", "\x04\x00\x00\x00\x00", 0, "cannot have length 4"},
		{"longer than the bytes", "\x06\x00\x00\x00\x00", 0, "a document of length 6 does not fit into the 5 bytes left"},
		{"bytes after the document", "\x05\x00\x00\x00\x00\x00", 0, "the document says it is 5 bytes long, but there are 6"},
		{"no terminator", "\x05\x00\x00\x00\x01", 4, "a document ends in NUL, not 0x01"},
		{"early terminator", string(doc("\x00\x0aa\x00")), 4, "a document ends 4 bytes before its length says"},
		{"unknown type", string(doc("\x07id\x00123456789012")), 4, "unknown element type 0x7"},
		{"name without end", "\x08\x00\x00\x00\x0aab\x00", 5, "an element's name has no end"},
		{"name that is not UTF-8", string(doc("\x0a\xff\x00")), 5, "an element's name is not UTF-8"},
		{"short double", string(doc("\x01a\x00\x01")), 7, "the double takes 8 bytes, 1 are left"},
		{"short int32", string(doc("\x10a\x00\x01")), 7, "4 bytes, 1 are left"},
		{"missing bool", string(doc("\x08a\x00")), 7, "the bool takes 1 bytes, 0 are left"},
		{"bool of 2", string(doc("\x08a\x00\x02")), 7, "a bool is 0 or 1, not 2"},
		{"string of length 0", string(doc("\x02a\x00\x00\x00\x00\x00\x00")), 7, "a string cannot have length 0"},
		{"string without NUL", string(doc("\x02a\x00\x02\x00\x00\x00bc")), 12, "a string ends in NUL, not 0x63"},
		{"string that is too long", string(doc("\x02a\x00\x7f\x00\x00\x00bc\x00")), 7, "a string of length 127 does not fit into the 7 bytes left"},
		{"string that is not UTF-8", string(doc("\x02a\x00\x02\x00\x00\x00\xff\x00")), 11, "a string is not UTF-8"},
		{"string without a whole length", string(doc("\x02a\x00\x02\x00")), 7, "the length of a string takes 4 bytes, 2 are left"},
		{"negative binary", string(doc("\x05a\x00\xff\xff\xff\xff\x00")), 7, "a binary cannot have length -1"},
		{"binary that is too long", string(doc("\x05a\x00\x02\x00\x00\x00\x00b")), 7, "a binary of length 2 does not fit"},
		{"inner document beyond the outer", string(doc("\x03a\x00\x09\x00\x00\x00\x00")), 7, "a document of length 9 does not fit into the 5 bytes left"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Validate([]byte(test.doc), 0)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Offset != test.offset || !strings.Contains(e.Reason, test.reason) {
				t.Errorf("at byte %d: %q; want at byte %d: %q", e.Offset, e.Reason, test.offset, test.reason)
			}
			if !strings.HasPrefix(err.Error(), "bson: at byte ") {
				t.Errorf("the text is %q", err)
			}
		})
	}
}

// nested is n documents in one another.
func nested(n int) []byte {
	inner := doc()
	for range n - 1 {
		inner = doc("\x03a\x00" + string(inner))
	}
	return inner
}

func TestDepthIsCapped(t *testing.T) {
	for _, test := range []struct {
		depth, limit int
		ok           bool
	}{
		{1, 1, true}, {2, 1, false}, {100, 0, true}, {101, 0, false}, {100, -1, true}, {200, 200, true},
	} {
		err := Validate(nested(test.depth), test.limit)
		if (err == nil) != test.ok {
			t.Errorf("depth %d, limit %d: %v", test.depth, test.limit, err)
		}
		if err != nil && !strings.Contains(err.Error(), "nest deeper than") {
			t.Errorf("depth %d: %v", test.depth, err)
		}
	}
}

// No prefix of a document is a document, and none makes an iterator panic.
func TestEveryCutIsRefused(t *testing.T) {
	whole := doc("\x02s\x00\x02\x00\x00\x00a\x00", "\x03d\x00"+string(doc("\x12l\x00\x01\x00\x00\x00\x00\x00\x00\x00")), "\x05b\x00\x01\x00\x00\x00\x04x")
	if err := Validate(whole, 0); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if Validate(whole[:n], 0) == nil {
			t.Errorf("the first %d bytes are accepted", n)
		}
		walk(whole[:n])
	}
}

// walk visits everything that an iterator finds.
func walk(doc []byte) (elements int) {
	for it := NewIter(doc); it.Next(); {
		elements++
		if v := it.Value(); v.Type == Document || v.Type == Array {
			elements += walk(v.Data)
		}
	}
	return elements
}

func TestIterEndsOnMalformedBytes(t *testing.T) {
	for _, malformed := range []string{
		"", "\x05", "\x00\x00\x00\x00\x07a\x00", "\x00\x00\x00\x00\x0aname",
		"\x00\x00\x00\x00\x02a\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x02a\x00\x01\x00",
		"\x00\x00\x00\x00\x05a\x00\xff\xff\xff\xff\x00", "\x00\x00\x00\x00\x03a\x00\x04\x00\x00\x00\x00",
		"\x00\x00\x00\x00\x04a\x00\x7f\x00\x00\x00\x00", "\x00\x00\x00\x00\x12a\x00\x01",
	} {
		it := NewIter([]byte(malformed))
		if it.Next() {
			t.Errorf("%q has an element %q", malformed, it.Name())
		}
	}
}

func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		"0500000000", "0e0000000a4d65737361676500" + "00",
		hex.EncodeToString(nested(5)),
		hex.EncodeToString(doc("\x02s\x00\x02\x00\x00\x00a\x00", "\x05b\x00\x01\x00\x00\x00\x04x", "\x08t\x00\x01", "\x01d\x0012345678")),
	} {
		b, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, recorded := range recordedValues(f) {
		f.Add(recorded)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		walk(b) // whatever the bytes are
		if Validate(b, 0) != nil {
			return
		}
		if again := rebuild(b); !bytes.Equal(again, b) {
			t.Errorf("%x is rebuilt as %x", b, again)
		}
	})
}

func TestValidateTellsOfIDs(t *testing.T) {
	guid := "\x10\x00\x00\x00\x04" + "0123456789abcdef"
	for _, test := range []struct {
		element string
		want    bool
	}{
		{"\x05id\x00" + guid, true},
		{"\x05ID\x00" + guid, true},
		{"\x03d\x00" + string(doc("\x04a\x00"+string(doc("\x030\x00"+string(doc("\x05iD\x00"+guid)))))), true},
		{"\x05activityId\x00" + guid, false},
		{"\x05is\x00" + guid, false},
		{"\x05id\x00\x10\x00\x00\x00\x00" + "0123456789abcdef", false},
		{"\x05id\x00\x01\x00\x00\x00\x04x", false},
		{"\x05id\x00\x00\x00\x00\x00\x04", false},
		{"\x02id\x00\x02\x00\x00\x00a\x00", false},
		{"\x0aid\x00", false},
	} {
		ids, err := ValidateIDs(doc(test.element), 0)
		if err != nil || ids != test.want {
			t.Errorf("%q: %v, %v", test.element, ids, err)
		}
	}
}

func TestNextNamedFindsWhatNextFinds(t *testing.T) {
	whole := doc("\x02s\x00\x02\x00\x00\x00a\x00", "\x0aname\x00", "\x08\x00\x01", "\x10n\x00\x01\x00\x00\x00")
	for _, expected := range []string{"s", "name", "", "n", "nam", "names", "other"} {
		plain := NewIter(whole)
		for it := NewIter(whole); ; {
			more, named := it.NextNamed(expected)
			if more != plain.Next() {
				t.Fatalf("%q: one of them ends before the other", expected)
			}
			if !more {
				break
			}
			if !it.Skip() || string(it.Name()) != string(plain.Name()) || string(it.Value().Data) != string(plain.Value().Data) || it.Value().Type != plain.Value().Type {
				t.Fatalf("%q: found %q, want %q", expected, it.Name(), plain.Name())
			}
			if named != (string(it.Name()) == expected) {
				t.Errorf("%q and %q are one name: %v", it.Name(), expected, named)
			}
		}
	}
}
