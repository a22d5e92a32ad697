package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestHusksInRecordedDocuments(t *testing.T) {
	certain, possible, repeated := 0, 0, 0
	for _, d := range recordedDocuments(t) {
		for _, husk := range Husks(d.doc) {
			switch {
			case husk.Repeated:
				repeated++
			case husk.Certain:
				certain++
			default:
				possible++
			}
			if husk.Length > 1<<30 || husk.ID == (uuid.UUID{}) {
				t.Errorf("%s: a husk %+v", d.file, husk)
			}
		}
	}
	if certain < 10 || possible < 20 || repeated < 3 {
		t.Errorf("%d certain, %d possible, %d repeated husks: some are not found", certain, possible, repeated)
	}
}

func TestHusks(t *testing.T) {
	one, two := uuid.New(), uuid.New()
	old := Raw{Type: KindBinary, Data: append([]byte{16, 0, 0, 0, 3}, make([]byte, 16)...)}
	short := Raw{Type: KindBinary, Data: []byte{1, 0, 0, 0, 4, 0}}
	doc := document(
		"a", []any{"id", one, "length", 5},
		"b", []any{"$type", "Halibut.DataStream, Halibut", "Length", 6, "ID", two},
		"c", array("0", Raw{Type: KindDocument, Data: document("length", 5, "id", one)}),
		"extra member", []any{"id", one, "length", 5, "x", 1},
		"length is int32", []any{"id", one, "length", int32(5)},
		"no length", []any{"id", one},
		"no id", []any{"length", 5},
		"negative", []any{"id", one, "length", -1},
		"other type", []any{"$type", "Samples.Person, Samples", "id", one, "length", 5},
		"two ids", []any{"id", one, "id", two, "length", 5},
		"old subtype", []any{"id", old, "length", 5},
		"short id", []any{"id", short, "length", 5},
	)
	want := []Husk{
		{ID: one, Length: 5},
		{ID: two, Length: 6, Certain: true},
		{ID: one, Length: 5, Repeated: true},
	}
	if diff := cmp.Diff(want, Husks(doc)); diff != "" {
		t.Error(diff)
	}
	for _, none := range [][]byte{
		document(),
		document("activityId", one, "length", 5),
		document("a", []any{"xid", one, "length", 5}),
		document("Message", []any{"activityId", one, "params", "\x05id\x00\x10\x00\x00\x00"}),
	} {
		if husks := Husks(none); husks != nil {
			t.Errorf("%x has husks %v", none, husks)
		}
	}
}

// Streams inside of recorded classes and lists bind where the Go types have them.
func TestRecordedStreamsBind(t *testing.T) {
	c := contractsCodec()
	bound := 0
	for _, d := range documentsOf(t, "testdata/flows/8.1.2000-listening-streams.json") {
		m := parse(t, d.doc)
		if m.Request == nil {
			continue
		}
		streams := new(Streams)
		arg := m.Request.Args(nil)[0]
		var got []*DataStream
		var err error
		switch m.Request.Method {
		case "Upload":
			var u upload
			err = c.Decode(arg, streams, &u)
			got = append(got, u.Content)
		case "Two":
			var b both
			err = c.Decode(arg, streams, &b)
			got = append(got, b.First, b.Second)
		case "StreamList":
			var l List[*DataStream]
			err = c.Decode(arg, streams, &l)
			got = l
		case "Count":
			var one *DataStream
			err = c.Decode(arg, streams, &one)
			got = append(got, one)
		}
		if err != nil {
			t.Fatalf("%s: %v", m.Request.Method, err)
		}
		husks := Husks(d.doc)
		if len(husks) != len(got) || streams.Len() != len(got) {
			t.Errorf("%s: %d husks, %d streams, %d bound", m.Request.Method, len(husks), len(got), streams.Len())
		}
		for i, ds := range got {
			bound++
			if found, ok := streams.Lookup(husks[i].ID); !ok || found != ds || ds.Size() != husks[i].Length {
				t.Errorf("%s: stream %d is another one", m.Request.Method, i)
			}
		}
	}
	if bound != 9 {
		t.Errorf("%d streams bound", bound)
	}
}

func TestLookingForHusksAllocatesNothingWhereThereAreNone(t *testing.T) {
	doc := valueVectors(t)[0].Request.bytes(t)
	if n := testing.AllocsPerRun(10, func() {
		if Husks(doc) != nil {
			t.Error("a husk is found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
