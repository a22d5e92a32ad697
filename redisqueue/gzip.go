package redisqueue

import (
	"bytes"
	"fmt"
	"io"

	"compress/gzip"
)

// Gzip is a Wrapper that compresses messages, as the reference's ready-made one
// does: .NET nodes that have it can share the queue.
type Gzip struct{}

var _ Wrapper = Gzip{}

// Wrap implements Wrapper.
func (Gzip) Wrap(_ Message, plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

// Unwrap implements Wrapper.
func (Gzip) Unwrap(_ Message, wrapped []byte, limit int64) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(wrapped))
	if err != nil {
		return nil, fmt.Errorf("the message was not compressed with gzip: %w", err)
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, min(limit, 1<<62)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the message does not decompress: %w", err)
	case n > limit:
		return nil, fmt.Errorf("the message has more than %d bytes when it is decompressed (Options.Limits.Document)", limit)
	}
	return b.Bytes(), nil
}
