package tentacle

import (
	"context"

	"github.com/halibut-go/halibut"
)

// FileTransferService moves files. Every Tentacle has it.
//
//halibut:service IFileTransferService
type FileTransferService interface {
	// UploadFile stores the stream under a path of the Tentacle's machine, in
	// place of a file that is there, and returns once it is stored. A path that
	// is not absolute is below the Tentacle's home.
	//
	//halibut:idempotent
	UploadFile(ctx context.Context, remotePath string, upload *halibut.DataStream) (*UploadResult, error)

	// DownloadFile returns a file, which the caller closes, or nil if there is
	// none under that path.
	//
	//halibut:idempotent
	DownloadFile(ctx context.Context, remotePath string) (*halibut.DataStream, error)
}

// UploadResult is what became of an uploaded file.
type UploadResult struct {
	FullPath string // where it is
	Hash     string `halibut:",nullzero"` // SHA-1 in lower-case hexadecimal digits, empty if no stream was sent
	Length   int64  // bytes
}

// DotNetType names the .NET type.
func (UploadResult) DotNetType() string { return legacy("UploadResult") }
