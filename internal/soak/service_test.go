package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/halibut-go/halibut"
)

// services are what is called. Each method's first argument is the call's id.
func services(l *ledger) *halibut.Services {
	s := new(halibut.Services)
	s.Handle("ISoak", "Echo", func(_ context.Context, id, text string) (string, error) {
		l.ran(id)
		return text, nil
	})
	s.Handle("ISoak", "Upload", func(_ context.Context, id string, seed string, content *halibut.DataStream) (int64, error) {
		l.ran(id)
		r, err := content.Open()
		if err != nil {
			return 0, err
		}
		defer r.Close()
		n, err := compare(r, newBytes(parse(seed), false))
		if err != nil || n != content.Size() {
			l.fail("call %s: an uploaded stream of %d bytes is wrong after %d: %v", id, content.Size(), n, err)
		}
		return n, err
	})
	s.Handle("ISoak", "UploadLive", func(_ context.Context, id string, seed string, r io.Reader) (int64, error) {
		l.ran(id)
		n, err := compare(r, newBytes(parse(seed), false))
		if errors.Is(err, errDiffers) {
			l.fail("call %s: a live stream is wrong after %d bytes", id, n)
		}
		return n, err
	})
	s.Handle("ISoak", "Download", func(_ context.Context, id string, seed string, size int64) (*halibut.DataStream, error) {
		l.ran(id)
		return halibut.StreamOf(io.LimitReader(newBytes(parse(seed), false), size), size), nil
	})
	s.Handle("ISoak", "Transform", func(_ context.Context, id string, content *halibut.DataStream) (*halibut.DataStream, error) {
		l.ran(id)
		b, err := content.Bytes(content.Size())
		if err != nil {
			l.fail("call %s: a stream that was received cannot be read: %v", id, err)
			return nil, err
		}
		for i := range b {
			b[i] = ^b[i]
		}
		return halibut.StreamBytes(b), nil
	})
	s.Handle("ISoak", "Slow", func(ctx context.Context, id string, nanoseconds int64) error {
		l.ran(id)
		select {
		case <-time.After(time.Duration(nanoseconds)):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	s.Handle("ISoak", "Fail", func(_ context.Context, id string) error {
		l.ran(id)
		return errors.New("as agreed")
	})
	return s
}

// Seeds travel as text: a number on the wire has 63 bits.
func parse(seed string) (n uint64) {
	_, _ = fmt.Sscan(seed, &n)
	return n
}

var errDiffers = errors.New("the bytes are others")

// compare reads r to its end. It returns how many bytes were right.
func compare(r, want io.Reader) (int64, error) {
	got, expected := make([]byte, 16<<10), make([]byte, 16<<10)
	for total := int64(0); ; {
		n, err := r.Read(got)
		if _, err := io.ReadFull(want, expected[:n]); err != nil {
			return total, err
		}
		if !bytes.Equal(got[:n], expected[:n]) {
			return total, errDiffers
		}
		total += int64(n)
		switch {
		case err == io.EOF:
			return total, nil
		case err != nil:
			return total, err
		}
	}
}
