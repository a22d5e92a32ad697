package main

import (
	"context"
	"fmt"
	"io"
)

// peer is one implementation that is measured.
type peer struct {
	name string
	open func(*network) (session, error)
}

// session is a client that has a service of its own in this process.
type session interface {
	// caller prepares a caller. What it returns makes one call that sends the
	// payload, has it sent back, and looks whether it came.
	caller(payload) (func(context.Context) error, error)
	Close() error
}

// streamer is a session that can move data streams.
type streamer interface {
	session
	// upload sends size bytes that the service counts.
	upload(ctx context.Context, size int64) error
	// download has the service send size bytes, and counts them.
	download(ctx context.Context, size int64) error
}

// form is what a payload is made of.
type form int

const (
	text    form = iota // one short string
	records             // a list of structs
	raw                 // a []byte
)

// payload is what a call carries, there and back.
type payload struct {
	form form
	size int // bytes, of records about
}

var hello = payload{text, len(greeting)}

const greeting = "World"

func (p payload) String() string {
	switch p.form {
	case records:
		return size(p.size) + " struct"
	case raw:
		return size(p.size) + " []byte"
	default:
		return "hello"
	}
}

func size(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	default:
		return fmt.Sprintf("%d B", n)
	}
}

// Record is a row of some list, as applications send them.
type Record struct {
	ID      int64
	Name    string
	Enabled bool
	Weight  float64
	Tags    []string
}

// recordSize is about what one record of recordsOf takes: its texts and numbers,
// without what a format adds.
const recordSize = 100

func recordsOf(size int) []Record {
	list := make([]Record, max(1, size/recordSize))
	for i := range list {
		list[i] = Record{
			ID:      int64(i) * 7919,
			Name:    fmt.Sprintf("Deploy package %06d to machine %04d", i, i%977),
			Enabled: i%3 == 0,
			Weight:  float64(i) / 8,
			Tags:    []string{fmt.Sprintf("environment-%d", i%5), fmt.Sprintf("tenant-%d", i%131), "role-web"},
		}
	}
	return list
}

// bytesOf are bytes that do not compress.
func bytesOf(size int) []byte {
	b := make([]byte, size)
	state := uint64(88172645463325252)
	for i := range b {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		b[i] = byte(state)
	}
	return b
}

// chunk is the piece in which peers that know no data streams send one.
const chunk = 64 << 10

// source yields size bytes.
func source(size int64) io.Reader { return io.LimitReader(pattern{}, size) }

// pattern is an endless reader over the same bytes.
type pattern struct{}

var patternBytes = bytesOf(chunk)

func (pattern) Read(p []byte) (int, error) { return copy(p, patternBytes), nil }

// came says that what came back is not what was sent.
func came(got, want int, what string) error {
	if got != want {
		return fmt.Errorf("%d %s came back, and %d were sent", got, what, want)
	}
	return nil
}
