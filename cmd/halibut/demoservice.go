package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/halibut-go/halibut"
)

// contract is the name by which client and service know demoService.
const contract = "IDemoService"

// demoService is what the demo's service can do.
type demoService interface {
	SayHello(ctx context.Context, name string) (string, error)
	About(ctx context.Context) (about, error)
	Divide(ctx context.Context, a, b int64) (int64, error)
	Store(ctx context.Context, name string, content *halibut.DataStream) (stored, error)
	Fetch(ctx context.Context, name string) (*halibut.DataStream, error)
}

// about says who answers, and who it thinks is calling.
type about struct {
	Platform string
	Caller   string
}

// stored is what became of a file.
type stored struct {
	Bytes  int64
	SHA256 string
}

// service implements demoService.
type service struct {
	folder   string
	fetching func(halibut.Progress) // told how far a fetched file has been sent
}

func (s *service) SayHello(_ context.Context, name string) (string, error) {
	return "Hello, " + name + "!", nil
}

func (s *service) About(ctx context.Context) (about, error) {
	peer, _ := halibut.PeerFromContext(ctx)
	return about{Platform: runtime.GOOS + "/" + runtime.GOARCH, Caller: peer.Thumbprint.String()}, nil
}

func (s *service) Divide(_ context.Context, a, b int64) (int64, error) {
	if b == 0 {
		return 0, fmt.Errorf("cannot divide %d by zero", a)
	}
	return a / b, nil
}

func (s *service) Store(ctx context.Context, name string, content *halibut.DataStream) (stored, error) {
	path := s.path(name)
	if err := content.SaveTo(path); err != nil {
		return stored{}, err
	}
	size, sum, err := checksum(ctx, path)
	return stored{Bytes: size, SHA256: sum}, err
}

func (s *service) Fetch(_ context.Context, name string) (*halibut.DataStream, error) {
	content, err := halibut.StreamFile(s.path(name))
	if err != nil {
		return nil, err
	}
	return content.WithProgress(s.fetching), nil
}

// path lets no name lead out of the folder.
func (s *service) path(name string) string {
	return filepath.Join(s.folder, filepath.Base(filepath.Clean("/"+name)))
}
