package wire

import (
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

// A File is written beside its place, and takes it when it is complete. It is for
// one goroutine.
type File struct {
	name string
	f    *os.File
	done bool
}

// CreateFile begins a file of this name. Unlike os.CreateTemp's its permissions are
// left to the process's mask, as those of any new file.
func CreateFile(name string) (*File, error) {
	dir, base := filepath.Split(name)
	f, err := os.OpenFile(filepath.Join(dir, "."+base+"."+uuid.NewString()+".part"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &File{name: name, f: f}, nil
}

// Write appends p.
func (f *File) Write(p []byte) (int, error) { return f.f.Write(p) }

// Commit has the file take its place, or that of the one that is there, when all
// of it is on disk. After an error nothing is left behind.
func (f *File) Commit() error {
	defer f.Abort()
	// Without this a crash after the rename could leave an empty file.
	if err := f.f.Sync(); err != nil {
		return err
	}
	if err := f.f.Close(); err != nil {
		return err
	}
	err := os.Rename(f.f.Name(), f.name)
	f.done = err == nil
	return err
}

// Abort removes the file unless it has its place.
func (f *File) Abort() {
	if !f.done {
		f.done = true
		_ = f.f.Close() // closed already, or nobody wants it any more
		_ = os.Remove(f.f.Name())
	}
}
