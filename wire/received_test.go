package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReceived(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), 100_000)
	contents := [][]byte{[]byte("short"), long, {}}
	var progress []Progress
	var streams Streams
	for i, content := range contents {
		stream := StreamOf(bytes.NewReader(content), int64(len(content)))
		if i == 1 {
			stream = stream.WithProgress(func(p Progress) { progress = append(progress, p) })
		}
		if _, err := streams.Add(stream); err != nil {
			t.Fatal(err)
		}
	}
	opts := &ReaderOptions{Limits: Limits{StreamMemory: 1000}, TempDir: t.TempDir()}
	received, err := streams.Received(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for id := range streams.All() {
		stream, ok := received.Lookup(id)
		if !ok {
			t.Fatalf("stream %s is missing", id)
		}
		for range 2 { // a received stream can be read again
			if got, err := stream.Bytes(-1); err != nil || !bytes.Equal(got, contents[i]) {
				t.Errorf("stream %d: %d bytes, %v", i, len(got), err)
			}
		}
		i++
	}
	if len(progress) == 0 || progress[len(progress)-1].Percent != 100 {
		t.Errorf("the progress was %v", progress)
	}
	if again, err := received.Received(t.Context(), opts); again != received || err != nil {
		t.Error("streams that were received are received again")
	}
	if none, err := (*Streams)(nil).Received(t.Context(), opts); none != nil || err != nil {
		t.Error("no streams become some")
	}
	if err := received.CloseAll(); err != nil {
		t.Error(err)
	}
}

func TestReceivedFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	over, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	for name, test := range map[string]struct {
		ctx    context.Context
		stream *DataStream
		opts   *ReaderOptions
		want   error
	}{
		"too short":  {t.Context(), StreamOf(strings.NewReader("abc"), 5), nil, new(StreamError)},
		"unreadable": {t.Context(), StreamOf(iotest.ErrReader(broken), 5), nil, broken},
		"too late":   {over, StreamBytes(make([]byte, 1<<20)), nil, io.ErrClosedPipe},
		"no room":    {t.Context(), StreamBytes(make([]byte, 1<<20)), &ReaderOptions{Limits: Limits{StreamMemory: 1}, TempDir: "/nowhere"}, new(SpoolError)},
	} {
		t.Run(name, func(t *testing.T) {
			var streams Streams
			if _, err := streams.Add(test.stream); err != nil {
				t.Fatal(err)
			}
			received, err := streams.Received(test.ctx, test.opts)
			if received != nil || err == nil {
				t.Fatalf("%v, %v", received, err)
			}
			var source *StreamError
			var spool *SpoolError
			switch test.want.(type) {
			case *StreamError:
				if !errors.As(err, &source) || !source.Sending {
					t.Error(err)
				}
			case *SpoolError:
				if !errors.As(err, &spool) {
					t.Error(err)
				}
			default:
				if !errors.Is(err, test.want) {
					t.Error(err)
				}
			}
		})
	}
}
