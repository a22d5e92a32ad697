package redisqueue

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"
)

// CheckedStream is what a StreamStore notes in its metadata about a data stream
// that it has stored, to know it again: others may be able to write to where the
// streams are kept. It is for the authors of stores; all in this module use it.
type CheckedStream struct {
	Size   int64  `json:"size"`   // in bytes
	SHA256 string `json:"sha256"` // of the content, in hexadecimal digits
}

// Open opens what is stored of the stream with this id, whose content open gives,
// to be read by one goroutine. Reading fails, before the last bytes are handed
// out, where what was read has another SHA-256 than what was stored, and where
// it has another length. It fails at once, and opens nothing, where c holds no
// SHA-256. The errors name the stream and wrap those of open and the content.
func (c CheckedStream) Open(id uuid.UUID, open func() (io.ReadCloser, error)) (io.ReadCloser, error) {
	sum, err := hex.DecodeString(c.SHA256)
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("data stream %s: the metadata holds no SHA-256", id)
	}
	content, err := open()
	if err != nil {
		return nil, fmt.Errorf("data stream %s: %w", id, err)
	}
	return &checkedReader{ReadCloser: content, id: id, left: c.Size, want: sum, digest: sha256.New()}, nil
}

// checkedReader reads a stream from its store, and at its end compares what was
// read with what was stored.
type checkedReader struct {
	io.ReadCloser
	id     uuid.UUID
	left   int64
	want   []byte
	digest hash.Hash
	err    error
}

func (c *checkedReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.ReadCloser.Read(p)
	c.digest.Write(p[:n])
	c.left -= int64(n)
	switch {
	case c.left < 0 || err == io.EOF && c.left > 0:
		n, err = 0, fmt.Errorf("data stream %s: it is not what was stored: the length differs", c.id)
	case c.left == 0 && (n > 0 || err == io.EOF) && !bytes.Equal(c.digest.Sum(nil), c.want):
		// Found out with the last byte, since not every reader asks for more.
		n, err = 0, fmt.Errorf("data stream %s: it is not what was stored: the SHA-256 differs", c.id)
	case err != nil && err != io.EOF:
		err = fmt.Errorf("data stream %s: %w", c.id, err)
	}
	c.err = err
	return n, err
}
