package tentacle

import (
	"context"
	"crypto/fips140"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/halibut-go/halibut"
)

// Upload stores content under a path of the Tentacle's machine, in place of a
// file that is there; a path that is not absolute is below the Tentacle's home.
// It is safe to repeat, and repeated as Options.Repeat says when the stream can
// be read again. To see how far it has come, hand in content.WithProgress.
func (c *Client) Upload(ctx context.Context, remotePath string, content *halibut.DataStream) (*UploadResult, error) {
	result, err := c.files().UploadFile(ctx, remotePath, content)
	switch {
	case err != nil:
		return nil, err
	case result == nil:
		return nil, fmt.Errorf("uploading %s: the Tentacle answered null", remotePath)
	case result.Length != content.Size():
		return result, fmt.Errorf("uploading %s: %d bytes were sent, and the Tentacle has %d", remotePath, content.Size(), result.Length)
	}
	return result, nil
}

// UploadFile is [Client.Upload] of a local file. It compares the SHA-1 of what
// was sent with that of what the Tentacle has stored, but for programs that run
// with GODEBUG=fips140=only. progress, unless nil, is told how far it has come.
func (c *Client) UploadFile(ctx context.Context, localPath, remotePath string, progress func(halibut.Progress)) (*UploadResult, error) {
	content, err := halibut.StreamFile(localPath)
	if err != nil {
		return nil, err
	}
	var sum checksum
	if !fips140.Enforced() {
		content = sum.of(localPath, content.Size())
	}
	if progress != nil {
		content = content.WithProgress(progress)
	}
	result, err := c.Upload(ctx, remotePath, content)
	if err != nil {
		return result, err
	}
	if sent := sum.text(); sent != "" && result.Hash != "" && !strings.EqualFold(sent, result.Hash) {
		return result, fmt.Errorf("uploading %s to %s: what was sent has the SHA-1 %s, and what the Tentacle has stored %s",
			localPath, result.FullPath, sent, result.Hash)
	}
	return result, nil
}

// Download fetches a file of the Tentacle's machine. All of it has come when
// Download returns; the caller closes the stream. errors.Is(err, fs.ErrNotExist)
// holds when there is no such file. With [halibut.WithStreamTo] it goes straight to
// a writer.
func (c *Client) Download(ctx context.Context, remotePath string) (*halibut.DataStream, error) {
	content, err := c.files().DownloadFile(ctx, remotePath)
	if err == nil && content == nil || errors.Is(err, halibut.ErrNoStream) {
		err = &fs.PathError{Op: "download", Path: remotePath, Err: fs.ErrNotExist}
	}
	return content, err
}

// DownloadFile is [Client.Download] straight into a local file, which appears, or
// takes the place of the one that is there, only when it is complete. progress,
// unless nil, is told how far it has come.
func (c *Client) DownloadFile(ctx context.Context, remotePath, localPath string, progress func(halibut.Progress)) error {
	ctx = halibut.WithStreamProgress(halibut.WithStreamToFile(ctx, localPath), progress)
	_, err := c.Download(ctx, remotePath)
	return err
}

func (c *Client) files() FileTransferService {
	return NewFileTransferServiceClient(c.repeating(c.caller))
}

// checksum is the SHA-1 of a file as it was sent last.
type checksum struct {
	mu  sync.Mutex
	sum string
}

func (c *checksum) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sum
}

// of is a stream of a file whose sum is taken while it is sent.
func (c *checksum) of(name string, size int64) *halibut.DataStream {
	return halibut.StreamFunc(size, func() (io.ReadCloser, error) {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		return &summedFile{f, sha1.New(), c}, nil
	})
}

// summedFile has no other method of a file: one that copies by itself would
// pass the sum by.
type summedFile struct {
	file *os.File
	hash hash.Hash
	into *checksum
}

func (f *summedFile) Close() error { return f.file.Close() }

func (f *summedFile) Read(p []byte) (int, error) {
	n, err := f.file.Read(p)
	f.hash.Write(p[:n])
	if err == io.EOF {
		f.into.mu.Lock()
		f.into.sum = hex.EncodeToString(f.hash.Sum(nil))
		f.into.mu.Unlock()
	}
	return n, err
}
