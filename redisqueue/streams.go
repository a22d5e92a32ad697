package redisqueue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/wire"
)

// A StreamStore keeps the data streams of messages where every node reaches
// them. What it returns as metadata is kept in Redis beside the message, and is
// all that the other node gets to find them: all nodes must have the same
// store, and .NET nodes one that understands the metadata (Redis queue
// protocol, section 5). Its methods may be called from any goroutine.
//
// Nothing tells a store that a message was lost: it must remove by age what
// nobody has loaded.
type StreamStore interface {
	// Store keeps the streams of one message, of which there is at least one.
	Store(ctx context.Context, m Message, streams *wire.Streams) (metadata []byte, err error)
	// Load finds the streams of one message. The metadata is what somebody
	// stored in Redis, and may be anything: nothing that it names may be
	// reached but streams of this store.
	Load(ctx context.Context, m Message, metadata []byte) (StoredStreams, error)
}

// StoredStreams are the data streams of one stored message.
type StoredStreams interface {
	// Stream returns a stream. Its release is called once, when nobody reads
	// the stream any more.
	Stream(id uuid.UUID) (s StoredStream, ok bool)
}

// StoredStream is one stream in a store. Open may be called any number of times
// until Release was.
type StoredStream struct {
	Size    int64
	Open    func() (io.ReadCloser, error)
	Release func()
}

// storeStreams keeps the streams of a message that has some.
func (p *Provider) storeStreams(ctx context.Context, m Message, streams *wire.Streams) ([]byte, error) {
	if streams == nil || streams.Len() == 0 {
		return nil, nil
	}
	metadata, err := p.streams.Store(ctx, m, streams.WithoutProgress())
	if err != nil {
		return nil, fmt.Errorf("its data streams cannot be stored: %w", err)
	}
	return metadata, nil
}

// loadStreams binds the streams of a document to what the store has of them.
// reading, which may be nil, says whether they stay in the store when they are
// let go of.
func (p *Provider) loadStreams(ctx context.Context, m Message, document, metadata []byte, reading *reading) (*wire.Streams, error) {
	streams := wire.NewStreams(p.limits)
	husks := wire.Husks(document)
	if len(husks) == 0 {
		return streams, nil
	}
	stored, err := p.streams.Load(ctx, m, metadata)
	if err != nil {
		return nil, fmt.Errorf("its data streams cannot be loaded: %w", err)
	}
	for _, h := range husks {
		if err := bindStored(streams, stored, h, reading); err != nil {
			return nil, errors.Join(err, streams.CloseAll())
		}
	}
	return streams, nil
}

// bindStored binds one husk. What only looks like one, and is not in the store,
// is none.
func bindStored(streams *wire.Streams, stored StoredStreams, h wire.Husk, reading *reading) error {
	if _, known := streams.Lookup(h.ID); known {
		return nil
	}
	s, ok := stored.Stream(h.ID)
	switch {
	case !ok && h.Certain:
		return fmt.Errorf("data stream %s is not in the store", h.ID)
	case !ok:
		return nil
	case s.Size != h.Length:
		s.Release()
		return fmt.Errorf("data stream %s has %d bytes in the store, and the message says %d", h.ID, s.Size, h.Length)
	}
	if _, err := streams.Bind(h.ID, h.Length); err != nil {
		s.Release()
		return err
	}
	release := func() {
		if !reading.kept() {
			s.Release()
		}
	}
	if err := streams.FillUntil(h.ID, reading.counted(h.ID, s.Open), release); err != nil {
		release()
		return err
	}
	return nil
}

// discardStreams removes the streams of a message that nobody will read.
func (p *Provider) discardStreams(m Message, streams *wire.Streams, metadata []byte) {
	if streams == nil || streams.Len() == 0 {
		return
	}
	stored, err := p.streams.Load(p.storing, m, metadata)
	if err != nil {
		return // they are removed by age
	}
	for id := range streams.All() {
		if s, ok := stored.Stream(id); ok {
			s.Release()
		}
	}
}

// orphanage is a StreamStore that removes by age what nobody has loaded.
type orphanage interface {
	RemoveOrphans(context.Context) error
}

// orphanCheck is how often that is done.
const orphanCheck = time.Hour

// watchOrphans removes the streams of messages that were lost.
func (p *Provider) watchOrphans(now time.Time) {
	store, ok := p.streams.(orphanage)
	if !ok || now.Sub(p.orphans) < orphanCheck {
		return
	}
	p.orphans = now
	p.goAlong(func() {
		if err := store.RemoveOrphans(p.life); err != nil && p.life.Err() == nil {
			p.log.Warn("data streams that nobody reads could not be removed", "error", err)
		}
	})
}

// closeStreams lets go of a message's streams, of which there may be none.
func closeStreams(streams *wire.Streams) {
	if streams != nil {
		_ = streams.CloseAll() // what cannot be let go of is removed by age
	}
}
