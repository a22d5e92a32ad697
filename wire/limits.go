package wire

import "sync/atomic"

// The defaults of [Limits].
const (
	DefaultLineLimit         = 8 << 10
	DefaultPreambleLimit     = 8 << 10
	DefaultDocumentLimit     = 64 << 20
	DefaultDepthLimit        = 100
	DefaultStreamsLimit      = 10_000
	DefaultStreamMemoryLimit = 1 << 20
	DefaultDocumentsBudget   = 512 << 20
	DefaultSpoolMemoryBudget = 128 << 20
	DefaultSpoolFilesBudget  = 16 << 30
)

// unlimited stands for a limit that is switched off.
const unlimited = 1<<63 - 1

// Limits caps what a peer can make this side hold. In every field zero means
// the default and a negative number switches the limit off.
type Limits struct {
	// Line caps a control or identity line in bytes, without its line end.
	// The default is 8 KiB. A line is never longer than the reader's buffer of
	// 16 KiB, also with the limit off.
	Line int
	// Preamble caps the bytes read in search of the blank line that ends the
	// preamble, or the head of a browser's request. The default is 8 KiB.
	// Switched off it is the 20,000 bytes that .NET reads.
	Preamble int
	// Document caps one BSON document in bytes, inflated. The default is 64 MiB.
	// BSON's own length field ends at 2 GiB.
	Document int64
	// Depth caps the nesting of documents and arrays. The default is 100.
	Depth int
	// Streams caps the data streams of one message. The default is 10,000.
	Streams int
	// StreamMemory is the length up to which a received data stream is kept in
	// memory; a longer one goes to a temporary file. The default is 1 MiB.
	StreamMemory int64

	// DocumentsMemory caps the documents that all connections sharing a Budget are
	// decoding at one time, in bytes. The default is 512 MiB.
	DocumentsMemory int64
	// StreamsMemory caps the received data streams in memory of all connections
	// sharing a Budget. Beyond it also short ones go to temporary files. The
	// default is 128 MiB.
	StreamsMemory int64
	// TemporaryFiles caps the temporary files of all connections sharing a Budget,
	// in bytes. The default is 16 GiB.
	TemporaryFiles int64
}

func orDefault[T int | int64](v, normal, off T) T {
	switch {
	case v == 0:
		return normal
	case v < 0:
		return off
	}
	return v
}

// MaxLine is the effective limit of a line.
func (l Limits) MaxLine() int {
	return min(orDefault(l.Line, DefaultLineLimit, readerBuffer), readerBuffer-len(lineEnd))
}

// MaxPreamble is the effective limit of the preamble.
func (l Limits) MaxPreamble() int {
	return orDefault(l.Preamble, DefaultPreambleLimit, dotnetPreambleLimit)
}

// MaxDocument is the effective limit of a document; 2^63-1 when off.
func (l Limits) MaxDocument() int64 {
	return orDefault(l.Document, DefaultDocumentLimit, unlimited)
}

// MaxDepth is the effective limit of nesting; the largest int when off.
func (l Limits) MaxDepth() int {
	return orDefault(l.Depth, DefaultDepthLimit, int(^uint(0)>>1))
}

// MaxStreams is the effective limit of data streams in a message; the largest
// int when off.
func (l Limits) MaxStreams() int {
	return orDefault(l.Streams, DefaultStreamsLimit, int(^uint(0)>>1))
}

// MaxStreamMemory is the effective length up to which a data stream is kept in
// memory; 2^63-1 when off.
func (l Limits) MaxStreamMemory() int64 {
	return orDefault(l.StreamMemory, DefaultStreamMemoryLimit, unlimited)
}

// A Budget caps what all the readers that share it hold together. It may be
// used by any number of goroutines. A nil *Budget caps nothing.
type Budget struct {
	documents, spoolMemory, spoolFiles account
}

// NewBudget returns a Budget of the sizes in DocumentsMemory, StreamsMemory and
// TemporaryFiles.
func NewBudget(l Limits) *Budget {
	b := new(Budget)
	b.documents.limit = orDefault(l.DocumentsMemory, DefaultDocumentsBudget, unlimited)
	b.spoolMemory.limit = orDefault(l.StreamsMemory, DefaultSpoolMemoryBudget, unlimited)
	b.spoolFiles.limit = orDefault(l.TemporaryFiles, DefaultSpoolFilesBudget, unlimited)
	return b
}

// Usage is what the readers that share a Budget hold at this moment, in bytes.
type Usage struct{ DocumentsMemory, StreamsMemory, TemporaryFiles int64 }

// Usage tells what is held now.
func (b *Budget) Usage() Usage {
	if b == nil {
		return Usage{}
	}
	return Usage{
		DocumentsMemory: b.documents.used.Load(),
		StreamsMemory:   b.spoolMemory.used.Load(),
		TemporaryFiles:  b.spoolFiles.used.Load(),
	}
}

func (b *Budget) documentsAccount() *account {
	if b == nil {
		return nil
	}
	return &b.documents
}

func (b *Budget) spoolMemoryAccount() *account {
	if b == nil {
		return nil
	}
	return &b.spoolMemory
}

func (b *Budget) spoolFilesAccount() *account {
	if b == nil {
		return nil
	}
	return &b.spoolFiles
}

// An account is one sum of a Budget.
type account struct {
	limit int64
	used  atomic.Int64
}

// take reserves n bytes. When the limit does not allow them it reserves
// nothing and returns false and what would have been in use.
func (a *account) take(n int64) (wanted int64, ok bool) {
	if a == nil || n == 0 {
		return 0, true
	}
	wanted = a.used.Add(n)
	if wanted > a.limit || wanted < 0 {
		a.used.Add(-n)
		return wanted, false
	}
	return wanted, true
}

// give returns n reserved bytes.
func (a *account) give(n int64) {
	if a != nil && n != 0 {
		a.used.Add(-n)
	}
}
