package bson

import (
	"strings"
	"testing"

	mongo "go.mongodb.org/mongo-driver/v2/bson"
)

func TestAppendedDocumentIsWhatTheSecondOpinionWrites(t *testing.T) {
	inner, start := Begin(nil)
	inner = AppendIndexHeader(inner, Bool, 0)
	inner = AppendBoolData(inner, true)
	inner = AppendIndexHeader(inner, Bool, 10)
	inner = AppendBoolData(inner, false)
	inner = End(inner, start)

	dst, start := Begin([]byte("before"))
	dst = AppendString(dst, "s", "é")
	dst = AppendInt32(dst, "i", -1)
	dst = AppendInt64(dst, "l", 1<<40)
	dst = AppendBool(dst, "b", true)
	dst = AppendNull(dst, "n")
	dst = AppendBinary(dst, "bin", SubtypeBytes, []byte{1, 2})
	dst = AppendDoubleData(AppendHeader(dst, Double, "d"), 1.5)
	dst = AppendValue(dst, "a", Value{Type: Array, Data: inner})
	dst = AppendValue(dst, "zero", Value{})
	dst = End(dst, start)

	want, err := mongo.Marshal(mongo.D{
		{Key: "s", Value: "é"}, {Key: "i", Value: int32(-1)}, {Key: "l", Value: int64(1 << 40)}, {Key: "b", Value: true},
		{Key: "n", Value: nil}, {Key: "bin", Value: []byte{1, 2}}, {Key: "d", Value: 1.5},
		{Key: "a", Value: mongo.Raw(inner)}, {Key: "zero", Value: nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	// The driver was given the array as a document.
	got := strings.Replace(string(dst), "\x04a\x00", "\x03a\x00", 1)
	if got != "before"+string(want) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
}

func TestValueAccess(t *testing.T) {
	d, start := Begin(nil)
	d = AppendInt32(d, "i", 7)
	d = AppendInt64(d, "l", 8)
	d = AppendString(d, "s", "text")
	d = End(d, start)
	v := Value{Type: Document, Data: d}
	if n, ok := v.Lookup("i").Integer(); n != 7 || !ok {
		t.Errorf("i is %d, %v", n, ok)
	}
	if n, ok := v.Lookup("l").Integer(); n != 8 || !ok {
		t.Errorf("l is %d, %v", n, ok)
	}
	if _, ok := v.Lookup("s").Integer(); ok {
		t.Error("a string is an integer")
	}
	if missing := v.Lookup("S"); missing.Type != 0 || !missing.IsNull() {
		t.Errorf("S is %v", missing)
	}
	if it := v.Lookup("s").Elements(); it.Next() {
		t.Error("a string has elements")
	}
	if !(Value{Type: Null}).IsNull() || v.IsNull() {
		t.Error("IsNull is wrong")
	}
}

func TestValueValidate(t *testing.T) {
	for _, test := range []struct {
		name  string
		value Value
		want  string
	}{
		{"zero", Value{}, ""},
		{"null", Value{Type: Null}, ""},
		{"int32", Value{Type: Int32, Data: make([]byte, 4)}, ""},
		{"document", Value{Type: Document, Data: doc()}, ""},
		{"long int32", Value{Type: Int32, Data: make([]byte, 5)}, "1 bytes follow the int32"},
		{"short int64", Value{Type: Int64, Data: make([]byte, 7)}, "takes 8 bytes"},
		{"no type", Value{Data: []byte{1}}, "unknown element type 0x0"},
		{"deep", Value{Type: Array, Data: nested(3)}, "nest deeper than 2"},
	} {
		err := test.value.Validate(2)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestTypeNames(t *testing.T) {
	for kind, want := range map[Type]string{
		Double: "double", String: "string", Document: "document", Array: "array", Binary: "binary", Bool: "bool",
		DateTime: "date", Null: "null", Int32: "int32", Int64: "int64", 0x13: "type 0x13",
	} {
		if got := kind.String(); got != want {
			t.Errorf("%d is %q, want %q", byte(kind), got, want)
		}
	}
}
