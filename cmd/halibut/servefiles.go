package main

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
)

// dropContract is the service beside Tentacle's own, which has no checksums.
const dropContract = "IFileDropService"

// fileDrop is what else a folder can do.
type fileDrop interface {
	List(ctx context.Context) ([]string, error)
	Describe(ctx context.Context, remotePath string) (fileDescription, error)
}

// fileDescription is what a file should be when it has arrived.
type fileDescription struct {
	Path   string
	Length int64
	SHA256 string // in lower case
}

// dropFolder is a folder that peers put files into and fetch them from. No name
// leads out of it, no file is replaced, and all files together have a quota.
type dropFolder struct {
	root  *os.Root
	quota int64

	mu   sync.Mutex
	used int64 // bytes in the folder, and those that are being stored
}

// uploading is how the names of files begin that are not complete yet.
const uploading = ".halibut-upload-"

func openDropFolder(name string, quota int64) (*dropFolder, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("the folder cannot be opened: %w", err)
	}
	d := &dropFolder{root: root, quota: quota}
	err = fs.WalkDir(root.FS(), ".", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			d.used += info.Size()
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the folder cannot be read: %w", err), root.Close())
	}
	return d, nil
}

func (d *dropFolder) close() error { return d.root.Close() }

// reserve counts bytes that are about to be stored against the quota.
func (d *dropFolder) reserve(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if size > d.quota-d.used {
		return fmt.Errorf("no room: the file has %d bytes, and %d of the folder's %d are free", size, max(d.quota-d.used, 0), d.quota)
	}
	d.used += size
	return nil
}

func (d *dropFolder) release(size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used -= size
}

// UploadFile implements tentacle.FileTransferService.
func (d *dropFolder) UploadFile(ctx context.Context, remotePath string, upload *halibut.DataStream) (result *tentacle.UploadResult, err error) {
	name, err := dropName(remotePath)
	if err != nil {
		return nil, err
	}
	if upload == nil {
		return nil, errors.New("there is no data stream to store")
	}
	if err := d.reserve(upload.Size()); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.release(upload.Size())
		}
	}()
	if _, err := d.root.Lstat(name); err == nil {
		return nil, existsAlready(name)
	}
	temporary := uploading + rand.Text()
	sum, err := d.write(ctx, temporary, upload)
	if err == nil {
		err = d.place(temporary, name)
	}
	if removed := d.root.Remove(temporary); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, told(removed))
	}
	if err != nil {
		return nil, err
	}
	return &tentacle.UploadResult{FullPath: name, Hash: sum, Length: upload.Size()}, nil
}

// write stores a stream under a new name and returns its SHA-1.
func (d *dropFolder) write(ctx context.Context, name string, upload *halibut.DataStream) (sum string, err error) {
	content, err := upload.Open()
	if err != nil {
		return "", err
	}
	defer content.Close()
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", told(err)
	}
	h := sha1.New()
	_, err = io.Copy(io.MultiWriter(f, h), reader{ctx, content})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", told(err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// place gives a complete file its name, unless there is such a file.
func (d *dropFolder) place(temporary, name string) error {
	if folder := path.Dir(name); folder != "." {
		if err := d.root.MkdirAll(folder, 0o700); err != nil {
			return told(err)
		}
	}
	err := d.root.Link(temporary, name)
	if errors.Is(err, fs.ErrExist) {
		return existsAlready(name)
	}
	if err == nil {
		return nil
	}
	// Some file systems have no links. Nobody else of this program puts a file
	// there between the question and the renaming.
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.root.Lstat(name); err == nil {
		return existsAlready(name)
	}
	return told(d.root.Rename(temporary, name))
}

func existsAlready(name string) error {
	return fmt.Errorf("%s exists already, and files are never replaced", name)
}

// told is an error of the file system without the folder's own place.
func told(err error) error {
	var (
		system *fs.PathError
		link   *os.LinkError
	)
	switch {
	case errors.As(err, &system):
		return system.Err
	case errors.As(err, &link):
		return link.Err
	default:
		return err
	}
}

// DownloadFile implements tentacle.FileTransferService. Like Tentacle it returns null where
// there is no such file.
func (d *dropFolder) DownloadFile(_ context.Context, remotePath string) (*halibut.DataStream, error) {
	name, err := dropName(remotePath)
	if err != nil {
		return nil, err
	}
	info, err := d.root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, told(err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", name)
	}
	return halibut.StreamFunc(info.Size(), func() (io.ReadCloser, error) { return d.root.Open(name) }), nil
}

// List implements fileDrop.
func (d *dropFolder) List(context.Context) (names []string, err error) {
	names = []string{} // empty, not null
	err = fs.WalkDir(d.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && !strings.HasPrefix(entry.Name(), uploading) {
			names = append(names, name)
		}
		return err
	})
	return names, told(err)
}

// Describe implements fileDrop.
func (d *dropFolder) Describe(ctx context.Context, remotePath string) (fileDescription, error) {
	name, err := dropName(remotePath)
	if err != nil {
		return fileDescription{}, err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return fileDescription{}, fmt.Errorf("%s: %w", name, told(err))
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, reader{ctx, f})
	if err != nil {
		return fileDescription{}, fmt.Errorf("%s: %w", name, told(err))
	}
	return fileDescription{Path: name, Length: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// dropName is the name of a file below the folder. It refuses what leads out of
// it, and what some system could not store or would take for something else.
func dropName(remotePath string) (string, error) {
	const longest = 1024
	if len(remotePath) > longest {
		return "", fmt.Errorf("the name has %d bytes: at most %d", len(remotePath), longest)
	}
	parts := strings.FieldsFunc(remotePath, func(c rune) bool { return c == '/' || c == '\\' })
	if len(parts) == 0 || strings.HasPrefix(remotePath, "/") || strings.HasPrefix(remotePath, `\`) {
		return "", fmt.Errorf("%q is no name: expected a path relative to the folder", remotePath)
	}
	for _, part := range parts {
		if err := checkPart(part); err != nil {
			return "", fmt.Errorf("%q is refused: %w", remotePath, err)
		}
	}
	return path.Join(parts...), nil
}

func checkPart(part string) error {
	switch {
	case part == "." || part == "..":
		return errors.New("a name must not lead elsewhere")
	case strings.HasPrefix(part, uploading):
		return errors.New("such names are for files that are not complete")
	case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
		return errors.New("a dot or a space at the end of a name is dropped by Windows")
	case len(part) > 255:
		return errors.New("a name has at most 255 bytes")
	}
	for _, c := range part {
		if c < ' ' || c == 0x7f || c == 0xfffd || strings.ContainsRune(`<>:"|?*`, c) {
			return fmt.Errorf("it holds %q, which names on Windows cannot have", c)
		}
	}
	base, _, _ := strings.Cut(part, ".")
	if reservedName(strings.ToUpper(strings.TrimRight(base, " "))) {
		return fmt.Errorf("%s is a device on Windows", base)
	}
	return nil
}

// reservedName is one of the names of devices that Windows finds in every folder.
func reservedName(base string) bool {
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	number, ok := strings.CutPrefix(base, "COM")
	if !ok {
		number, ok = strings.CutPrefix(base, "LPT")
	}
	return ok && len([]rune(number)) == 1 && strings.ContainsAny(number, "0123456789¹²³")
}
