package redisqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/wire"
)

// SharedDirectory is a StreamStore that keeps each data stream in a file of a
// directory that all nodes mount. A file appears when all of it is on disk; it
// is checked against its SHA-256 when it is read to its end, and removed when
// its reader is done with it.
type SharedDirectory struct {
	root   *os.Root
	maxAge time.Duration
}

var _ StreamStore = (*SharedDirectory)(nil)

// DefaultStreamAge is how old a file may become that nobody removes, where it
// is not said.
const DefaultStreamAge = 24 * time.Hour

// OpenSharedDirectory opens the directory. Files older than maxAge are orphans,
// of messages that nobody read, and are removed by RemoveOrphans; zero is
// DefaultStreamAge. It must be longer than any call, since the streams of a
// request may be read as long as its service works. The directory should be for
// this alone, and only nodes should be able to write to it.
func OpenSharedDirectory(name string, maxAge time.Duration) (*SharedDirectory, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if maxAge <= 0 {
		maxAge = DefaultStreamAge
	}
	return &SharedDirectory{root: root, maxAge: maxAge}, nil
}

// Close lets go of the directory. Streams that are being read stay readable.
func (s *SharedDirectory) Close() error { return s.root.Close() }

const partSuffix = ".part"

// directoryMetadata is what is kept in Redis.
type directoryMetadata struct {
	Files map[uuid.UUID]CheckedStream `json:"files"`
}

// Store implements StreamStore.
func (s *SharedDirectory) Store(ctx context.Context, _ Message, streams *wire.Streams) ([]byte, error) {
	m := directoryMetadata{Files: make(map[uuid.UUID]CheckedStream, streams.Len())}
	for id, stream := range streams.All() {
		written, err := s.write(ctx, id, stream)
		if err != nil {
			for id := range m.Files {
				_ = s.root.Remove(id.String()) // or by age
			}
			return nil, err
		}
		m.Files[id] = written
	}
	return json.Marshal(m)
}

// write copies one stream into a file of its name.
func (s *SharedDirectory) write(ctx context.Context, id uuid.UUID, stream *wire.DataStream) (written CheckedStream, err error) {
	name, part := id.String(), id.String()+partSuffix
	f, err := s.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o660)
	if err != nil {
		return written, fmt.Errorf("data stream %s: %w", id, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("data stream %s: %w", id, err)
			_ = f.Close() // closed already, or the first error tells more
			_ = s.root.Remove(part)
		}
	}()
	written, err = StoreChecked(ctx, stream, func(content io.Reader) error {
		_, err := io.Copy(f, content)
		return err
	})
	if err != nil {
		return written, err
	}
	// Without this a crash of the file server could leave a file that is shorter
	// than Redis says.
	if err := f.Sync(); err != nil {
		return written, err
	}
	if err := f.Close(); err != nil {
		return written, err
	}
	return written, s.root.Rename(part, name)
}

// Load implements StreamStore.
func (s *SharedDirectory) Load(_ context.Context, _ Message, metadata []byte) (StoredStreams, error) {
	if most := 4 << 20; len(metadata) > most {
		return nil, fmt.Errorf("the metadata has %d bytes: at most %d are taken", len(metadata), most)
	}
	var m directoryMetadata
	if err := json.Unmarshal(metadata, &m); err != nil || m.Files == nil {
		return nil, fmt.Errorf("the metadata %.40q is not that of a SharedDirectory", metadata)
	}
	return &directoryStreams{store: s, metadata: m}, nil
}

type directoryStreams struct {
	store    *SharedDirectory
	metadata directoryMetadata
}

func (d *directoryStreams) Stream(id uuid.UUID) (StoredStream, bool) {
	file, ok := d.metadata.Files[id]
	if !ok {
		return StoredStream{}, false
	}
	root, name := d.store.root, id.String()
	return StoredStream{
		Size: file.Size,
		Open: func() (io.ReadCloser, error) {
			return file.Open(id, func() (io.ReadCloser, error) { return root.Open(name) })
		},
		Release: func() { _ = root.Remove(name) }, // or by age
	}, true
}

// RemoveOrphans removes the files that are too old for anybody to read them. A
// Provider does it once an hour. Files that are not named as streams are left
// alone.
func (s *SharedDirectory) RemoveOrphans(ctx context.Context) error {
	dir, err := s.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	oldest := time.Now().Add(-s.maxAge)
	for ctx.Err() == nil {
		entries, err := dir.ReadDir(1000)
		for _, e := range entries {
			s.removeOrphan(e, oldest)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *SharedDirectory) removeOrphan(e fs.DirEntry, oldest time.Time) {
	name := strings.TrimSuffix(e.Name(), partSuffix)
	if _, ok := parseID(name); !ok || !e.Type().IsRegular() {
		return
	}
	if info, err := e.Info(); err == nil && info.ModTime().Before(oldest) {
		_ = s.root.Remove(e.Name()) // another node may have been faster
	}
}
