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
