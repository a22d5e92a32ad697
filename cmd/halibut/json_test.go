package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/halibut-go/halibut/internal/bson"
	"github.com/halibut-go/halibut/wire"
)

// argument is what a text is on the wire.
func argument(text string) (wire.Raw, error) {
	v, err := parseArgument(text)
	if err != nil {
		return wire.Raw{}, err
	}
	params, err := new(wire.Codec).EncodeParams(nil, nil, []any{v})
	if err != nil {
		return wire.Raw{}, err
	}
	it := params.Elements()
	it.Next()
	return it.Value(), nil
}

// TestArguments holds what each form of an argument is on the wire, and what it
// is printed as.
func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		text    string
		kind    bson.Type
		printed string // where it differs
	}{
		{`null`, bson.Null, ""},
		{`true`, bson.Bool, ""},
		{`"text with \"quotes\" & <tags> ünd 🐟"`, bson.String, ""},
		{`"\u009b31m\u007f"`, bson.String, ""},
		{`7`, bson.Int64, ""},
		{`-9223372036854775808`, bson.Int64, ""},
		{`1.5`, bson.Double, ""},
		{`1.0`, bson.Double, ""},
		{`1e3`, bson.Double, "1000.0"},
		{`{"$double":7}`, bson.Double, "7.0"},
		{`{"$double":"NaN"}`, bson.Double, `{"$double": "NaN"}`},
		{`{"$double":"-Infinity"}`, bson.Double, `{"$double": "-Infinity"}`},
		{`{"$guid":"00112233-4455-6677-8899-aabbccddeeff"}`, bson.Binary, ""},
		{`{"$date":"2006-01-02T15:04:05.678Z"}`, bson.DateTime, ""},
		{`{"$date":"2006-01-02T15:04:05+02:00"}`, bson.DateTime, `{"$date":"2006-01-02T13:04:05Z"}`},
		{`{"$bytes":"AAEC"}`, bson.Document, ""},
		{`{"B":1,"A":{"$guid":"00112233-4455-6677-8899-aabbccddeeff"},"C":[1,"x",null]}`, bson.Document, ""},
		{`{"$type":"Samples.Person, Samples","Name":"Ada"}`, bson.Document, ""},
		{`[]`, bson.Array, ""},
		{`[1,"x"]`, bson.Array, ""},
		{`["a","b",null]`, bson.Document, ""},
		{`[[1],[2]]`, bson.Array, ""},
		{"{\"$type\":\"System.Collections.Generic.List`1[[System.String, mscorlib]], mscorlib\",\"$values\":[\"a\"]}", bson.Document, `["a"]`},
	} {
		raw, err := argument(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		want := tt.printed
		if want == "" {
			want = tt.text
		}
		if got := formatResult(raw, ""); raw.Type != tt.kind || got != want {
			t.Errorf("%s is a %v and printed as %s, want a %v and %s", tt.text, raw.Type, got, tt.kind, want)
		}
	}
	// An array of one kind has the type that a .NET method wants.
	for text, want := range map[string]string{
		`["a"]`: "System.String[], mscorlib", `[1,2]`: "System.Int64[], mscorlib", `[1.5]`: "System.Double[], mscorlib", `[true]`: "System.Boolean[], mscorlib",
	} {
		raw, err := argument(text)
		if got := typeOf(raw); err != nil || got != want {
			t.Errorf("%s has the type %q (%v), want %q", text, got, err, want)
		}
	}
	// A Guid stands as .NET writes it.
	raw, _ := argument(`{"$guid":"00112233-4455-6677-8899-aabbccddeeff"}`)
	if _, data := raw.Binary(); string(data[:4]) != "\x33\x22\x11\x00" {
		t.Errorf("the Guid's bytes are % x", data)
	}
}

func TestArgumentsRefused(t *testing.T) {
	for text, want := range map[string]string{
		``:                     "column 1: the JSON text ends too early",
		`Go`:                   "column 1: invalid character 'G'",
		`"ü" x`:                "column 5: invalid character 'x'",
		`1 2`:                  "column 3: invalid character '2' after top-level value",
		`99999999999999999999`: "beyond the 64 bits",
		`1e999`:                "beyond what a double can hold",
		`{"a":1,"a":2}`:        `column 8: "a" stands twice`,
		`{"a":1,"$type":"x"}`:  "$type must be the first member",
		`{"a":1,"$guid":"x"}`:  "$guid stands alone",
		`{"$guid":"7"}`:        `"7" is no GUID`,
		`{"$date":"tomorrow"}`: `"tomorrow" is no date`,
		`{"$bytes":"***"}`:     "is not base64",
		`{"$double":"many"}`:   "is no number",
		`{"$double":1,"b":2}`:  "$double stands alone",
		`{"$int32":1}`:         "$int32 is unknown",
		`{"a\u0000b":1}`:       "cannot hold a NUL",
		strings.Repeat("[", 200) + "1" + strings.Repeat("]", 200): "nest",
	} {
		raw, err := argument(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", shortened(text), raw, err, want)
		}
	}
}

// FuzzArgument holds that what is taken can be printed, and is valid either way.
func FuzzArgument(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,{"$guid":"00112233-4455-6677-8899-aabbccddeeff"}]}`, `["x",null]`, `{"$type":"A, B","x":{}}`, `{"$date":"2006-01-02"}`, `"\ud800"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := argument(text)
		if err != nil {
			return
		}
		if err := raw.Validate(0); err != nil {
			t.Fatalf("%q is not valid: %v", text, err)
		}
		printed := formatResult(raw, "")
		if !json.Valid([]byte(printed)) {
			t.Fatalf("%q is printed as %q", text, printed)
		}
	})
}

func TestRedacted(t *testing.T) {
	raw, err := argument(`{"$type":"A, B","Password":"secret","Count":7,"List":["secret"]}`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(appendJSON(nil, raw, true)), `{"$type":"A, B","Password":"(string)","Count":"(int64)","List":["(string)"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
