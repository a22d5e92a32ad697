package redisqueue

import (
	"encoding/binary"
)

// Between Go nodes a short answer is published as well as stored, so that the
// sender need not fetch it: the id of its request, and then message, metadata
// and failure, each after its length. A long one is only announced, by the id.

// publishedAtMost is the length up to which an answer is published.
const publishedAtMost = 32 << 10

const idLength = 36

func (a *answer) publication(id string) string {
	length := len(a.payload.message) + len(a.payload.metadata) + len(a.failure)
	if length > publishedAtMost {
		return id
	}
	b := make([]byte, 0, idLength+12+length)
	b = append(b, id...)
	for _, part := range [][]byte{a.payload.message, a.payload.metadata, a.failure} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return text(b)
}

// parsePublication reads what publication wrote; the answer is nil when it was
// only announced.
func parsePublication(published string) (id string, a *answer, ok bool) {
	if len(published) < idLength {
		return "", nil, false
	}
	id, rest := published[:idLength], []byte(published[idLength:])
	if len(rest) == 0 {
		return id, nil, true
	}
	a = &answer{}
	for _, part := range []*[]byte{&a.payload.message, &a.payload.metadata, &a.failure} {
		if *part, rest, ok = cutPart(rest); !ok {
			return "", nil, false
		}
	}
	return id, a, len(rest) == 0
}

// cutPart takes one part off, which is behind its length.
func cutPart(b []byte) (part, rest []byte, ok bool) {
	if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
		return nil, nil, false
	}
	end := 4 + binary.LittleEndian.Uint32(b)
	return b[4:end:end], b[end:], true
}
