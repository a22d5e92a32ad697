package wire

import (
	"bytes"

	"github.com/google/uuid"
)

// Husk is what a data stream leaves in the document: its id and its length.
// The bytes follow the message in a frame with the same id.
type Husk struct {
	ID     uuid.UUID
	Length int64
	// Certain: it has $type Halibut.DataStream, so a frame follows. Without it
	// the document may only look like a data stream, and whether a frame
	// follows is known by the Go type that it is decoded into, or when a frame
	// with this id arrives.
	Certain bool
	// Repeated: an earlier husk of the document has the same id. Releases up to
	// 6.0 send one frame for both, 8.1 one for each.
	Repeated bool
}

// huskID is what stands between the name and the bytes of a husk's id, but for
// the name's end: the length 16, the subtype. That end is left out because the
// search goes by the first byte, and few are as frequent as 0.
var huskID = []byte{16, 0, 0, 0, subtypeGUID}

// Husks finds every sub-document of a validated document that is or may be a
// data stream: a binary id of 16 bytes, an int64 length, and beside them
// nothing but $type (wire protocol, section 3). It is nil for a document
// without any, found out by a search for the bytes that every husk holds.
func Husks(doc []byte) []Husk {
	if !mayHoldHusk(doc) {
		return nil
	}
	f := huskFinder{seen: make(map[uuid.UUID]bool)}
	f.walk(Raw{Type: KindDocument, Data: doc})
	return f.husks
}

func mayHoldHusk(doc []byte) bool {
	for {
		i := bytes.Index(doc, huskID)
		if i < 0 {
			return false
		}
		if i >= 4 && doc[i-4] == byte(KindBinary) && doc[i-3]|0x20 == 'i' && doc[i-2]|0x20 == 'd' && doc[i-1] == 0 {
			return true
		}
		doc = doc[i+1:]
	}
}

type huskFinder struct {
	husks []Husk
	seen  map[uuid.UUID]bool
}

// walk recurses no deeper than validation allowed the document to nest.
func (f *huskFinder) walk(v Raw) {
	if v.Type == KindDocument {
		if husk, ok := huskOf(v); ok {
			husk.Repeated = f.seen[husk.ID]
			f.seen[husk.ID] = true
			f.husks = append(f.husks, husk)
			return
		}
	}
	for it := v.Elements(); it.Next(); {
		if child := it.Value(); child.Type == KindDocument || child.Type == KindArray {
			f.walk(child)
		}
	}
}

// huskOf reads a document that has a data stream's members and no others.
func huskOf(v Raw) (h Husk, ok bool) {
	hasID, hasLength := false, false
	for it := v.Elements(); it.Next(); {
		name, value := it.Name(), it.Value()
		switch {
		case string(name) == "$type" && value.Type == KindString:
			if !isDataStream(value.Text()) {
				return Husk{}, false
			}
			h.Certain = true
		case foldEqual(name, "id") && !hasID:
			if h.ID, hasID = guidOf(value); !hasID {
				return Husk{}, false
			}
		case foldEqual(name, "length") && value.Type == KindInt64 && !hasLength:
			h.Length, hasLength = value.Int64(), true
		default:
			return Husk{}, false
		}
	}
	return h, hasID && hasLength && h.Length >= 0
}

func isDataStream(name []byte) bool {
	full, _, _ := bytes.Cut(name, []byte(","))
	return string(full) == "Halibut.DataStream"
}
