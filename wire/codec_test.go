package wire

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
)

// encodeOne encodes a value as a result.
func encodeOne(t testing.TB, c *Codec, v any) Raw {
	t.Helper()
	raw, err := c.EncodeResult(nil, new(*Streams), v)
	if err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	if err := raw.Validate(0); err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	return raw
}

// there encodes a value and decodes it into a fresh one of the same type.
func there[T any](t testing.TB, c *Codec, v T) T {
	t.Helper()
	var got T
	if err := c.Decode(encodeOne(t, c, v), nil, &got); err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	return got
}

type numbered int

func (n numbered) String() string { return fmt.Sprintf("number %d", int(n)) }

func TestGoValuesGoThereAndBack(t *testing.T) {
	type local struct {
		A   int
		URL url.URL
		IP  netip.Addr
	}
	for _, v := range []any{
		int8(-7), int16(-7), 7, uint8(7), uint16(7), uint(7), uint64(math.MaxInt64), float32(-0.25), math.Inf(1),
		time.Hour, -time.Millisecond, Char('ß'), textual{"a", "b"}, netip.MustParseAddr("::1"),
		local{1, url.URL{Scheme: "https", Host: "x"}, netip.MustParseAddr("10.0.0.1")},
		[2]int{1, 2}, [4]byte{1, 2, 3, 4}, [0]byte{}, []*int{ptr(1), nil}, [][]byte{{1}, nil, {}}, []int(nil), []struct{}{{}, {}},
		Set[int]{3: {}, -1: {}, 2: {}}, Set[float64]{1.5: {}, -1: {}}, Set[uint8]{1: {}, 200: {}}, Set[string](nil),
		map[bool]struct{}{true: {}}, Set[uuid.UUID]{sampleID: {}, {}: {}},
		map[string]string{"": "empty key", "ä": "umlaut"}, map[int]string{-1: "a", 10: "b", 2: "c"}, map[uint16]bool{7: true},
		map[bool]int{true: 1, false: 0}, map[float64]int{0.1: 1, 1e20: 2, -1e-7: 3, math.Inf(1): 4, math.Inf(-1): 5, 0: 6, 100000: 7},
		map[uuid.UUID]int{sampleID: 1}, map[time.Time]int{utc2024: 1}, map[time.Duration]int{-time.Hour: 1}, map[Char]int{'x': 1},
		map[TimeSpan]int{MaxTimeSpan: 1}, map[colour]int{green: 1, blue: 2}, map[netip.Addr]int{netip.MustParseAddr("::1"): 1},
		map[string]map[string][]int{"a": {"b": {1, 2}}}, map[string]int(nil), List[List[int]]{{1}, nil, {}},
		Tuple3[string, int, bool]{"a", 1, true}, Tuple4[string, int, bool, Char]{"a", 1, true, 'x'},
		KeyValuePair[int, *string]{1, nil}, (*int)(nil), ptr(3), ptr(ptr("x")) == nil, numbered(3),
	} {
		got := reflect.New(reflect.TypeOf(v))
		if err := (*Codec)(nil).Decode(encodeOne(t, nil, v), nil, got.Interface()); err != nil {
			t.Errorf("%T %v: %v", v, v, err)
			continue
		}
		if !reflect.DeepEqual(got.Elem().Interface(), v) {
			t.Errorf("%T %v comes back as %v", v, v, got.Elem().Interface())
		}
	}
}

func TestEveryNaNIsTheOneOfDotNet(t *testing.T) {
	for _, v := range []any{math.NaN(), math.Float64frombits(0x7FF0000000000001), float32(math.NaN())} {
		if raw := encodeOne(t, nil, v); fmt.Sprintf("%x", raw.Data) != "000000000000f8ff" {
			t.Errorf("%T %x", v, raw.Data)
		}
	}
	if f := there(t, nil, float32(math.NaN())); !math.IsNaN(float64(f)) {
		t.Errorf("it comes back as %v", f)
	}
}

func TestKeysAsDotNetPrintsThem(t *testing.T) {
	for _, test := range []struct {
		v    any
		want string
	}{
		{map[time.Time]int{time.Date(2020, 1, 2, 13, 4, 5, 0, time.FixedZone("", 3600*10)): 1}, "2020-01-02T03:04:05Z"},
		{map[time.Time]int{time.Date(2020, 1, 2, 3, 4, 5, 678901299, time.UTC): 1}, "2020-01-02T03:04:05.6789012Z"},
		{map[colour]int{green: 1}, "Green"}, {map[numbered]int{7: 1}, "number 7"}, {map[uuid.UUID]int{sampleID: 1}, sampleID.String()},
		{map[bool]int{true: 1}, "True"}, {map[float64]int{1e15: 1}, "1E+15"}, {map[float64]int{123456.5: 1}, "123456.5"},
		{map[float32]int{0.1: 1}, "0.1"}, {map[float64]int{0.00001: 1}, "1E-05"}, {map[float64]int{0.000001: 1}, "1E-06"},
		{map[time.Duration]int{time.Second: 1}, "00:00:01"},
	} {
		it := encodeOne(t, nil, test.v).Elements()
		for it.Next() && string(it.Name()) == "$type" {
		}
		if string(it.Name()) != test.want {
			t.Errorf("%v has the key %q, want %q", test.v, it.Name(), test.want)
		}
	}
}

func TestMapsAndSetsAreSorted(t *testing.T) {
	names := func(raw Raw) (names []string) {
		for it := raw.Elements(); it.Next(); {
			names = append(names, string(it.Name()))
		}
		return names[1:]
	}
	if got := names(encodeOne(t, nil, map[string]int{"b": 1, "a": 2, "C": 3})); strings.Join(got, "") != "Cab" {
		t.Errorf("keys %v", got)
	}
	values := encodeOne(t, nil, Set[int]{10: {}, 9: {}, -1: {}}).Lookup("$values")
	for i, want := range []int64{-1, 9, 10} {
		if got := values.Lookup(fmt.Sprint(i)).Int64(); got != want {
			t.Errorf("item %d is %d, want %d", i, got, want)
		}
	}
}

type tagged struct {
	Renamed  string `halibut:"other name"`
	Home     string `halibut:"-"`
	private  int
	Slot     []int32       `halibut:",object"`
	Any      any           `halibut:"any"`
	Maybe    string        `halibut:",nullzero"`
	MaybeNum int           `halibut:"num,nullzero"`
	Stream   *DataStream   `halibut:",object"`
	Person   person        `halibut:"-"`
	Wait     time.Duration `halibut:",object,nullzero"`
}

func TestStructTags(t *testing.T) {
	v := tagged{Renamed: "r", Home: "h", private: 1, Slot: []int32{1}, Any: person{}, Maybe: "", MaybeNum: 5}
	raw := encodeOne(t, nil, v)
	want := document("other name", "r",
		"Slot", []any{"$type", "System.Int32[], mscorlib", "$values", array("0", int32(1))},
		"any", encodeOne(t, nil, person{}), "Maybe", nil, "num", 5, "Stream", nil, "Wait", nil)
	if diff := cmp.Diff(want, raw.Data); diff != "" {
		t.Errorf("%s\nwant %s", show(raw), show(Raw{Type: KindDocument, Data: want}))
	}
	got := tagged{Home: "kept", Maybe: "old", MaybeNum: 1}
	c := &Codec{Types: map[string]reflect.Type{"Samples.Contracts.Person, Samples.Contracts": reflect.TypeFor[person]()}}
	if err := c.Decode(raw, nil, &got); err != nil {
		t.Fatal(err)
	}
	if got.Home != "kept" || got.Maybe != "" || got.MaybeNum != 5 || got.Slot[0] != 1 || got.private != 0 {
		t.Errorf("got %+v", got)
	}
	if _, ok := got.Any.(person); !ok {
		t.Errorf("any is a %T", got.Any)
	}
}

type (
	base   struct{ A, Hidden string }
	middle struct {
		base
		B string
	}
	derived struct {
		middle
		url.URL
		C, Hidden string
	}
)

func TestEmbeddedStructsAreBaseClasses(t *testing.T) {
	v := derived{middle: middle{base{"a", "inner"}, "b"}, URL: url.URL{Path: "x"}, C: "c", Hidden: "outer"}
	var order []string
	for it := encodeOne(t, nil, v).Elements(); it.Next(); {
		order = append(order, string(it.Name()))
	}
	if got := strings.Join(order, " "); got != "URL C Hidden B A" {
		t.Errorf("the order is %s", got)
	}
	got := there(t, nil, v)
	v.middle.base.Hidden = ""
	if diff := cmp.Diff(v, got, cmp.AllowUnexported(derived{}, middle{})); diff != "" {
		t.Error(diff)
	}
}

// A class that embeds another one has not the other one's name.
func TestDotNetTypeIsNotInherited(t *testing.T) {
	type local struct{ person }
	if raw := encodeOne(t, nil, local{}); raw.Lookup("$type").Type != 0 {
		t.Errorf("it is called %s", raw.Lookup("$type").Text())
	}
	type pair struct{ Tuple2[int, int] }
	if raw := encodeOne(t, nil, pair{}); raw.Lookup("$type").Type != 0 {
		t.Errorf("it is called %s", raw.Lookup("$type").Text())
	}
}

func TestMembersAreMatchedWithoutCaseAndInAnyOrder(t *testing.T) {
	var got struct {
		Name, Ärger string
		ID, Id      int
		Deep        struct{ X *int }
	}
	raw := Raw{Type: KindDocument, Data: document("ärger", "ä", "unknown", []any{"x", 1}, "NAME", "n", "id", 3, "Id", 2,
		"deep", []any{"x", 1, "X", 5}, strings.Repeat("long", 50), 1, strings.Repeat("ä", 50), 1)}
	if err := (*Codec)(nil).Decode(raw, nil, &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "n" || got.Ärger != "ä" || got.ID != 3 || got.Id != 2 || *got.Deep.X != 5 {
		t.Errorf("got %+v", got)
	}
}

func TestRawGoesThroughUntouched(t *testing.T) {
	raw := Raw{Type: KindDocument, Data: document("$type", "No.Such, Type", "a", 1)}
	got, err := (*Codec)(nil).EncodeParams(nil, nil, []any{raw, &raw, Raw{}, (*Raw)(nil), []Raw{raw}})
	if err != nil {
		t.Fatal(err)
	}
	items := (&Request{Params: got}).Args(nil)
	for _, i := range []int{0, 1} {
		if diff := cmp.Diff(raw, items[i]); diff != "" {
			t.Error(diff)
		}
	}
	if !items[2].IsNull() || !items[3].IsNull() {
		t.Errorf("nulls: %v", items)
	}
	var back Raw
	if err := (*Codec)(nil).Decode(items[0], nil, &back); err != nil || cmp.Diff(raw, back) != "" {
		t.Errorf("%v, %v", back, err)
	}
	if &back.Data[0] == &items[0].Data[0] {
		t.Error("the copy aliases the document")
	}
}

func TestEncodingIsRefused(t *testing.T) {
	type local struct{ A any }
	var loop person
	loop.Boss = &loop
	var self any
	self = &self
	type ring []ring
	circle := make(ring, 1)
	circle[0] = circle
	var typed *Codec
	for _, test := range []struct {
		name string
		arg  any
		want string
	}{
		{"uint64", local{uint64(1 << 63)}, "params[0].A: 9223372036854775808 does not fit"},
		{"text", map[string]any{"k": []any{1, "\xff"}}, `params[0]["k"][1]: the text "\xff" is not UTF-8`},
		{"chan", local{make(chan int)}, "params[0].A: the Go type chan int cannot travel"},
		{"func", func() {}, "params[0]: the Go type func() cannot travel"},
		{"complex", []complex128{1}, "params[0][0]: the Go type complex128 cannot travel"},
		{"stream by value", DataStream{}, "is used by value: use *DataStream"},
		{"pointer to pointer", ptr(ptr(1)), "points to a pointer"},
		{"date", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "outside of .NET's years 1 to 9999"},
		{"date before 1", time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC), "outside of .NET's years 1 to 9999"},
		{"char", Char(0x1D11E), "U+1D11E is no single .NET char"},
		{"surrogate", Char(0xD800), "U+D800 is no single .NET char"},
		{"negative char", Char(-1), "is no single .NET char"},
		{"key $type", map[string]int{"$type": 1}, `params[0]["$type"]: the key "$type" means something else`},
		{"key $values", map[string]int{"$values": 1}, `the key "$values"`},
		{"key with NUL", map[string]int{"a\x00": 1}, "holds a NUL"},
		{"key that is not UTF-8", map[string]int{"\xff": 1}, "is not UTF-8"},
		{"key NaN", map[float64]int{math.NaN(): 1}, "NaN is no key"},
		{"unknown enum as key", map[colour]int{77: 1}, "no colour 77"},
		{"keys of the same text", map[textKey]int{{"A"}: 1, {"a"}: 2}, `params[0]["a"]: two keys have this text`},
		{"struct key", map[struct{ A int }]int{}, "has keys that are no text"},
		{"any key", map[any]int{}, "has keys that are no text"},
		{"set of any", Set[any]{}, "has elements that may not be comparable"},
		{"set of arrays of any", Set[[1]any]{}, "has elements that may not be comparable"},
		{"set element", Set[Char]{0xD800: {}}, "params[0][0]: U+D800"},
		{"loop", loop, "values nest deeper than 100 documents, or hold themselves"},
		{"any loop", self, "an interface that points to itself"},
		{"slice loop", circle, "values nest deeper than 100"},
		{"raw", Raw{Type: KindDocument, Data: []byte("x")}, "the raw value is malformed: bson: at byte 0"},
		{"interface of a type without name", []shape{nameless{}}, "params[0][0]: the Go type wire.nameless has no .NET name"},
		{"interface of a type without name", []shape{&nameless{}}, "params[0][0]: the Go type wire.nameless has no .NET name"},
		{"embedded pointer", struct{ *base }{}, "it embeds *wire.base: embed a base class by value"},
		{"same name twice", struct {
			A int `halibut:"x"`
			B int `halibut:"x"`
		}{}, `two fields have the name "x"`},
		{"unknown option", struct {
			A int `halibut:",omitempty"`
		}{}, `field A: unknown option "omitempty"`},
		{"field $type", struct {
			A int `halibut:"$type"`
		}{}, `field A: the key "$type"`},
		{"text type that fails", failing{}, "no text today"},
	} {
		_, err := typed.EncodeParams(nil, nil, []any{test.arg})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
			continue
		}
		var e *ValueError
		if !errors.As(err, &e) || e.Err == nil || errors.Unwrap(e) != e.Err {
			t.Errorf("%s: a %T", test.name, err)
		}
	}
	if _, err := typed.EncodeParams(nil, nil, []any{StreamBytes(nil)}); err == nil || !strings.Contains(err.Error(), "a data stream cannot be sent from here") {
		t.Errorf("a stream without Streams: %v", err)
	}
	deep := &Codec{MaxDepth: 5}
	if _, err := deep.EncodeParams(nil, nil, []any{[]Raw{{Type: KindDocument, Data: document("a", []any{})}}}); err == nil {
		t.Error("a raw value nests deeper than allowed")
	}
	if _, err := deep.EncodeParams(nil, nil, []any{local{local{}}}); err != nil {
		t.Errorf("five deep: %v", err)
	}
	if _, err := deep.EncodeParams(nil, nil, []any{local{local{local{}}}}); err == nil {
		t.Error("six deep is accepted")
	}
}

type nameless struct{ A int }

func (nameless) area() float64 { return 0 }

// textKey is a key whose text does not tell all its values apart.
type textKey struct{ s string }

func (k textKey) MarshalText() ([]byte, error) { return []byte(strings.ToLower(k.s)), nil }

type failing struct{ A int }

func (failing) MarshalText() ([]byte, error)  { return nil, errors.New("no text today") }
func (*failing) UnmarshalText(b []byte) error { return errors.New("no text today") }

func TestDecodingIsRefused(t *testing.T) {
	doc := func(members ...any) Raw { return Raw{Type: KindDocument, Data: document(members...)} }
	int64Of := func(n int64) Raw { return Raw{Type: KindInt64, Data: bson.AppendInt64Data(nil, n)} }
	double := func(f float64) Raw { return Raw{Type: KindDouble, Data: bson.AppendDoubleData(nil, f)} }
	text := func(s string) Raw { return Raw{Type: KindString, Data: bson.AppendStringData(nil, s)} }
	date := func(ms int64) Raw { return Raw{Type: KindDate, Data: bson.AppendInt64Data(nil, ms)} }
	null := Raw{}
	c := contractsCodec()
	c.Types["Samples.NotAShape, Samples"] = reflect.TypeFor[point]()

	for _, test := range []struct {
		raw  Raw
		dst  any
		want string
	}{
		{null, new(bool), "null does not fit the Go type bool: use a pointer"},
		{null, new(int), "null does not fit the Go type int"}, {null, new(uint8), "null does not fit"}, {null, new(float64), "null does not fit"},
		{null, new(string), "null does not fit the Go type string: use a pointer"}, {null, new(Char), "null does not fit"},
		{null, new(TimeSpan), "null does not fit"}, {null, new(time.Duration), "null does not fit"}, {null, new(time.Time), "null does not fit"},
		{null, new(uuid.UUID), "null does not fit"}, {null, new(URI), "null does not fit"}, {null, new(url.URL), "null does not fit"},
		{null, new(person), "null does not fit"}, {null, new([2]int), "null does not fit"}, {null, new([2]byte), "null does not fit"},
		{null, new(textual), "null does not fit"},
		{doc("home", []any{"City", 1}), new(person), "Home.City: found an int64 where the Go type string needs a string"},
		{doc("Boss", []any{"Age", nil}), new(person), "Boss.Age: null does not fit the Go type int32"},
		{doc("Scores", []any{"a", 1 << 31}), new(person), `Scores["a"]: 2147483648 is out of the range of the Go type int32`},
		{doc("Tags", array("0", "a", "1", nil)), new(person), "Tags[1]: null does not fit the Go type string"},
		{int64Of(128), new(int8), "128 is out of the range"}, {int64Of(-1), new(uint), "-1 is out of the range"},
		{int64Of(256), new(uint8), "256 is out of the range"}, {double(1.5), new(int), "the double 1.5 is no integer"},
		{double(math.NaN()), new(int), "no integer"}, {double(1e30), new(int64), "no integer"}, {double(math.Inf(1)), new(uint64), "no integer"},
		{double(1e300), new(float32), "out of the range"}, {text("1"), new(int), "found a string where the Go type int needs an integer"},
		{text("1"), new(float64), "needs a double"}, {int64Of(1), new(bool), "needs a bool"},
		{text("24:00:00"), new(TimeSpan), "is not a TimeSpan"}, {text("10675199.00:00:00"), new(time.Duration), "use TimeSpan"},
		{text("soon"), new(time.Duration), "is not a TimeSpan"}, {int64Of(1), new(TimeSpan), "the text of a TimeSpan"},
		{text("tomorrow"), new(time.Time), "is not a date"}, {date(math.MaxInt64), new(time.Time), "outside of .NET's years"},
		{text("xy"), new(Char), "one character"}, {text(""), new(Char), "one character"}, {text("𝄞"), new(Char), "no single .NET char"},
		{text("x"), new(uuid.UUID), "is not a Guid"}, {int64Of(1), new(uuid.UUID), "needs a Guid"}, {text(":"), new(url.URL), "missing protocol scheme"},
		{text("x"), new(failing), "no text today"}, {text("x"), new([]byte), "needs binary"}, {text("x"), new([]int), "needs an array"},
		{text("x"), new(Set[int]), "needs an array"}, {text("x"), new(map[string]int), "needs a document"}, {text("x"), new([1]int), "needs an array"},
		{array("0", 1), new([2]int), "found 1 items where the Go type [2]int has 2"}, {array("0", "x"), new([1]int), "[0]: found a string"},
		{encodeOne(t, nil, []byte{1}), new([2]byte), "found 1 bytes where the Go type [2]uint8 has 2"},
		{array("0", "x"), new(Set[int]), "[0]: found a string"}, {text("x"), new(point), "needs a document"},
		{doc("Purple", 1), new(map[colour]int), `["Purple"]: no colour "Purple"`}, {doc("x", 1), new(map[int]int), `["x"]: "x" is not a key of the Go type int`},
		{doc("Seven", 1), new(map[numbered]int), "give the type an UnmarshalText method"}, {doc("-1", 1), new(map[uint8]int), "is not a key"},
		{doc("x", 1), new(map[float32]int), "is not a key"}, {doc("x", 1), new(map[bool]int), "invalid syntax"}, {doc("x", 1), new(map[time.Time]int), "is not a date"},
		{doc("x", 1), new(map[time.Duration]int), "is not a TimeSpan"}, {doc("xx", 1), new(map[Char]int), "one character"},
		{doc("x", 1), new(map[textKey]int), "give it an UnmarshalText method"},
		{text("x"), new(*DataStream), "needs a data stream"}, {doc("id", sampleID), new(*DataStream), "is no data stream"},
		{doc("id", sampleID, "length", -1), new(*DataStream), "is no data stream"},
		{doc("id", sampleID, "length", 1), new(*DataStream), "no streams came with this message"},
		{int64Of(1), new(chan int), "the Go type chan int cannot travel"},
		{text("x"), new(shape), "found a string where the Go type wire.shape needs a document with $type"},
		{doc("Label", "x"), new(shape), "a document without $type, which the Go interface wire.shape needs"},
		{doc("$type", "No.Such, Type"), new(shape), `.NET type "No.Such, Type", which is not registered: put it into the table of types, Types["No.Such, Type"] =`},
		{doc("$type", "No.Such, Type"), new(any), `"No.Such, Type", which is not registered`},
		{doc("$type", "System.Collections.Generic.List`1[[No.Such, Type]], mscorlib", "$values", array()), new(any), "not registered"},
		{doc("$type", "No.Such[], Type", "$values", array()), new(any), "not registered"},
		{doc("$type", "Samples.NotAShape, Samples", "X", 1), new(shape), "whose Go type does not implement wire.shape"},
		{doc("$type", "Samples.Contracts.Circle, Samples.Contracts, Version=1.0.0.0"), new(shape), "version, culture and key"},
		{doc("$type", "Samples.Contracts.Circle["), new(shape), "array brackets hold commas only"},
		{doc("$type", "Samples.Contracts.Circle[", "x", 1), new(any), "array brackets hold commas only"},
		{doc("$type", "Samples.Contracts.Circle, Samples.Contracts", "Radius", "x"), new(shape), "Radius: found a string"},
		{doc("$type", "Samples.Contracts.Circle, Samples.Contracts", "Radius", "x"), new(any), "Radius: found a string"},
		// An interface is registered for its name; nothing can be made of it.
		{doc("$type", "Samples.Contracts.Shape, Samples.Contracts"), new(shape), "not registered"},
		{doc("$type", "Samples.Contracts.Shape, Samples.Contracts"), new(any), "not registered"},
		{array("0", date(math.MaxInt64)), new(any), "[0]: the date"}, {doc("a", date(math.MaxInt64)), new(any), `["a"]: the date`},
		{doc("$type", "Samples.Contracts.Circle[], Samples.Contracts", "$values", array("0", doc("Radius", "x"))), new(any), "[0].Radius: found a string"},
	} {
		err := c.Decode(test.raw, nil, test.dst)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%T: %v, want %q", test.dst, err, test.want)
		}
	}
	for _, dst := range []any{nil, person{}, (*person)(nil)} {
		if err := c.Decode(null, nil, dst); err == nil || !strings.Contains(err.Error(), "want a pointer that is not nil") {
			t.Errorf("%T: %v", dst, err)
		}
	}
	var e *TypeError
	if err := c.Decode(doc("$type", "No.Such, Type"), nil, new(shape)); !errors.As(err, &e) || e.Name != "No.Such, Type" || e.Want != reflect.TypeFor[shape]() {
		t.Errorf("got %#v", err)
	}
	if err := c.Decode(doc("Main", []any{"$type", "No.Such, Type"}), nil, new(drawing)); !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "Main: the peer sent") {
		t.Errorf("got %v", err)
	}
}

func TestDecodingIsLiberal(t *testing.T) {
	var c *Codec
	raw := func(v any) Raw { return encodeOne(t, nil, v) }
	check := func(got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	var n int16
	for _, v := range []any{int32(7), int64(7), 7.0} {
		n = 0
		if err := c.Decode(raw(v), nil, &n); err != nil || n != 7 {
			t.Errorf("%T: %d, %v", v, n, err)
		}
	}
	var f float32
	if err := c.Decode(raw(7), nil, &f); err != nil || f != 7 {
		t.Errorf("%v, %v", f, err)
	}
	var id uuid.UUID
	if err := c.Decode(raw(sampleID.String()), nil, &id); err != nil || id != sampleID {
		t.Errorf("%v, %v", id, err)
	}
	var when time.Time
	for text, want := range map[string]time.Time{
		"2024-02-29T22:34:56.789+10:00": utc2024, "2024-02-29T12:34:56.789": utc2024, "2024-02-29T12:34:56.789Z": utc2024,
	} {
		if err := c.Decode(raw(text), nil, &when); err != nil || !when.Equal(want) || when.Location() != time.UTC {
			t.Errorf("%s: %v, %v", text, when, err)
		}
	}
	var list []string
	for _, v := range []any{[]string{"a"}, List[string]{"a"}, Set[string]{"a": {}}, array("0", "a")} {
		list = nil
		if err := c.Decode(raw(v), nil, &list); err != nil || len(list) != 1 || list[0] != "a" {
			t.Errorf("%T: %v, %v", v, list, err)
		}
	}
	var data []byte
	if err := c.Decode(Raw{Type: KindBinary, Data: []byte{1, 0, 0, 0, 2, 7}}, nil, &data); err != nil {
		t.Error(err)
	}
	check(data, []byte{7})
	// What was there is replaced.
	m := map[string]int{"old": 1}
	if err := c.Decode(raw(map[string]int{"new": 2}), nil, &m); err != nil {
		t.Error(err)
	}
	check(m, map[string]int{"new": 2})
	p := &person{Age: 1}
	if err := c.Decode(Raw{}, nil, &p); err != nil || p != nil {
		t.Errorf("%v, %v", p, err)
	}
	var s shape = circle{}
	if err := c.Decode(Raw{}, nil, &s); err != nil || s != nil {
		t.Errorf("%v, %v", s, err)
	}
}

func TestNaturalValues(t *testing.T) {
	c := contractsCodec()
	streams := new(Streams)
	husk := []any{"$type", "Halibut.DataStream, Halibut", "id", uuid.New(), "length", 5}
	for _, test := range []struct {
		raw  Raw
		want any
	}{
		{Raw{}, nil}, {encodeOne(t, nil, true), true}, {encodeOne(t, nil, int8(7)), int64(7)}, {encodeOne(t, nil, 7), int64(7)},
		{encodeOne(t, nil, 1.5), 1.5}, {encodeOne(t, nil, "s"), "s"}, {encodeOne(t, nil, utc2024), utc2024}, {encodeOne(t, nil, sampleID), sampleID},
		{encodeOne(t, nil, []byte{1}), []byte{1}}, {encodeOne(t, nil, TimeDay), "1.00:00:00"},
		{encodeOne(t, nil, []any{1, nil, "a", []int{2}}), []any{int64(1), nil, "a", []any{int64(2)}}},
		{encodeOne(t, nil, map[string]any{"a": 1, "b": []byte{2}}), map[string]any{"a": int64(1), "b": []byte{2}}},
		{encodeOne(t, nil, Tuple2[int, string]{1, "x"}), map[string]any{"Item1": int64(1), "Item2": "x"}},
		{encodeOne(t, nil, struct{ A, B int }{1, 2}), map[string]any{"A": int64(1), "B": int64(2)}},
		{encodeOne(t, c, circle{Radius: 2}), circle{Radius: 2}}, {encodeOne(t, c, &square{Side: 2}), &square{Side: 2}},
		{encodeOne(t, c, []circle{{Radius: 2}}), []any{circle{Radius: 2}}},
		{encodeOne(t, c, [][]circle{{{Radius: 2}}}), []any{[]any{circle{Radius: 2}}}},
		{encodeOne(t, c, List[shape]{circle{Radius: 2}, &square{}, nil}), []any{circle{Radius: 2}, &square{}, nil}},
		{encodeOne(t, c, map[string]square{"a": {Side: 1}}), map[string]any{"a": &square{Side: 1}}},
		{encodeOne(t, c, map[string]circle{}), map[string]any{}},
		{
			encodeOne(t, c, Tuple2[circle, square]{circle{Radius: 1}, square{}}),
			map[string]any{
				"Item1": map[string]any{"Radius": 1.0, "Label": nil},
				"Item2": map[string]any{"Side": 0.0, "Corner": map[string]any{"X": 0.0, "Y": 0.0}, "Label": nil},
			},
		},
	} {
		var got any
		if err := c.Decode(test.raw, nil, &got); err != nil {
			t.Errorf("%v: %v", test.want, err)
			continue
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("got %#v, want %#v", got, test.want)
		}
	}
	var got any
	if err := c.Decode(Raw{Type: KindDocument, Data: document(husk...)}, streams, &got); err != nil {
		t.Fatal(err)
	}
	if ds, ok := got.(*DataStream); !ok || ds.Size() != 5 || streams.Len() != 1 {
		t.Errorf("a husk is %v", got)
	}
	inList := Raw{Type: KindDocument, Data: document("$type", "System.Collections.Generic.List`1[[Halibut.DataStream, Halibut]], mscorlib",
		"$values", array("0", Raw{Type: KindDocument, Data: document("id", uuid.New(), "length", 6)}))}
	if err := c.Decode(inList, streams, &got); err != nil {
		t.Fatal(err)
	}
	if ds, ok := got.([]any)[0].(*DataStream); !ok || ds.Size() != 6 {
		t.Errorf("a husk in a list is %v", got)
	}
}

func TestDataStreamsAnywhere(t *testing.T) {
	type holder struct {
		One   *DataStream
		Many  []*DataStream
		Named map[string]*DataStream
		None  *DataStream
		Slot  any
	}
	ds := StreamBytes([]byte("hello"))
	sent := holder{One: ds, Many: []*DataStream{ds, nil, ds}, Named: map[string]*DataStream{"x": ds}, Slot: ds}
	var streams *Streams
	raw, err := (*Codec)(nil).EncodeParams(nil, &streams, []any{sent, ds, nil})
	if err != nil {
		t.Fatal(err)
	}
	if streams.Len() != 6 {
		t.Errorf("%d occurrences, want 6", streams.Len())
	}
	doc, err := AppendRequest(nil, &Request{Method: "m", Params: raw})
	if err != nil {
		t.Fatal(err)
	}
	husks := Husks(doc)
	ids := make(map[uuid.UUID]bool)
	certain := 0
	for _, h := range husks {
		if h.Length != 5 || h.Repeated {
			t.Errorf("husk %+v", h)
		}
		if _, ok := streams.Lookup(h.ID); !ok {
			t.Errorf("husk %v has no stream", h.ID)
		}
		ids[h.ID] = true
		if h.Certain {
			certain++
		}
	}
	if len(ids) != 6 || certain != 2 {
		t.Errorf("%d ids, %d with $type", len(ids), certain)
	}
	received := new(Streams)
	args := parse(t, doc).Request.Args(nil)
	var got holder
	if err := (*Codec)(nil).Decode(args[0], received, &got); err != nil {
		t.Fatal(err)
	}
	if got.None != nil || got.Many[1] != nil || got.Many[2].Size() != 5 || got.Named["x"].Size() != 5 || got.Slot.(*DataStream).Size() != 5 {
		t.Errorf("got %+v", got)
	}
	if received.Len() != 5 {
		t.Errorf("%d streams bound, want 5", received.Len())
	}
	// No streams, no Streams.
	streams = nil
	if _, err := (*Codec)(nil).EncodeParams(nil, &streams, []any{1, holder{}}); err != nil || streams != nil {
		t.Errorf("%v, %v", streams, err)
	}
}

func TestTableOfTypes(t *testing.T) {
	if err := (*Codec)(nil).Check(); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		name string
		typ  reflect.Type
		want string
	}{
		{"A[", reflect.TypeFor[int](), "array brackets"},
		{"A, B, Version=1.0", reflect.TypeFor[int](), "leave version"},
		{"A, B", nil, "the Go type is nil"},
		{"A, B", reflect.TypeFor[chan int](), "cannot travel"},
		{"A, B", reflect.TypeFor[struct{ X []func() }](), "X[]: the Go type func() cannot travel"},
		{"A, B", reflect.TypeFor[*shape](), "a pointer to a pointer or an interface"},
		{"A, B", reflect.TypeFor[**int](), "a pointer to a pointer or an interface"},
	} {
		c := &Codec{Types: map[string]reflect.Type{test.name: test.typ}}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s, %v: %v, want %q", test.name, test.typ, err, test.want)
		}
	}
	// A type without DotNetType goes by its name in the table, the first of several.
	type local struct{ A int }
	c := &Codec{Types: map[string]reflect.Type{"B.Local, B": reflect.TypeFor[local](), "A.Local, A": reflect.TypeFor[*local]()}}
	raw := encodeOne(t, c, []any{&local{1}}).Lookup("$values").Lookup("0")
	if got := string(raw.Lookup("$type").Text()); got != "A.Local, A" {
		t.Errorf("it is called %s", got)
	}
	for _, name := range []string{"A.Local, A", "B.Local, B"} {
		var got any
		if err := c.Decode(Raw{Type: KindDocument, Data: document("$type", name, "a", 5)}, nil, &got); err != nil {
			t.Error(err)
		}
		if name == "A.Local, A" && got.(*local).A != 5 || name == "B.Local, B" && got.(local).A != 5 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTypeAll(t *testing.T) {
	type local struct {
		Names List[string]
		Inner person
		N     int
	}
	c := &Codec{TypeAll: true, Types: map[string]reflect.Type{"Local, X": reflect.TypeFor[local]()}}
	raw := encodeOne(t, c, local{Names: List[string]{"a"}})
	for _, path := range [][]string{{}, {"Names"}, {"Inner"}} {
		v := raw
		for _, name := range path {
			v = v.Lookup(name)
		}
		if v.Lookup("$type").Type != KindString {
			t.Errorf("%v has no $type", path)
		}
	}
	if raw.Lookup("N").Type != KindInt64 {
		t.Error("a scalar is wrapped")
	}
	var got local
	if err := c.Decode(raw, nil, &got); err != nil || got.Names[0] != "a" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCheckType(t *testing.T) {
	type good struct {
		A    *person
		B    map[string][]any
		Self []*drawing
	}
	type bad struct {
		A struct {
			B map[string][]chan int
		}
	}
	if err := CheckType(reflect.TypeFor[good]()); err != nil {
		t.Error(err)
	}
	if err := CheckType(reflect.TypeFor[*bad]()); err == nil || err.Error() != "A.B[][]: the Go type chan int cannot travel" {
		t.Errorf("got %v", err)
	}
}

// Parallel first uses of a type that refers to itself see whole plans only.
func TestPlansAreMadeConcurrently(t *testing.T) {
	type node struct {
		Name string
		Next *node
		Kids map[string][]node
	}
	c := new(Codec)
	v := node{"a", &node{Name: "b"}, map[string][]node{"k": {{Name: "c"}}}}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			raw, err := c.EncodeResult(nil, nil, v)
			if err != nil {
				t.Error(err)
				return
			}
			var got node
			if err := c.Decode(raw, nil, &got); err != nil || got.Next.Name != "b" || got.Kids["k"][0].Name != "c" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	wg.Wait()
}

func TestEncodingAppendsToTheBufferGiven(t *testing.T) {
	buf := make([]byte, 0, 1024)
	first, err := (*Codec)(nil).EncodeParams(buf, nil, []any{"a"})
	if err != nil {
		t.Fatal(err)
	}
	if &first.Data[0] != &buf[:1][0] {
		t.Error("the buffer's storage is not used")
	}
	second, err := (*Codec)(nil).EncodeResult([]byte("before"), nil, []any{"a"})
	if err != nil || second.Type != KindDocument || second.Validate(0) != nil {
		t.Errorf("%v, %v", second, err)
	}
	if v, err := (*Codec)(nil).EncodeResultValue(nil, nil, reflect.Value{}); err != nil || !v.IsNull() {
		t.Errorf("%v, %v", v, err)
	}
}
