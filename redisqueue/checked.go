package redisqueue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/wire"
)

// CheckedStream is what a StreamStore notes in its metadata about a data stream
// that it has stored, to know it again: others may be able to write to where the
// streams are kept. It is for the authors of stores; all in this module use it.
type CheckedStream struct {
	Size   int64  `json:"size"`   // in bytes
	SHA256 string `json:"sha256"` // of the content, in hexadecimal digits
}

// StoreChecked has write store what a stream holds, and returns what to note of
// it. The content that write gets has exactly as many bytes as the stream
// declares, and write has to read all of them. Where the stream has fewer or
// more, reading fails before the last bytes are handed out, with a
// *wire.StreamError; it fails with the error of ctx when that ends. StoreChecked
// returns what reading has failed with, whatever write makes of it.
func StoreChecked(ctx context.Context, stream *wire.DataStream, write func(content io.Reader) error) (CheckedStream, error) {
	digest := sha256.New()
	if err := readExactly(ctx, stream, digest, write); err != nil {
		return CheckedStream{}, err
	}
	return CheckedStream{Size: stream.Size(), SHA256: hex.EncodeToString(digest.Sum(nil))}, nil
}

// readExactly is StoreChecked with a digest that may be nil.
func readExactly(ctx context.Context, stream *wire.DataStream, digest hash.Hash, write func(io.Reader) error) error {
	content, err := stream.Open()
	if err != nil {
		return err
	}
	source := &exactReader{ctx: ctx, r: content, size: stream.Size(), left: stream.Size(), digest: digest}
	err = write(source)
	if source.left == 0 {
		_, _ = source.Read(make([]byte, 1)) // who wants no bytes does not ask for them
	}
	switch {
	case source.err != nil && source.err != io.EOF:
		err = source.err // which is why
	case err == nil && source.left > 0:
		err = fmt.Errorf("of its %d bytes %d were not stored", source.size, source.left)
	}
	return errors.Join(err, content.Close())
}

// exactReader reads as many bytes of a stream as it declares, and fails where
// there are others.
type exactReader struct {
	ctx        context.Context
	r          io.Reader
	size, left int64
	digest     hash.Hash // nil: none
	err        error     // that reading has ended with
}

func (e *exactReader) Read(p []byte) (n int, err error) {
	if e.err != nil {
		return 0, e.err
	}
	n, e.err = e.read(p)
	return n, e.err
}

func (e *exactReader) read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil || len(p) == 0 {
		return 0, err
	}
	n, err := 0, error(nil)
	if e.left > 0 {
		n, err = e.r.Read(p[:min(int64(len(p)), e.left)])
		e.left -= int64(n)
		if e.digest != nil {
			e.digest.Write(p[:n])
		}
	}
	switch {
	case err == io.EOF && e.left > 0:
		return n, e.wrong(e.size-e.left, false)
	case err != nil || e.left > 0:
		return n, err
	}
	switch more, err := io.ReadFull(e.r, make([]byte, 1)); {
	case more > 0:
		return 0, e.wrong(e.size+1, true)
	case err != io.EOF:
		return 0, err
	}
	return n, io.EOF
}

func (e *exactReader) wrong(actual int64, more bool) error {
	return &wire.StreamError{Sending: true, Declared: e.size, Actual: actual, More: more}
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
