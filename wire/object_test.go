package wire

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

type composedAddress struct {
	Street string
	Since  time.Time
}

func (composedAddress) DotNetType() string { return "Samples.Address, Samples" }

type composedPerson struct {
	Name  string
	Home  *composedAddress
	Id    uuid.UUID
	Tags  List[string]
	Photo []byte
	None  *composedAddress
}

func (composedPerson) DotNetType() string { return "Samples.Person, Samples" }

// TestObject holds what is put together at run time against the same values of
// Go types, byte by byte.
func TestObject(t *testing.T) {
	since, id := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC), uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff")
	typed := []any{
		&composedPerson{Name: "Ada", Home: &composedAddress{"Main", since}, Id: id, Tags: List[string]{"a", "b"}, Photo: []byte{1}},
		List[string]{"x"}, []int64{1, 2}, []any{int32(1), "x"},
	}
	home := Object{Members: []Member{{"Street", "Main"}, {"Since", since}}}
	composed := []any{
		Object{"Samples.Person, Samples", []Member{
			{"Name", "Ada"}, {"Home", home}, {"Id", id}, {"Tags", Items{Values: []any{"a", "b"}}}, {"Photo", []byte{1}}, {"None", nil},
		}},
		&Items{"System.Collections.Generic.List`1[[System.String, mscorlib]], mscorlib", []any{"x"}},
		Items{"System.Int64[], mscorlib", []any{int64(1), int64(2)}},
		Items{"System.Object[], mscorlib", []any{int32(1), "x"}},
	}
	want, err := new(Codec).EncodeParams(nil, nil, typed)
	if err != nil {
		t.Fatal(err)
	}
	got, err := new(Codec).EncodeParams(nil, nil, composed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Data, want.Data) {
		t.Errorf("put together\n%x, by its Go types\n%x", got.Data, want.Data)
	}
}

// TestObjectStreams sends the streams inside of what was put together.
func TestObjectStreams(t *testing.T) {
	var streams *Streams
	first, second := StreamBytes([]byte("first")), StreamBytes([]byte("second"))
	raw, err := new(Codec).EncodeParams(nil, &streams, []any{
		Object{Members: []Member{{"Content", first}, {"More", Items{Values: []any{second}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var sent []*DataStream
	for _, ds := range streams.All() {
		sent = append(sent, ds)
	}
	if len(sent) != 2 || sent[0] != first || sent[1] != second {
		t.Errorf("the streams are %v", sent)
	}
	if husks := Husks(raw.Data); len(husks) != 2 || husks[0].Length != 5 || husks[1].Length != 6 {
		t.Errorf("the husks are %v", husks)
	}
}

func TestObjectRefused(t *testing.T) {
	deep := any("x")
	for range 200 {
		deep = Items{Values: []any{deep}}
	}
	for _, tt := range []struct {
		value any
		want  string
	}{
		{Object{Members: []Member{{"$type", "x"}}}, `params[0].$type: `},
		{Object{Members: []Member{{"A", 1}, {"A", 2}}}, "params[0].A: two members have this name"},
		{Object{Members: []Member{{"A\x00", 1}}}, "NUL"},
		{Object{Members: []Member{{"A", Items{Values: []any{make(chan int)}}}}}, "params[0].A[0]: the Go type chan int cannot travel"},
		{deep, "nest deeper than 100"},
	} {
		if _, err := new(Codec).EncodeParams(nil, nil, []any{tt.value}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v; want %q", tt.value, err, tt.want)
		}
	}
	raw, err := new(Codec).EncodeResult(nil, nil, Object{})
	if err != nil {
		t.Fatal(err)
	}
	var o Object
	if err := new(Codec).Decode(raw, nil, &o); err == nil || !strings.Contains(err.Error(), "use a Raw") {
		t.Errorf("decoded into an Object: %v", err)
	}
}

// TestReceiving tells how far the streams have come that are kept in memory and
// in a file.
func TestReceiving(t *testing.T) {
	const size = 5 << 20
	for _, memory := range []int64{size, 10} {
		var told []Progress
		in := new(Streams)
		body := sample(size)
		if _, err := in.Bind(idA, int64(len(body))); err != nil {
			t.Fatal(err)
		}
		o := &ReaderOptions{Limits: Limits{StreamMemory: memory}, TempDir: t.TempDir(), Receiving: func(p Progress) { told = append(told, p) }}
		if err := readerOn(t, frameOf(idA, body), o).ReadStreams(in); err != nil {
			t.Fatal(err)
		}
		if len(told) != 100 || told[99] != (Progress{Percent: 100, Bytes: size, Size: size}) {
			t.Errorf("with %d bytes of memory %d reports: %v", memory, len(told), told)
		}
		if memory == 10 && (told[20].Bytes < size/5 || told[20].Bytes >= size/2) {
			t.Errorf("in the middle %v", told[20])
		}
		if err := in.CloseAll(); err != nil {
			t.Error(err)
		}
	}
}
