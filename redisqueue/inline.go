package redisqueue

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/wire"
)

// DefaultInlineLimit is the size up to which InlineStreams takes the data
// streams of a message, where it is not said.
const DefaultInlineLimit = 1 << 20

// InlineStreams is a StreamStore that keeps streams in Redis, in the metadata
// of their message: a JSON object of ids and bytes in base64. It is for small
// streams; a message whose streams are larger than Limit together fails. Zero
// is DefaultInlineLimit, negative is no limit but that of Redis.
type InlineStreams struct{ Limit int64 }

var _ StreamStore = InlineStreams{}

func (s InlineStreams) limit() int64 {
	switch {
	case s.Limit == 0:
		return DefaultInlineLimit
	case s.Limit < 0:
		return 256 << 20 // in base64 that is what fits into one value
	}
	return s.Limit
}

// Store implements StreamStore.
func (s InlineStreams) Store(ctx context.Context, _ Message, streams *wire.Streams) ([]byte, error) {
	total := int64(0)
	for _, stream := range streams.All() {
		if total += stream.Size(); total > s.limit() {
			return nil, fmt.Errorf("the streams of the message have more than %d bytes, which is the limit of InlineStreams: use a SharedDirectory for large ones", s.limit())
		}
	}
	kept := make(map[uuid.UUID][]byte, streams.Len())
	for id, stream := range streams.All() {
		var content bytes.Buffer
		err := readExactly(ctx, stream, nil, func(r io.Reader) error {
			_, err := content.ReadFrom(r)
			return err
		})
		if err != nil {
			return nil, err
		}
		kept[id] = content.Bytes()
	}
	return json.Marshal(kept)
}

// Load implements StreamStore.
func (s InlineStreams) Load(_ context.Context, _ Message, metadata []byte) (StoredStreams, error) {
	if most := s.limit()/3*4 + 1<<20; int64(len(metadata)) > most {
		return nil, fmt.Errorf("the metadata has %d bytes: at most %d are taken (InlineStreams.Limit)", len(metadata), most)
	}
	kept := inlineStreams{}
	if err := json.Unmarshal(metadata, &kept); err != nil {
		return nil, fmt.Errorf("the metadata %.40q is not that of InlineStreams: %w", metadata, err)
	}
	return kept, nil
}

type inlineStreams map[uuid.UUID][]byte

func (s inlineStreams) Stream(id uuid.UUID) (StoredStream, bool) {
	content, ok := s[id]
	return StoredStream{
		Size:    int64(len(content)),
		Open:    func() (io.ReadCloser, error) { return readSeekNopCloser{bytes.NewReader(content)}, nil },
		Release: func() {},
	}, ok
}

type readSeekNopCloser struct{ *bytes.Reader }

func (readSeekNopCloser) Close() error { return nil }
