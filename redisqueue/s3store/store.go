// Package s3store keeps the data streams of a redisqueue in object storage that
// speaks S3: Amazon's, MinIO, Ceph and others. It is a module of its own, so that
// its client is part of no other build.
package s3store

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"

	"github.com/halibut-go/halibut/redisqueue"
	"github.com/halibut-go/halibut/wire"
)

// Options say where in a bucket the streams are.
type Options struct {
	// Prefix begins the name of each object, such as "halibut/". All nodes must
	// have the same.
	Prefix string
	// MaxAge is how old an object may become that nobody removes;
	// redisqueue.DefaultStreamAge where it is zero. It must be longer than any call.
	// A lifecycle rule of the bucket does the same without asking.
	MaxAge time.Duration
}

// Store is a redisqueue.StreamStore with an object for each data stream, named by
// the prefix and the stream's id. An object is checked against its SHA-256 when
// it is read to its end, and removed when its reader is done with it. Its methods
// may be called from any goroutine.
type Store struct {
	client   *minio.Client
	bucket   string
	options  Options
	removing sync.WaitGroup
}

var _ redisqueue.StreamStore = (*Store)(nil)

// New keeps streams in a bucket, which must be there. Nil opts are all defaults.
// It connects to nothing yet.
func New(client *minio.Client, bucket string, opts *Options) *Store {
	s := &Store{client: client, bucket: bucket}
	if opts != nil {
		s.options = *opts
	}
	if s.options.MaxAge <= 0 {
		s.options.MaxAge = redisqueue.DefaultStreamAge
	}
	return s
}

// Close waits until the objects are removed whose readers are done.
func (s *Store) Close() error {
	s.removing.Wait()
	return nil
}

// metadata is what is kept in Redis. No address of anything is in it.
type metadata struct {
	Objects map[uuid.UUID]redisqueue.CheckedStream `json:"objects"`
}

// name is an object's name.
func (s *Store) name(id uuid.UUID) string { return s.options.Prefix + id.String() }

// Store implements redisqueue.StreamStore.
func (s *Store) Store(ctx context.Context, _ redisqueue.Message, streams *wire.Streams) ([]byte, error) {
	m := metadata{Objects: make(map[uuid.UUID]redisqueue.CheckedStream, streams.Len())}
	for id, stream := range streams.All() {
		stored, err := s.put(ctx, id, stream)
		if err != nil {
			for id := range m.Objects {
				s.remove(id)
			}
			return nil, fmt.Errorf("data stream %s: %w", id, err)
		}
		m.Objects[id] = stored
	}
	return json.Marshal(m)
}

// partSize is how much of a long stream is in memory at a time.
const partSize = 8 << 20

// put uploads one stream. The object is there only when all of it is.
func (s *Store) put(ctx context.Context, id uuid.UUID, stream *wire.DataStream) (redisqueue.CheckedStream, error) {
	opts := minio.PutObjectOptions{ContentType: "application/octet-stream"}
	if stream.Size() <= partSize*10_000 { // beyond it parts have to be larger
		opts.PartSize = partSize
	}
	stored, err := redisqueue.StoreChecked(ctx, stream, func(content io.Reader) error {
		_, err := s.client.PutObject(ctx, s.bucket, s.name(id), content, stream.Size(), opts)
		return err
	})
	if err != nil {
		s.remove(id)
	}
	return stored, err
}

// maxMetadata caps what is read of a message's metadata.
const maxMetadata = 4 << 20

// Load implements redisqueue.StreamStore.
func (s *Store) Load(_ context.Context, _ redisqueue.Message, stored []byte) (redisqueue.StoredStreams, error) {
	if len(stored) > maxMetadata {
		return nil, fmt.Errorf("the metadata has %d bytes: at most %d are taken", len(stored), maxMetadata)
	}
	var m metadata
	if err := json.Unmarshal(stored, &m); err != nil || m.Objects == nil {
		return nil, fmt.Errorf("the metadata %.40q is not that of an s3store", stored)
	}
	return &storedStreams{s, m}, nil
}

type storedStreams struct {
	store    *Store
	metadata metadata
}

// Stream implements redisqueue.StoredStreams.
func (d *storedStreams) Stream(id uuid.UUID) (redisqueue.StoredStream, bool) {
	o, ok := d.metadata.Objects[id]
	if !ok {
		return redisqueue.StoredStream{}, false
	}
	return redisqueue.StoredStream{
		Size:    o.Size,
		Open:    func() (io.ReadCloser, error) { return d.store.open(id, o) },
		Release: func() { d.store.remove(id) },
	}, true
}

func (s *Store) open(id uuid.UUID, o redisqueue.CheckedStream) (io.ReadCloser, error) {
	return o.Open(id, func() (io.ReadCloser, error) {
		return s.client.GetObject(context.Background(), s.bucket, s.name(id), minio.GetObjectOptions{})
	})
}

// removeTime is how long an object's removal may take. It is removed by age
// otherwise.
const removeTime = 30 * time.Second

// remove removes an object without making anybody wait.
func (s *Store) remove(id uuid.UUID) {
	s.removing.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), removeTime)
		defer cancel()
		_ = s.client.RemoveObject(ctx, s.bucket, s.name(id), minio.RemoveObjectOptions{})
	})
}

// RemoveOrphans removes the objects that are too old for anybody to read them. A
// redisqueue.Provider does it once an hour. What is not named as a stream is
// left alone.
func (s *Store) RemoveOrphans(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing, too
	oldest := time.Now().Add(-s.options.MaxAge)
	for o := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.options.Prefix}) {
		if o.Err != nil {
			return o.Err
		}
		name := strings.TrimPrefix(o.Key, s.options.Prefix)
		if id, err := uuid.Parse(name); err != nil || id.String() != name || o.LastModified.After(oldest) {
			continue
		}
		if err := s.client.RemoveObject(ctx, s.bucket, o.Key, minio.RemoveObjectOptions{}); err != nil {
			return err
		}
	}
	return ctx.Err()
}
