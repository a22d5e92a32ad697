package wire

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// fitTypes are the parameter types of the recorded contracts, and some more.
var fitTypes = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[int8](), reflect.TypeFor[uint16](), reflect.TypeFor[int32](), reflect.TypeFor[int](),
	reflect.TypeFor[int64](), reflect.TypeFor[uint64](), reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[string](),
	reflect.TypeFor[Char](), reflect.TypeFor[TimeSpan](), reflect.TypeFor[time.Duration](), reflect.TypeFor[time.Time](),
	reflect.TypeFor[uuid.UUID](), reflect.TypeFor[URI](), reflect.TypeFor[*url.URL](), reflect.TypeFor[[]byte](), reflect.TypeFor[*int32](),
	reflect.TypeFor[colour](), reflect.TypeFor[person](), reflect.TypeFor[*person](), reflect.TypeFor[point](), reflect.TypeFor[shape](),
	reflect.TypeFor[[]string](), reflect.TypeFor[List[string]](), reflect.TypeFor[Set[string]](), reflect.TypeFor[map[string]int32](),
	reflect.TypeFor[KeyValuePair[string, int32]](), reflect.TypeFor[*DataStream](), reflect.TypeFor[Raw](), reflect.TypeFor[any](),
}

func TestFit(t *testing.T) {
	c := contractsCodec()
	c.Types["Legacy.Person, Legacy"] = reflect.TypeFor[person]()
	encode := func(v any) Raw {
		raw, err := c.EncodeResult(nil, new(*Streams), v)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	typed := func(name string, members ...any) Raw {
		return Raw{Type: KindDocument, Data: document(append([]any{"$type", name}, members...)...)}
	}
	husk := []any{"id", uuid.New(), "length", 5}
	type noName struct{ A int }
	type employee struct {
		person
		Boss string
	}
	c.Types["Samples.Contracts.Employee, Samples.Contracts"] = reflect.TypeFor[employee]()

	for _, test := range []struct {
		name string
		arg  Raw
		to   any // a value of the parameter's type, or the type
		want Fit
	}{
		{"bool", encode(true), false, Exact},
		{"bool to string", encode(true), "", NoFit},
		{"int64", encode(int64(1)), int64(0), Exact},
		{"int64 to int", encode(int64(1)), 0, Exact},
		{"int32 to int64, as .NET reads Int64", encode(int32(1)), int64(0), Exact},
		{"integer to int32", encode(1), int32(0), Liberal},
		{"too large for int8", encode(128), int8(0), NoFit},
		{"integer to int8", encode(127), int8(0), Liberal},
		{"integer to uint64", encode(1), uint64(0), Liberal},
		{"negative to uint64", encode(-1), uint64(0), NoFit},
		{"too large for uint8", encode(256), uint8(0), NoFit},
		{"integer to float64", encode(1), 0.0, Liberal},
		{"integer to an enum", encode(5), colour(0), Liberal},
		{"integer to a long enum", encode(5), rights(0), Liberal},
		{"integer to Nullable<long>", encode(5), (*int64)(nil), Exact},
		{"integer to Nullable<int>", encode(5), (*int32)(nil), Liberal},
		{"integer to TimeSpan", encode(5), TimeSpan(0), NoFit},
		{"integer to Duration", encode(5), time.Duration(0), NoFit},
		{"integer to Char", encode(5), Char(0), NoFit},
		{"integer to string", encode(5), "", NoFit},
		{"double", encode(1.5), 0.0, Exact},
		{"double to float32", encode(1.5), float32(0), Liberal},
		{"double too large for float32", encode(1e300), float32(0), NoFit},
		{"whole double to int64", encode(2.0), int64(0), Liberal},
		{"whole double to uint8", encode(2.0), uint8(0), Liberal},
		{"fraction to int64", encode(1.5), int64(0), NoFit},
		{"double to string", encode(1.5), "", NoFit},
		{"string", encode("s"), "", Exact},
		{"string to *string", encode("s"), (*string)(nil), Exact},
		{"string to Char", encode("s"), Char(0), Liberal},
		{"string too long for Char", encode("ss"), Char(0), NoFit},
		{"string to TimeSpan", encode("00:00:01"), TimeSpan(0), Liberal},
		{"other string to TimeSpan", encode("soon"), TimeSpan(0), NoFit},
		{"string to Duration", encode("00:00:01"), time.Duration(0), Liberal},
		{"TimeSpan too long for Duration", encode(MaxTimeSpan), time.Duration(0), NoFit},
		{"string to Uri", encode("https://x/"), URI(""), Liberal},
		{"string to url.URL", encode("https://x/"), url.URL{}, Liberal},
		{"string to Guid", encode(sampleID.String()), uuid.UUID{}, Liberal},
		{"other string to Guid", encode("s"), uuid.UUID{}, NoFit},
		{"string to date", encode("2020-01-02T03:04:05Z"), time.Time{}, Liberal},
		{"other string to date", encode("tomorrow"), time.Time{}, NoFit},
		{"string to int", encode("1"), 0, NoFit},
		{"string to a text type", encode("1"), textual{}, Liberal},
		{"string to enum", encode("Red"), colour(0), NoFit},
		{"date", encode(utc2024), time.Time{}, Exact},
		{"date to DateTime?", encode(utc2024), (*time.Time)(nil), Exact},
		{"date to string", encode(utc2024), "", NoFit},
		{"Guid", encode(sampleID), uuid.UUID{}, Exact},
		{"Guid to bytes", encode(sampleID), []byte(nil), NoFit},
		{"byte[] with $type", encode([]byte{1}), []byte(nil), Exact},
		{"bare bytes", Raw{Type: KindBinary, Data: []byte{1, 0, 0, 0, 0, 7}}, []byte(nil), Exact},
		{"bare bytes to string", Raw{Type: KindBinary, Data: []byte{1, 0, 0, 0, 0, 7}}, "", NoFit},
		{"bare array", array("0", 1), []int(nil), Liberal},
		{"bare array to int", array("0", 1), 0, NoFit},
		{"string[]", encode([]string{"a"}), []string(nil), Exact},
		{"string[] to List", encode([]string{"a"}), List[string](nil), Liberal},
		{"List", encode(List[string]{"a"}), List[string](nil), Exact},
		{"HashSet", encode(Set[string]{"a": {}}), Set[string](nil), Exact},
		{"HashSet to map", encode(Set[string]{"a": {}}), map[string]int32(nil), NoFit},
		{"Dictionary", encode(map[string]int32{"a": 1}), map[string]int32(nil), Exact},
		{"other Dictionary", encode(map[string]int64{"a": 1}), map[string]int32(nil), Liberal},
		{"Dictionary to slice", encode(map[string]int64{"a": 1}), []int64(nil), NoFit},
		{"byte[] written by .NET", typed("System.Byte[], System.Private.CoreLib", "$value", Raw{Type: KindBinary, Data: []byte{0, 0, 0, 0, 0}}), []byte(nil), Exact},
		{"List<byte> to []byte", typed("System.X, mscorlib", "$value", Raw{Type: KindBinary, Data: []byte{0, 0, 0, 0, 0}}), []byte(nil), Liberal},
		{"Person", encode(person{}), person{}, Exact},
		{"Person to *Person", encode(person{}), (*person)(nil), Exact},
		{"Person to Point", encode(person{}), point{}, NoFit},
		{"Person to another name of it", typed("Legacy.Person, Legacy"), person{}, Exact},
		{"Person of an unknown assembly", typed("Samples.Contracts.Person, Elsewhere"), person{}, Liberal},
		{"Person with version", typed("Samples.Contracts.Person, Samples.Contracts, Version=1.0.0.0"), person{}, NoFit},
		{"derived class", typed("Samples.Contracts.Employee, Samples.Contracts"), person{}, Exact},
		{"unknown class", typed("No.Such, Type"), person{}, NoFit},
		{"unknown class to a Go type without name", typed("No.Such, Type"), noName{}, Liberal},
		{"malformed name", typed("A["), person{}, NoFit},
		{"Circle to Shape", encode(circle{}), reflect.TypeFor[shape](), Exact},
		{"Square to Shape", encode(&square{}), reflect.TypeFor[shape](), Exact},
		{"Person to Shape", encode(person{}), reflect.TypeFor[shape](), NoFit},
		{"document without type to Person", Raw{Type: KindDocument, Data: document()}, person{}, Liberal},
		{"document without type to Shape", Raw{Type: KindDocument, Data: document()}, reflect.TypeFor[shape](), NoFit},
		{"document without type to int", Raw{Type: KindDocument, Data: document()}, 0, NoFit},
		{"pair", encode(KeyValuePair[string, int32]{"k", 1}), KeyValuePair[string, int32]{}, Liberal},
		{"Tuple", encode(Tuple2[string, int64]{"k", 1}), Tuple2[string, int64]{}, Exact},
		{"DataStream", encode(StreamBytes([]byte("x"))), (*DataStream)(nil), Exact},
		{"husk", Raw{Type: KindDocument, Data: document(husk...)}, (*DataStream)(nil), Liberal},
		{"no husk", Raw{Type: KindDocument, Data: document()}, (*DataStream)(nil), NoFit},
		{"Person to DataStream", encode(person{}), (*DataStream)(nil), NoFit},
		{"anything to any", encode(person{}), reflect.TypeFor[any](), Exact},
		{"anything to Raw", encode(1), Raw{}, Exact},

		{"null to string", Raw{}, "", Exact},
		{"null to class", Raw{}, person{}, Exact},
		{"null to pointer to class", Raw{}, (*person)(nil), Exact},
		{"null to structure", Raw{}, point{}, NoFit},
		{"null to Nullable<structure>", Raw{}, (*point)(nil), Liberal},
		{"null to Nullable<int>", Raw{}, (*int32)(nil), Liberal},
		{"null to DateTime?", Raw{}, (*time.Time)(nil), Liberal},
		{"null to DateTime", Raw{}, time.Time{}, NoFit},
		{"null to long", Raw{}, int64(0), NoFit},
		{"null to TimeSpan", Raw{}, TimeSpan(0), NoFit},
		{"null to slice", Raw{Type: KindNull}, []int(nil), Exact},
		{"null to array of Go", Raw{}, [2]int{}, NoFit},
		{"null to map", Raw{}, map[string]int(nil), Exact},
		{"null to Uri", Raw{}, URI(""), Exact},
		{"null to DataStream", Raw{}, (*DataStream)(nil), Exact},
		{"null to any", Raw{}, reflect.TypeFor[any](), Exact},
		{"null to interface", Raw{}, reflect.TypeFor[shape](), Exact},
	} {
		typ, ok := test.to.(reflect.Type)
		if !ok {
			typ = reflect.TypeOf(test.to)
		}
		if got := c.Fit(test.arg, typ); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// A fit that is not NoFit decodes, apart from null and what is inside of
// collections.
func TestWhatFitsDecodes(t *testing.T) {
	c := contractsCodec()
	fits := 0
	for _, v := range valueVectors(t) {
		doc := v.Request.bytes(t)
		if doc == nil {
			continue
		}
		for _, arg := range parse(t, doc).Request.Args(nil) {
			for _, typ := range fitTypes {
				fit := c.Fit(arg, typ)
				err := c.Decode(arg, new(Streams), reflect.New(typ).Interface())
				form := planOf(typ).form
				if fit == NoFit || arg.IsNull() || form == formList || form == formMembers || typ == reflect.TypeFor[any]() {
					continue
				}
				fits++
				if err != nil {
					t.Errorf("%s(%s) fits %v (%v), but: %v", v.Method, v.Note, typ, fit, err)
				}
			}
		}
	}
	if fits < 200 {
		t.Errorf("only %d fits", fits)
	}
}

// What .NET services of 8.1 printed when a call was ambiguous: the same text
// comes out of the arguments and of the Go types of the parameters.
func TestAmbiguousMatchTextsAreBuiltAsDotNetBuildsThem(t *testing.T) {
	params := map[string][]reflect.Type{
		"SByte": types[int8](), "Byte": types[uint8](), "Short": types[int16](), "UShort": types[uint16](), "Int": types[int32](),
		"UInt": types[uint32](), "ULong": types[uint64](), "Float": types[float32](), "Char": types[Char](), "Span": types[TimeSpan](),
		"Link": types[URI](), "Release": types[Version](), "MaybeInt": types[*int32](), "MaybeDate": types[*time.Time](),
		"Colour": types[colour](), "Rights": types[rights](), "Pair": types[KeyValuePair[string, int32]](),
		"Many": {
			reflect.TypeFor[int32](), reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[float64](), reflect.TypeFor[person](),
		},
		"SayHello": types[string](),
	}
	// Go has no decimal, and one type for DateTime and DateTimeOffset.
	unsaid := map[string]bool{"Decimal": true, "DateOffset": true}

	files, err := filepath.Glob("testdata/flows/8.1.2000-*.json")
	if err != nil {
		t.Fatal(err)
	}
	texts := 0
	for _, file := range files {
		var request *Request
		for _, d := range documentsOf(t, file) {
			m := parse(t, d.doc)
			if m.Request != nil {
				request = m.Request
				continue
			}
			if m.Response == nil || m.Response.Error == nil || !strings.Contains(m.Response.Error.Message, "The request arguments were:") {
				continue
			}
			lines := strings.Split(strings.TrimSuffix(m.Response.Error.Message, "\n"), "\n")
			texts++
			if got := ArgumentTypeNames(request.Args(nil)); got != lines[len(lines)-1] {
				t.Errorf("%s: arguments %q, recorded %q", request.Method, got, lines[len(lines)-1])
			}
			if unsaid[request.Method] {
				continue
			}
			var want []string
			switch {
			case request.Method == "Pick":
				want = append(want,
					" - "+DotNetSignature("Pick", types[string](), reflect.TypeFor[string]()),
					" - "+DotNetSignature("Pick", types[person](), reflect.TypeFor[string]()))
			default:
				p := params[request.Method]
				if p == nil {
					t.Errorf("no Go types for %s", request.Method)
					continue
				}
				result := p[0]
				if request.Method == "Many" {
					result = reflect.TypeFor[string]()
				}
				want = append(want, " - "+DotNetSignature(request.Method, p, result))
			}
			if got := lines[1 : len(lines)-2]; strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("recorded\n%s\nours\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
	if texts < 40 {
		t.Errorf("only %d texts found", texts)
	}
}

func types[T any]() []reflect.Type { return []reflect.Type{reflect.TypeFor[T]()} }

func TestArgumentTypeNames(t *testing.T) {
	var c *Codec
	for _, test := range []struct {
		value any
		want  string
	}{
		{nil, "<null>"}, {true, "Boolean"}, {int8(1), "Int64"}, {1.5, "Double"}, {"s", "String"}, {utc2024, "DateTime"},
		{sampleID, "Guid"}, {[]byte{1}, "Byte[]"}, {person{}, "Person"}, {[]person{}, "Person[]"}, {List[string]{}, "List`1"},
		{map[string]int{}, "Dictionary`2"}, {[][]int32{}, "Int32[][]"}, {StreamBytes(nil), "DataStream"},
		{KeyValuePair[int, int]{}, "JObject"}, {array("0", 1), "JArray"},
		{Raw{Type: KindBinary, Data: []byte{0, 0, 0, 0, 0}}, "Byte[]"},
		{Raw{Type: KindDocument, Data: document("$type", "A[")}, "JObject"},
		{Raw{Type: KindDocument, Data: document("$type", "A.B+C, D")}, "C"},
	} {
		raw, err := c.EncodeResult(nil, new(*Streams), test.value)
		if err != nil {
			t.Fatal(err)
		}
		if got := ArgumentTypeName(raw); got != test.want {
			t.Errorf("%v is a %s, want %s", test.value, got, test.want)
		}
	}
}

func TestDotNetTypeNames(t *testing.T) {
	type local struct{ A int }
	for _, test := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[int](), "System.Int64"}, {reflect.TypeFor[uint](), "System.UInt64"}, {reflect.TypeFor[bool](), "System.Boolean"},
		{reflect.TypeFor[float64](), "System.Double"}, {reflect.TypeFor[string](), "System.String"}, {reflect.TypeFor[*string](), "System.String"},
		{reflect.TypeFor[any](), "System.Object"}, {reflect.TypeFor[Raw](), "System.Object"}, {reflect.TypeFor[time.Time](), "System.DateTime"},
		{reflect.TypeFor[time.Duration](), "System.TimeSpan"}, {reflect.TypeFor[uuid.UUID](), "System.Guid"}, {reflect.TypeFor[url.URL](), "System.Uri"},
		{reflect.TypeFor[[]byte](), "System.Byte[]"}, {reflect.TypeFor[[4]string](), "System.String[]"},
		{reflect.TypeFor[*DataStream](), "Halibut.DataStream"}, {reflect.TypeFor[textual](), "System.String"},
		{reflect.TypeFor[*point](), "System.Nullable`1[Samples.Contracts.Point]"}, {reflect.TypeFor[*person](), "Samples.Contracts.Person"},
		{reflect.TypeFor[map[string]struct{}](), "System.Collections.Generic.HashSet`1[System.String]"},
		{reflect.TypeFor[map[colour]List[*person]](), "System.Collections.Generic.Dictionary`2[Samples.Contracts.Colour,System.Collections.Generic.List`1[Samples.Contracts.Person]]"},
		{reflect.TypeFor[Tuple3[int32, string, bool]](), "System.Tuple`3[System.Int32,System.String,System.Boolean]"},
		{reflect.TypeFor[Tuple4[int32, string, bool, Char]](), "System.Tuple`4[System.Int32,System.String,System.Boolean,System.Char]"},
		{reflect.TypeFor[local](), "wire.local"}, {reflect.TypeFor[[]local](), "[]wire.local"}, {reflect.TypeFor[**int](), "**int"},
	} {
		if got := DotNetTypeName(test.typ); got != test.want {
			t.Errorf("%v is %s, want %s", test.typ, got, test.want)
		}
	}
	if got, want := DotNetSignature("None", nil, nil), "System.Threading.Tasks.Task NoneAsync(System.Threading.CancellationToken)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, test := range []struct{ got, want string }{
		{(*Codec)(nil).DotNetSyncSignature("None", nil, nil), "Void None()"},
		{(*Codec)(nil).DotNetSyncSignature("Add", []reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[string]()}, reflect.TypeFor[int]()), "Int64 Add(Int64, System.String)"},
		{(*Codec)(nil).DotNetSyncSignature("SayHello", types[string](), reflect.TypeFor[string]()), "System.String SayHello(System.String)"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
	// Names in Types count too.
	c := contractsCodec()
	want := "System.Threading.Tasks.Task`1[System.Int64] XAsync(System.Collections.Generic.List`1[Samples.Contracts.Shape], System.Threading.CancellationToken)"
	if got := c.DotNetSignature("X", types[List[shape]](), reflect.TypeFor[int64]()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFitNames(t *testing.T) {
	for fit, want := range map[Fit]string{NoFit: "none", Liberal: "liberal", Exact: "exact"} {
		if fit.String() != want {
			t.Errorf("%d is %s", fit, fit)
		}
	}
}

// The overloads that .NET chose are chosen by the fits as well.
func TestRecordedOverloads(t *testing.T) {
	text, err := os.ReadFile("testdata/flows/8.1.2000-listening-overloads.json")
	if err != nil {
		t.Fatal(err)
	}
	var flow struct {
		Calls []struct{ Method, Outcome string }
	}
	if err := json.Unmarshal(text, &flow); err != nil {
		t.Fatal(err)
	}
	candidates := map[string]map[string][]reflect.Type{
		"Take": {
			"long": types[int64](), "double": types[float64](), "string": types[string](), "Person": types[person](),
			"long,long": {reflect.TypeFor[int64](), reflect.TypeFor[int64]()},
		},
		"Pick": {"string": types[string](), "Person": types[*person]()},
	}
	var c *Codec
	call := 0
	for _, d := range documentsOf(t, "testdata/flows/8.1.2000-listening-overloads.json") {
		m := parse(t, d.doc)
		if m.Request == nil {
			continue
		}
		args := m.Request.Args(nil)
		var chosen []string
		for name, params := range candidates[m.Request.Method] {
			fit := Exact
			for i, p := range params {
				if len(params) != len(args) {
					fit = NoFit
					break
				}
				fit = min(fit, c.Fit(args[i], p))
			}
			if fit == Exact {
				chosen = append(chosen, name)
			}
		}
		outcome := flow.Calls[call].Outcome
		call++
		if strings.HasPrefix(outcome, "throws") {
			if len(chosen) != 2 {
				t.Errorf("%s: %v, which .NET found ambiguous", m.Request.Method, chosen)
			}
			continue
		}
		if len(chosen) != 1 || `"`+chosen[0]+`"` != outcome {
			t.Errorf("%s: chosen %v, .NET chose %s", m.Request.Method, chosen, outcome)
		}
	}
	if call != len(flow.Calls) || call == 0 {
		t.Errorf("%d requests for %d calls", call, len(flow.Calls))
	}
}
