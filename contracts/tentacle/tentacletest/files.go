package tentacletest

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"path"
	"strings"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
)

// Home is where paths begin that are not absolute.
const Home = "/tentacle"

// File returns what is stored under a path.
func (t *Tentacle) File(name string) (content []byte, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	content, ok = t.files[fullPath(name)]
	return content, ok
}

// SetFile stores a file.
func (t *Tentacle) SetFile(name string, content []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files == nil {
		t.files = make(map[string][]byte)
	}
	t.files[fullPath(name)] = content
}

func fullPath(name string) string {
	name = strings.ReplaceAll(name, `\`, "/")
	if !path.IsAbs(name) {
		name = path.Join(Home, name)
	}
	return path.Clean(name)
}

type fileTransferService struct{ t *Tentacle }

func (p fileTransferService) UploadFile(_ context.Context, remotePath string, upload *halibut.DataStream) (*tentacle.UploadResult, error) {
	result := &tentacle.UploadResult{FullPath: fullPath(remotePath)}
	if upload == nil {
		return result, nil
	}
	content, err := upload.Bytes(-1)
	if err != nil {
		return nil, err
	}
	p.t.SetFile(remotePath, content)
	sum := sha1.Sum(content)
	result.Hash, result.Length = hex.EncodeToString(sum[:]), int64(len(content))
	return result, nil
}

func (p fileTransferService) DownloadFile(_ context.Context, remotePath string) (*halibut.DataStream, error) {
	content, ok := p.t.File(remotePath)
	if !ok {
		return nil, nil
	}
	return halibut.StreamBytes(content), nil
}
