package wire

import (
	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
)

// netGUID turns a UUID into the byte order in which .NET writes a Guid, or
// back: the first three groups are little-endian there (wire protocol,
// section 4). It is its own inverse.
func netGUID(id [16]byte) [16]byte {
	return [16]byte{
		id[3], id[2], id[1], id[0], id[5], id[4], id[7], id[6],
		id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15],
	}
}

// AppendGUID appends the 16 bytes in which .NET writes a Guid.
func AppendGUID(dst []byte, id uuid.UUID) []byte {
	b := netGUID(id)
	return append(dst, b[:]...)
}

// GUID reads the 16 bytes in which .NET writes a Guid.
func GUID(b [16]byte) uuid.UUID { return uuid.UUID(netGUID(b)) }

// guidOf reads a binary value that holds a Guid.
func guidOf(v Raw) (uuid.UUID, bool) {
	if v.Type != KindBinary {
		return uuid.UUID{}, false
	}
	subtype, data := v.Binary()
	if len(data) != 16 || subtype != subtypeGUID {
		return uuid.UUID{}, false
	}
	return GUID([16]byte(data)), true
}

const subtypeGUID = bson.SubtypeGUID
