package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// generatedSize is what is sent where no file is given.
const generatedSize = 64 << 20

// demoFile is the file that goes up and comes back.
type demoFile struct {
	path string
	size int64
	sum  string
}

func openDemoFile(ctx context.Context, path string) (*demoFile, error) {
	f := &demoFile{path: path}
	var err error
	if f.size, f.sum, err = checksum(ctx, path); err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	return f, nil
}

// generateDemoFile writes bytes that look random and are the same every time.
func generateDemoFile(ctx context.Context, folder string) (_ *demoFile, err error) {
	path := filepath.Join(folder, "generated")
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	source := rand.NewChaCha8([32]byte{})
	sum := sha256.New()
	n, err := io.CopyN(io.MultiWriter(f, sum), reader{ctx, source}, generatedSize)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("generate a file to send: %w", err)
	}
	return &demoFile{path: path, size: n, sum: hex.EncodeToString(sum.Sum(nil))}, nil
}

// checksum reads a file to its end.
func checksum(ctx context.Context, path string) (size int64, sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, reader{ctx, f}); err != nil {
		return 0, "", err
	}
	return size, hex.EncodeToString(h.Sum(nil)), nil
}

// reader is an io.Reader that ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
