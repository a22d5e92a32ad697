// Package storetest checks what every redisqueue.StreamStore has to do.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/redisqueue"
	"github.com/halibut-go/halibut/wire"
)

// Run tests the stores that open makes, one for each subtest.
func Run(t *testing.T, open func(t *testing.T) redisqueue.StreamStore) {
	t.Run("KeepsAll", func(t *testing.T) { keepsAll(t, open(t)) })
	t.Run("RefusesForeignMetadata", func(t *testing.T) { refusesForeignMetadata(t, open(t)) })
	t.Run("RefusesWrongLengths", func(t *testing.T) { refusesWrongLengths(t, open(t)) })
	t.Run("EndsWithItsContext", func(t *testing.T) { endsWithItsContext(t, open(t)) })
}

// Store stores contents, and returns their ids in order and the metadata.
func Store(t *testing.T, store redisqueue.StreamStore, contents ...[]byte) (ids []uuid.UUID, metadata []byte) {
	t.Helper()
	var streams wire.Streams
	for _, content := range contents {
		id, err := streams.Add(wire.StreamBytes(content))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	metadata, err := store.Store(t.Context(), redisqueue.Message{}, &streams)
	if err != nil {
		t.Fatal(err)
	}
	return ids, metadata
}

// Load loads one stream.
func Load(t *testing.T, store redisqueue.StreamStore, metadata []byte, id uuid.UUID) redisqueue.StoredStream {
	t.Helper()
	stored, err := store.Load(t.Context(), redisqueue.Message{}, metadata)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := stored.Stream(id)
	if !ok {
		t.Fatalf("stream %s is not there", id)
	}
	return s
}

// Read reads a stream to its end.
func Read(s redisqueue.StoredStream) ([]byte, error) {
	r, err := s.Open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	return content, errors.Join(err, r.Close())
}

func keepsAll(t *testing.T, store redisqueue.StreamStore) {
	var contents [][]byte
	for _, size := range []int{0, 1, 100_000} {
		content := make([]byte, size)
		_, _ = rand.Read(content) // never fails
		contents = append(contents, content)
	}
	ids, metadata := Store(t, store, contents...)
	stored, err := store.Load(t.Context(), redisqueue.Message{}, metadata)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := stored.Stream(uuid.New()); ok {
		t.Error("a stream that was not stored is there")
	}
	for i, id := range ids {
		s, ok := stored.Stream(id)
		if !ok || s.Size != int64(len(contents[i])) {
			t.Fatalf("stream %s: %+v, %v", id, s, ok)
		}
		for range 2 { // any number of times
			if got, err := Read(s); err != nil || !bytes.Equal(got, contents[i]) {
				t.Errorf("%d bytes came back as %d: %v", len(contents[i]), len(got), err)
			}
		}
		s.Release()
	}
}

func refusesForeignMetadata(t *testing.T, store redisqueue.StreamStore) {
	for _, metadata := range []string{
		"", "sample-store-1", "[]", "3", `{"../../etc/passwd":"AAAA"}`,
		`{"files":{"../x":{"size":1}}}`, `{"objects":{"../x":{"size":1}}}`, strings.Repeat("x", 100),
	} {
		stored, err := store.Load(t.Context(), redisqueue.Message{}, []byte(metadata))
		if err == nil {
			t.Errorf("metadata %q is taken: %v", metadata, stored)
		}
	}
}

func refusesWrongLengths(t *testing.T, store redisqueue.StreamStore) {
	for _, size := range []int64{2, 4} {
		var streams wire.Streams
		if _, err := streams.Add(wire.StreamOf(strings.NewReader("abc"), size)); err != nil {
			t.Fatal(err)
		}
		_, err := store.Store(t.Context(), redisqueue.Message{}, &streams)
		var wrong *wire.StreamError
		if !errors.As(err, &wrong) {
			t.Errorf("3 bytes stored as %d: %v", size, err)
		}
	}
}

// endsWithItsContext: a source that goes on and on is not read for ever.
func endsWithItsContext(t *testing.T, store redisqueue.StreamStore) {
	ctx, cancel := context.WithCancel(t.Context())
	var streams wire.Streams
	source := &cancellingReader{cancel: cancel}
	if _, err := streams.Add(wire.StreamOf(source, 512<<10)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Store(ctx, redisqueue.Message{}, &streams); !errors.Is(err, context.Canceled) {
		t.Errorf("after %d bytes: %v", source.read, err)
	}
}

// cancellingReader ends a context in the middle.
type cancellingReader struct {
	cancel context.CancelFunc
	read   int
}

func (r *cancellingReader) Read(p []byte) (int, error) {
	n := min(len(p), 1000)
	clear(p[:n])
	if r.read += n; r.read > 100_000 {
		r.cancel()
	}
	return n, nil
}
