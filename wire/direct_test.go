package wire

import (
	"bytes"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halibut-go/halibut/internal/bson"
)

type (
	directText  string
	directFlag  bool
	directSmall int32
)

// directBase lies in the middle of what embeds it.
type directBase struct {
	Before int16
	Inner  string
	Flag   directFlag
}

// plainFields has every plain kind, named types, and others between them.
type plainFields struct {
	A bool
	B int32
	C int64
	D float64
	E string
	F directText
	G directSmall
	directBase
	H []string
	I *int64
	J int
	K uint64
	L float32
	M string `halibut:",nullzero"`
	N int64  `halibut:",object"`
	O TimeSpan
	P []int64
	Q []directFlag
	R []float64
}

func sampleFields() plainFields {
	return plainFields{
		true, -7, 1 << 40, 1.5, "ünï", "named", 9, directBase{3, "inner", true}, []string{"a", "", "ß"}, ptr(int64(5)), 6, 7, 2.5,
		"m", 8, TimeDay, []int64{1, -2, math.MaxInt64}, []directFlag{true, false}, []float64{0, math.Inf(1), 3},
	}
}

// What is written where it lies is what is written by the usual way, which is that
// of values that have no address.
func TestWritingDirectlyMakesTheSameBytes(t *testing.T) {
	value := sampleFields()
	var c Codec
	usual, err := c.EncodeResult(nil, nil, value)
	if err != nil {
		t.Fatal(err)
	}
	direct, err := c.EncodeResult(nil, nil, &value)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(usual.Data, direct.Data) {
		t.Errorf("%x\n%x", usual.Data, direct.Data)
	}
	var back plainFields
	if err := c.Decode(direct, nil, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(value, back, cmp.AllowUnexported(plainFields{})); diff != "" {
		t.Error(diff)
	}
	nan, err := c.EncodeResult(nil, nil, []float64{math.NaN()})
	if err != nil || !bytes.Contains(nan.Data, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0xff}) {
		t.Errorf("NaN is % x, %v", nan.Data, err)
	}
}

func TestWritingDirectlyTellsWhatIsNoText(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{&plainFields{E: "\xff"}, "E: "},
		{&plainFields{H: []string{"a", "b\xff"}}, "H[1]: "},
		{[]directText{"a", "\xff"}, "[1]: "},
		{[]plainFields{{}, {F: "\xff"}}, "[1].F: "},
	} {
		_, err := new(Codec).EncodeParams(nil, nil, []any{test.value})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "is not UTF-8") {
			t.Errorf("%T: %v", test.value, err)
		}
	}
}

// Members of other kinds, in another order and with other names, go the usual way.
func TestReadingDirectlyTakesWhatTheUsualWayTakes(t *testing.T) {
	value := sampleFields()
	typ := reflect.TypeOf(value)
	var c Codec
	raw, err := c.EncodeResult(nil, nil, &value)
	if err != nil {
		t.Fatal(err)
	}
	var members []bson.Value
	var names []string
	for it := raw.Elements(); it.Next(); {
		names, members = append(names, string(it.Name())), append(members, it.Value())
	}
	for _, test := range []struct {
		name  string
		build func(dst []byte) []byte
	}{
		{"backwards", func(dst []byte) []byte {
			for i := len(names) - 1; i >= 0; i-- {
				dst = bson.AppendValue(dst, names[i], members[i])
			}
			return dst
		}},
		{"lower case, with members that nobody knows", func(dst []byte) []byte {
			for i := range names {
				dst = bson.AppendString(dst, "unknown", "x")
				dst = bson.AppendValue(dst, strings.ToLower(names[i]), members[i])
			}
			return dst
		}},
		{"integers of the other length, whole doubles", func(dst []byte) []byte {
			for i, m := range members {
				n, integer := m.Integer()
				switch {
				case names[i] == "C" || names[i] == "J":
					dst = bson.AppendHeader(dst, bson.Double, names[i])
					dst = bson.AppendDoubleData(dst, float64(n))
				case integer && m.Type == KindInt32:
					dst = bson.AppendInt64(dst, names[i], n)
				case integer && n <= math.MaxInt32:
					dst = bson.AppendInt32(dst, names[i], int32(n))
				default:
					dst = bson.AppendValue(dst, names[i], m)
				}
			}
			return dst
		}},
	} {
		doc, start := bson.Begin(nil)
		doc = bson.End(test.build(doc), start)
		if err := bson.Validate(doc, 0); err != nil {
			t.Fatal(err)
		}
		back := reflect.New(typ)
		if err := c.Decode(Raw{Type: KindDocument, Data: doc}, nil, back.Interface()); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(value, back.Elem().Interface(), cmp.AllowUnexported(plainFields{})); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
	mixed := bson.AppendInt64(bson.AppendInt32(bson.AppendInt64([]byte{0, 0, 0, 0}, "0", 1), "1", 2), "2", 3)
	var list []int64
	if err := c.Decode(Raw{Type: KindArray, Data: bson.End(mixed, 0)}, nil, &list); err != nil || !reflect.DeepEqual(list, []int64{1, 2, 3}) {
		t.Errorf("%v, %v", list, err)
	}
	strange := bson.AppendBool(bson.AppendInt64([]byte{0, 0, 0, 0}, "0", 1), "1", true)
	if err := c.Decode(Raw{Type: KindArray, Data: bson.End(strange, 0)}, nil, &list); err == nil || !strings.Contains(err.Error(), "[1]: found a bool") {
		t.Errorf("%v", err)
	}
}

// Long bytes are handed out where they lie, if their document is given away and is
// hardly longer.
func TestBytesOfAnOwnedDocumentAreHandedOut(t *testing.T) {
	long := make([]byte, 100_000)
	random(long)
	for _, test := range []struct {
		name   string
		value  any
		into   any
		owned  bool
		handed bool
	}{
		{"long", long, new([]byte), true, true},
		{"long, in a struct", struct{ B []byte }{long}, new(struct{ B []byte }), true, true},
		{"short", long[:handOutFrom-1], new([]byte), true, false},
		{"not given away", long, new([]byte), false, false},
		{"two", [][]byte{long, long}, new([][]byte), true, false},
		{"into an array", long, new([100_000]byte), true, false},
	} {
		document := responseOf(t, test.value)
		message, err := ParseMessage(document, 0)
		if err != nil {
			t.Fatal(err)
		}
		given := document
		if !test.owned {
			given = nil
		}
		into := reflect.ValueOf(test.into).Elem()
		if err := new(Codec).DecodeOwned(message.Response.Result, &given, nil, into); err != nil {
			t.Fatal(err)
		}
		if handed := test.owned && given == nil; handed != test.handed {
			t.Errorf("%s: handed out: %v", test.name, handed)
		}
		before := len(fmtBytes(into.Interface()))
		clear(document)
		if zero := isZeroBytes(into.Interface()); zero != test.handed {
			t.Errorf("%s: aliases the document: %v", test.name, zero)
		}
		if list, ok := into.Interface().([]byte); ok && cap(list) != before && test.handed {
			t.Errorf("%s: %d bytes have room for %d, which are the document's", test.name, before, cap(list))
		}
	}
}

func fmtBytes(v any) []byte {
	switch v := v.(type) {
	case []byte:
		return v
	case [][]byte:
		return v[0]
	case [100_000]byte:
		return v[:]
	default:
		return reflect.ValueOf(v).Field(0).Bytes()
	}
}

func isZeroBytes(v any) bool { return len(bytes.Trim(fmtBytes(v), "\x00")) == 0 }

func TestAListThatCannotBeReadLeavesTheEarlierOne(t *testing.T) {
	bad, err := new(Codec).EncodeResult(nil, nil, []any{"1", "2", "3", 4.5, "5"})
	if err != nil {
		t.Fatal(err)
	}
	earlier := []string{"a", "b"}
	got := earlier
	if err := new(Codec).Decode(bad, nil, &got); err == nil {
		t.Fatalf("a list with a number was read as %q", got)
	}
	if !slices.Equal(got, earlier) {
		t.Errorf("the list that cannot be read left %q", got)
	}
	got = nil
	if err := new(Codec).Decode(bad, nil, &got); err == nil || got != nil {
		t.Errorf("the list that cannot be read left %q, %v", got, err)
	}
}

// TestFewLongItemsMakeNoRoomForMany counts the bytes that are allocated for lists
// whose first items are no example of the others.
func TestFewLongItemsMakeNoRoomForMany(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	texts, lists := make([]string, 4_000), make([][]string, 4_000)
	for i := range 9 {
		texts[i] = long
		lists[i] = []string{long}
	}
	many := make([][]string, 400) // short ones first
	for i := range many {
		many[i] = slices.Repeat([]string{strings.Repeat("y", i)}, 20)
	}
	for _, value := range []any{texts, lists, many} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		result, err := new(Codec).EncodeResult(nil, nil, value)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		allocated := int(after.TotalAlloc - before.TotalAlloc)
		if most := 16 * len(result.Data); allocated > most {
			t.Errorf("%T: %d bytes were allocated for %d", value, allocated, len(result.Data))
		}
	}
}
