package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
)

var (
	sampleID = uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff")
	grace    = &person{Name: ptr("Grace"), Age: 85}
	ada      = &person{
		Name: ptr("Ada Lovelace"), Age: 36, Born: ptr(time.UnixMilli(-4861727876544).UTC()),
		Home: &address{ptr("12 St James's Square"), ptr("London")},
		Tags: List[string]{"maths", "émigré", "日本"}, Scores: map[string]int32{"Chess": 7, "go": -2},
		Id: sampleID, Photo: []byte{0, 1, 254, 255}, Shift: TimeDay + 2*TimeHour + 3*TimeMinute + 4*TimeSecond + 5670000,
		Favourite: green, Salary: 1234.56, Boss: grace,
	}
	utc2024 = time.Date(2024, 2, 29, 12, 34, 56, 789e6, time.UTC)
)

// recordedValue is the Go value of each recorded one, by method and note.
var recordedValue = map[string]any{
	"Bool|true": true, "Bool|false": false,
	"SByte|min": int8(-128), "Byte|max": uint8(255), "Short|min": int16(-32768), "UShort|max": uint16(65535),
	"Int|0": int32(0), "Int|max": int32(math.MaxInt32), "Int|min": int32(math.MinInt32),
	"UInt|1": uint32(1), "UInt|2^31": uint32(1 << 31), "UInt|max": uint32(math.MaxUint32),
	"Long|1": int64(1), "Long|max": int64(math.MaxInt64), "Long|min": int64(math.MinInt64),
	"ULong|1": uint64(1), "ULong|2^63-1": uint64(math.MaxInt64), "ULong|2^63": uint64(1 << 63),
	"Float|1.5": float32(1.5), "Float|0.1": float32(0.1),
	"Double|0.1": 0.1, "Double|2 (a whole number)": 2.0, "Double|max": math.MaxFloat64,
	"Double|NaN": math.NaN(), "Double|-infinity": math.Inf(-1),
	"Decimal|1.10": 1.1, "Decimal|5 (a whole number)": 5.0, "Decimal|max": 79228162514264337593543950335.0,
	"Char|x": Char('x'), "Char|é": Char('é'),
	"Text|empty": ptr(""), "Text|ascii": ptr("hello"), "Text|unicode": ptr("naïve 日本語 𝄞"), "Text|NUL inside": ptr("a\x00b"),
	"Text|line ends": ptr("a\r\nb"), "Text|null": (*string)(nil), "Text|looks like a date": ptr("2020-01-02T03:04:05Z"),
	"Date|utc":                     utc2024,
	"Date|unspecified":             time.UnixMilli(1709174096000).UTC(),
	"Date|local":                   time.UnixMilli(1709174096000).UTC(),
	"Date|min":                     time.Time{},
	"Date|max utc":                 time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC),
	"Date|before 1970, with ticks": time.Unix(0, 0).UTC(),
	"DateOffset|+10:00":            time.UnixMilli(1709174096789).UTC(),
	"Span|zero":                    TimeSpan(0), "Span|1.02:03:04.5": TimeDay + 2*TimeHour + 3*TimeMinute + 4*TimeSecond + TimeSecond/2,
	"Span|negative": -TimeSecond, "Span|max": MaxTimeSpan, "Span|1 tick": Tick,
	"Id|": sampleID, "Id|empty": uuid.UUID{},
	"Link|https": ptr(URI("https://example.com/a b?q=1")), "Link|poll": ptr(URI("poll://sq-abc/")), "Link|null": (*URI)(nil),
	"Release|1.2.3.4": Version("1.2.3.4"),
	"Bytes|empty":     []byte{}, "Bytes|0..4": []byte{0, 1, 2, 3, 4}, "Bytes|null": []byte(nil),
	"MaybeInt|7": ptr(int32(7)), "MaybeInt|null": (*int32)(nil),
	"MaybeDate|null": (*time.Time)(nil), "MaybeDate|set": ptr(time.UnixMilli(1704067200000).UTC()),
	"Colour|Green": green, "Colour|Blue = -3": blue, "Rights|Read|Big": rights(1 | 1<<40),
	"Person|full": ada, "Person|empty": &person{}, "Person|null": (*person)(nil),
	"Point|": point{1, -2.5},
	"Ints|":  []int32{1, -2, 3}, "Ints|empty": []int32{}, "Texts|with null": []*string{ptr("a"), nil, ptr("c")},
	"TextList|": List[string]{"a", "b"}, "TextSet|": Set[string]{"a": {}, "b": {}},
	"ReadOnlyTexts|array behind": []string{"x"}, "ReadOnlyTexts|list behind": List[string]{"x", "y"},
	"People|": List[*person]{grace, nil}, "PersonArray|": []person{*grace},
	"Scores|": map[string]int32{"a": 1, "B": 2}, "Scores|empty": map[string]int32{},
	"ByNumber|": map[int32]*string{1: ptr("one"), -2: nil}, "ById|": map[uuid.UUID]*person{sampleID: grace},
	"Shape|Circle": shape(circle{shapeBase{ptr("c")}, 1}), "Shape|Square": shape(&square{Side: 2}),
	"Drawing|": drawing{
		Main:   circle{shapeBase{ptr("c")}, 1.5},
		Shapes: List[shape]{&square{shapeBase{ptr("s")}, point{-1, 0.25}, 2}, circle{Radius: 3}},
		Named:  map[string]shape{"x": circle{Radius: 9}},
	},
	"Fixed|": fixed{"f", 3}, "Nested|": [][]int32{{1}, {}, nil},
	"Pair|": KeyValuePair[string, int32]{"k", 1}, "Pairs|": Tuple2[string, int64]{"t", 5},
	"Kinds|": kinds{
		Field: "a public field", Bool: true, SByte: -1, Byte: 255, Short: -2, UShort: 65535, Int: -3, UInt: 4,
		Long: 1 << 40, ULong: 5, Float: 0.5, Double: 0.1, Decimal: 1.1, Char: 'c', Text: "t", Date: utc2024,
		DateOffset: time.UnixMilli(1709174096789).UTC(), Span: 90 * time.Minute, Id: sampleID, Link: "https://example.com/",
		Release: "1.2", Bytes: []byte{9}, MaybeDate: ptr(time.UnixMilli(1704067200000).UTC()), Colour: blue, Rights: 2,
		Ints: []int32{1, 2}, Texts: []string{"a"}, TextSet: Set[string]{"s": {}}, Scores: map[string]int32{"k": 1},
		ById: map[uuid.UUID]*person{sampleID: grace}, Shape: circle{Radius: 2}, Point: point{1, 2},
		Pair: KeyValuePair[string, int32]{"k", 1},
	},
}

// notOnTheWire are the values that .NET could not write. What ours does instead
// is in TestValuesThatDotNetCannotWrite.
var notOnTheWire = map[string]bool{
	"UInt|2^31": true, "UInt|max": true, "ULong|2^63": true,
}

// lossy are values whose wire form says less than .NET printed, or something
// else: for those only the wire counts.
var lossy = map[string]string{
	"Date|unspecified":             "is written as local time",
	"Date|min":                     "an offset from before 1895",
	"Date|max utc":                 "100 ns are lost, and the sum wraps",
	"Date|before 1970, with ticks": "100 ns are lost",
	"Link|https":                   "the host's case is lost",
	"Link|poll":                    "the host's case and the path are changed",
}

func TestRecordedValuesOfEveryType(t *testing.T) {
	c := contractsCodec()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	met := make(map[string]bool)
	for _, v := range valueVectors(t) {
		method, gives := strings.CutPrefix(v.Method, "Give")
		key := method + "|" + v.Note
		value, known := recordedValue[key]
		if !known {
			if method != "Many" && method != "None" && method != "Null" && method != "NullPerson" {
				t.Errorf("no Go value for %s", key)
			}
			continue
		}
		met[key] = true
		t.Run(v.Method+"/"+v.Note, func(t *testing.T) {
			if request := v.Request.bytes(t); request != nil && !gives {
				m := parse(t, request)
				args := m.Request.Args(nil)
				if len(args) != 1 {
					t.Fatalf("%d arguments", len(args))
				}
				decodesTo(t, c, args[0], value)
				raw, err := c.EncodeParams(nil, nil, []any{value})
				if err != nil {
					t.Fatal(err)
				}
				sameValue(t, raw, m.Request.Params)
				if lossy[key] == "" {
					sameJSON(t, value, v.DotNet[0])
				}
			}
			response := v.Response.bytes(t)
			if response == nil {
				return
			}
			m := parse(t, response)
			if m.Response.Error != nil {
				return
			}
			if method == "Date" && v.Note == "max utc" && !gives {
				return // the service got 9999-12-31T23:59:59.999 and added its offset
			}
			decodesTo(t, c, m.Response.Result, value)
			raw, err := c.EncodeResult(nil, nil, value)
			if err != nil {
				t.Fatal(err)
			}
			sameValue(t, raw, m.Response.Result)
			if lossy[key] == "" && !strings.HasPrefix(v.Outcome, "throws") {
				sameJSON(t, value, v.Outcome)
			}
		})
	}
	for key := range recordedValue {
		if !met[key] && !notOnTheWire[key] {
			t.Errorf("no recording of %s", key)
		}
	}
}

func parse(t testing.TB, doc []byte) Message {
	t.Helper()
	m, err := ParseMessage(doc, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// decodesTo decodes raw into the type of want, or into shape where want is one.
func decodesTo(t *testing.T, c *Codec, raw Raw, want any) {
	t.Helper()
	typ := reflect.TypeOf(want)
	if _, ok := want.(shape); ok {
		typ = reflect.TypeFor[shape]()
	}
	got := reflect.New(typ)
	if err := c.Decode(raw, nil, got.Interface()); err != nil {
		t.Fatalf("decoding: %v", err)
	}
	if diff := cmp.Diff(want, got.Elem().Interface(), cmp.AllowUnexported(circle{}, square{}), nans); diff != "" {
		t.Errorf("decoded value (-want +got):\n%s", diff)
	}
}

var nans = cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })

// sameValue compares bytes, with the assemblies of .NET's own types replaced in
// the recorded ones and dictionaries in one order.
func sameValue(t *testing.T, got, recorded Raw) {
	t.Helper()
	if got.Type != recorded.Type && !(got.IsNull() && recorded.IsNull()) {
		t.Fatalf("a %s, recorded a %s", got.Type, recorded.Type)
	}
	if err := got.Validate(0); err != nil {
		t.Fatal(err)
	}
	want := portable(recorded, false)
	if got = portable(got, false); !bytes.Equal(got.Data, want.Data) {
		t.Errorf("encoded\n%s\nrecorded\n%s", show(got), show(want))
	}
}

// portable rewrites a value: type names with the assemblies that every .NET
// knows, and dictionaries sorted.
func portable(v Raw, dictionary bool) Raw {
	if v.Type != KindDocument && v.Type != KindArray {
		return v
	}
	type member struct {
		name  string
		value Raw
	}
	var members []member
	for it := v.Elements(); it.Next(); {
		m := member{string(it.Name()), it.Value()}
		if m.name == "$type" {
			text := string(m.value.Text())
			dictionary = dictionary || strings.Contains(text, "Dictionary`2")
			m.value.Data = bson.AppendStringData(nil, portableName(text))
		} else {
			m.value = portable(m.value, m.name == "Scores" || m.name == "ById" || m.name == "Named")
		}
		members = append(members, m)
	}
	if dictionary {
		sort.Slice(members, func(i, j int) bool { return members[i].name < members[j].name })
	}
	dst, start := bson.Begin(nil)
	for _, m := range members {
		dst = bson.AppendValue(dst, m.name, m.value)
	}
	return Raw{Type: v.Type, Data: bson.End(dst, start)}
}

func portableName(text string) string {
	if rest, ok := strings.CutSuffix(text, ", System.Private.CoreLib"); ok && strings.Contains(rest, "HashSet`1") {
		text = rest + ", System.Core"
	}
	return strings.ReplaceAll(text, "System.Private.CoreLib", "mscorlib")
}

func show(v Raw) string {
	var b strings.Builder
	for it := v.Elements(); it.Next(); {
		fmt.Fprintf(&b, "%s: ", it.Name())
		if value := it.Value(); value.Type == KindDocument || value.Type == KindArray {
			fmt.Fprintf(&b, "{%s}", show(value))
		} else {
			fmt.Fprintf(&b, "%s %q", value.Type, value.Data)
		}
		b.WriteString(", ")
	}
	return b.String()
}

// sameJSON compares a Go value with how Json.NET printed the .NET one.
func sameJSON(t *testing.T, value any, printed string) {
	t.Helper()
	var want any
	if err := json.Unmarshal([]byte(printed), &want); err != nil {
		t.Fatalf("%s: %v", printed, err)
	}
	got := jsonOf(reflect.ValueOf(value))
	if diff := cmp.Diff(want, got, cmp.Comparer(sameText), nans); diff != "" {
		t.Errorf("printed by .NET (-want +got):\n%s", diff)
	}
}

// sameText takes dates with different offsets for the same.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	one, err := time.Parse(time.RFC3339Nano, a)
	other, err2 := time.Parse(time.RFC3339Nano, b)
	return err == nil && err2 == nil && one.Equal(other)
}

// jsonOf turns a Go value into what encoding/json would read from Json.NET's
// print of it. It knows nothing of plans and tags.
func jsonOf(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.Format(time.RFC3339Nano)
	case time.Duration:
		return TimeSpanOf(x).String()
	case TimeSpan:
		return x.String()
	case Char:
		return string(rune(x))
	case uuid.UUID:
		return x.String()
	case []byte:
		if x == nil {
			return nil
		}
		return base64.StdEncoding.EncodeToString(x)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return jsonOf(v.Elem())
	case reflect.Float32:
		var f float64
		_, _ = fmt.Sscan(fmt.Sprint(v.Interface()), &f)
		return f
	case reflect.Float64:
		switch f := v.Float(); {
		case math.IsNaN(f):
			return "NaN"
		case math.IsInf(f, -1):
			return "-Infinity"
		default:
			return f
		}
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		list := []any{}
		for i := range v.Len() {
			list = append(list, jsonOf(v.Index(i)))
		}
		return list
	case reflect.Map:
		return jsonOfMap(v)
	case reflect.Struct:
		m := make(map[string]any)
		structJSON(m, v)
		return m
	}
	if v.CanInt() {
		return float64(v.Int())
	}
	if v.CanUint() {
		return float64(v.Uint())
	}
	if v.Kind() == reflect.String {
		return v.String()
	}
	return v.Interface()
}

func structJSON(m map[string]any, v reflect.Value) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Anonymous {
			structJSON(m, v.Field(i))
		} else {
			m[f.Name] = jsonOf(v.Field(i))
		}
	}
}

func jsonOfMap(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	if v.Type().Elem() == reflect.TypeFor[struct{}]() {
		var list []any
		for _, key := range v.MapKeys() {
			list = append(list, jsonOf(key))
		}
		sort.Slice(list, func(i, j int) bool { return fmt.Sprint(list[i]) < fmt.Sprint(list[j]) })
		return list
	}
	m := make(map[string]any)
	for _, key := range v.MapKeys() {
		m[fmt.Sprint(key)] = jsonOf(v.MapIndex(key))
	}
	return m
}

func TestRecordedCallWithManyArguments(t *testing.T) {
	c := contractsCodec()
	for _, v := range valueVectors(t) {
		if v.Method != "Many" {
			continue
		}
		m := parse(t, v.Request.bytes(t))
		args := m.Request.Args(nil)
		var a int32
		var b string
		var yes bool
		var d float64
		var e person
		for i, dst := range []any{&a, &b, &yes, &d, &e} {
			if err := c.Decode(args[i], nil, dst); err != nil {
				t.Fatal(err)
			}
		}
		if a != -5 || b != "two" || !yes || d != 0.5 || *e.Name != "p" {
			t.Errorf("decoded %v %q %v %v %v", a, b, yes, d, e)
		}
		raw, err := c.EncodeParams(nil, nil, []any{a, b, yes, d, e})
		if err != nil {
			t.Fatal(err)
		}
		sameValue(t, raw, m.Request.Params)
		return
	}
	t.Error("no recording")
}

func TestValuesThatDotNetCannotWrite(t *testing.T) {
	var c *Codec
	for _, n := range []uint32{1 << 31, math.MaxUint32} {
		raw, err := c.EncodeResult(nil, nil, n)
		if err != nil || raw.Type != KindInt64 || raw.Int64() != int64(n) {
			t.Errorf("%d: a %s, %v", n, raw.Type, err)
		}
		var back uint32
		if err := c.Decode(raw, nil, &back); err != nil || back != n {
			t.Errorf("%d comes back as %d, %v", n, back, err)
		}
	}
	_, err := c.EncodeResult(nil, nil, uint64(1<<63))
	if err == nil || !strings.Contains(err.Error(), "9223372036854775808 does not fit") {
		t.Errorf("2^63: %v", err)
	}
}
