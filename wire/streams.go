package wire

import (
	"errors"

	"github.com/google/uuid"
)

// Streams are the data streams of one message: those to send, in the order
// their husks stand in the document, or those received, found by id.
type Streams struct {
	entries []*DataStream
}

// Add registers an occurrence of an outgoing stream and returns the fresh id
// that its husk carries.
func (s *Streams) Add(ds *DataStream) (uuid.UUID, error) {
	if ds == nil {
		return uuid.UUID{}, errors.New("halibut: nil data stream")
	}
	s.entries = append(s.entries, ds)
	return uuid.New(), nil
}

// Bind returns the received stream with this id, or one that is filled when
// its frame arrives; husks that share an id share the stream.
func (s *Streams) Bind(id uuid.UUID, length int64) (*DataStream, error) {
	ds := &DataStream{id: id, size: length}
	s.entries = append(s.entries, ds)
	return ds, nil
}
