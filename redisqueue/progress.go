package redisqueue

import (
	"encoding/json"
	"io"
	"maps"
	"sync"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/wire"
)

// nothingSent is the heartbeat of a side without progress to tell (Redis queue
// protocol, section 2.3).
const nothingSent = `{"DataStreamProgress":{}}`

// heartbeat is what one side tells the other as long as a call lasts: how many
// bytes of each data stream have gone to the service.
type heartbeat struct{ DataStreamProgress map[string]int64 }

// maxHeartbeat is the length up to which a heartbeat is read: that of one for
// the most streams that a message may have.
const maxHeartbeat = 1 << 20

// parseHeartbeat reads the progress in a heartbeat, of which there may be none
// or nonsense: that it came is what counts.
func parseHeartbeat(text string) map[string]int64 {
	var h heartbeat
	if len(text) > maxHeartbeat || json.Unmarshal([]byte(text), &h) != nil {
		return nil
	}
	return h.DataStreamProgress
}

// reading is what becomes of the data streams of a request that a node has
// collected.
type reading struct {
	// told is called, if it is not nil, when more of them has been read.
	told func()

	mu   sync.Mutex
	keep bool // they stay in the store
	sent map[string]int64
}

func (r *reading) setKeep(keep bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep = keep
}

// kept reports whether the streams stay in the store. A nil reading keeps none.
func (r *reading) kept() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keep
}

func (r *reading) advance(id string, bytes int64) {
	r.mu.Lock()
	if r.sent == nil {
		r.sent = make(map[string]int64)
	}
	r.sent[id] = max(r.sent[id], bytes)
	r.mu.Unlock()
	if r.told != nil {
		r.told()
	}
}

// beat is the processor's heartbeat.
func (r *reading) beat() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sent) == 0 {
		return nothingSent
	}
	b, err := json.Marshal(heartbeat{r.sent})
	if err != nil {
		return nothingSent // not so: ids and numbers can be written
	}
	return string(b)
}

// progress is how many bytes of each stream were read up to now.
func (r *reading) progress() map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.sent)
}

// counted makes the bytes that are read of a stream count.
func (r *reading) counted(id uuid.UUID, open func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	if r == nil {
		return open
	}
	return func() (io.ReadCloser, error) {
		stream, err := open()
		if err != nil {
			return nil, err
		}
		return &countingReader{ReadCloser: stream, reading: r, id: id.String()}, nil
	}
}

type countingReader struct {
	io.ReadCloser
	reading *reading
	id      string
	bytes   int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if n > 0 {
		c.bytes += int64(n)
		c.reading.advance(c.id, c.bytes)
	}
	return n, err
}

// uploads report to the caller how far the data streams of its request have
// come. They belong to the call's goroutine.
type uploads map[string]*wire.Meter

func newUploads(streams *wire.Streams) uploads {
	if streams.Len() == 0 {
		return nil
	}
	u := make(uploads, streams.Len())
	for id, stream := range streams.All() {
		u[id.String()] = stream.Meter()
	}
	return u
}

// reached reports what has come. What is not a stream of the request is ignored.
func (u uploads) reached(progress map[string]int64) {
	for id, bytes := range progress {
		if meter := u[id]; meter != nil {
			meter.Advance(bytes)
		}
	}
}

// finish reports that the service has all of them.
func (u uploads) finish() {
	for _, meter := range u {
		meter.Finish()
	}
}
