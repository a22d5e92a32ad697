package wire

import (
	"context"
	"errors"
	"io"
	"slices"
)

// Received returns the streams as the receiver of their message has them, for
// one that is handed over within a process: what is to be sent is read to its
// end, and kept as a Reader with these options keeps it. Streams that were
// received already, and nil, are returned as they are. When ctx ends, or a
// source fails, which is a *StreamError, nothing is kept.
func (s *Streams) Received(ctx context.Context, opts *ReaderOptions) (*Streams, error) {
	if s == nil || !slices.ContainsFunc(s.list, func(e streamEntry) bool { return !e.bound }) {
		return s, nil
	}
	if ctx.Err() != nil { // AfterFunc tells in its own time
		return nil, context.Cause(ctx)
	}
	received := &Streams{limit: s.limit}
	if opts != nil {
		received.limit = opts.Limits.MaxStreams()
	}
	for id, stream := range s.All() {
		if _, err := received.Bind(id, stream.Size()); err != nil {
			return nil, err
		}
	}
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = r.CloseWithError(context.Cause(ctx)) })
	defer stop()
	var readErr error
	read := make(chan struct{})
	go func() {
		defer close(read)
		reader := NewReader(r, opts)
		readErr = reader.ReadStreams(received)
		_ = r.CloseWithError(readErr)
		_ = reader.Close()
	}()
	defer func() {
		_ = w.Close() // also when a source panics
		<-read
	}()
	err := WriteStreams(w, nil, s)
	_ = w.CloseWithError(err)
	<-read
	var source *StreamError
	if !errors.As(err, &source) && readErr != nil {
		err = readErr
	}
	if err != nil {
		return nil, errors.Join(err, received.CloseAll())
	}
	return received, nil
}
