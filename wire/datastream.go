package wire

import (
	"io"

	"github.com/google/uuid"
)

// DataStream is a stream of bytes of known length that travels beside a
// message. (placeholder: the framing work fills it in)
type DataStream struct {
	id   uuid.UUID
	size int64
	open func() (io.ReadCloser, error)
}

// Size is the declared length in bytes.
func (d *DataStream) Size() int64 { return d.size }
