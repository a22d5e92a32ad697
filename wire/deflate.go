package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress"
	"github.com/klauspost/compress/flate"
)

const (
	// storedUpTo is the length up to which a document is not worth
	// compressing: one stored block is both smaller work and one copy.
	storedUpTo = 1 << 10

	// A stored block is a header byte, its length, the complement of its
	// length, and up to 65,535 bytes.
	storedHeader = 5
	storedMax    = 1<<16 - 1

	// documentStart is what is allocated for a document whose bytes have not
	// come yet, documentMin the smallest BSON document.
	documentStart = 16 << 10
	documentMin   = 5

	// documentGrowth is how many times as much as has come is allocated at most.
	documentGrowth = 4

	// inflateWindow is how far DEFLATE reaches back.
	inflateWindow = 32 << 10
)

// A deflater is a compressor that appends to a slice.
type deflater struct {
	w   *flate.Writer
	out []byte
}

func (d *deflater) Write(p []byte) (int, error) {
	d.out = append(d.out, p...)
	return len(p), nil
}

var deflaters = sync.Pool{New: func() any {
	d := new(deflater)
	w, err := flate.NewWriter(d, flate.BestSpeed)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	d.w = w
	return d
}}

// AppendDeflated appends doc to dst as one raw DEFLATE stream.
//
// No byte of the stream follows the one that carries the document's last byte.
// Some readers stop there, and would take what follows for a control line.
func AppendDeflated(dst, doc []byte) []byte {
	if len(doc) <= storedUpTo || !getsShorter(doc) {
		return appendStored(dst, doc, true)
	}
	out, ok := appendCompressed(dst, doc)
	if !ok {
		return appendStored(dst, doc, true)
	}
	return out
}

// appendCompressed appends the document that the parts are together, unless it
// gets no shorter by that.
func appendCompressed(dst []byte, parts ...[]byte) (_ []byte, ok bool) {
	start, length := len(dst), 0
	for _, part := range parts {
		length += len(part)
	}
	d := deflaters.Get().(*deflater)
	d.out = dst
	d.w.Reset(d)
	last, err := d.writeAllButOne(parts, length)
	if err == nil {
		err = d.w.Flush()
	}
	out := d.out
	d.out = nil
	if err != nil {
		// The sink takes everything, so the compressor itself is broken: it is
		// not used again.
		return out, false
	}
	deflaters.Put(d)
	out = appendStored(out, last, true)
	return out, len(out)-start <= storedLen(length)
}

// writeAllButOne compresses the parts but for their last byte, which it returns.
func (d *deflater) writeAllButOne(parts [][]byte, length int) (last []byte, err error) {
	for _, part := range parts {
		if length -= len(part); length == 0 && len(part) > 0 {
			part, last = part[:len(part)-1], part[len(part)-1:]
		}
		if _, err := d.w.Write(part); err != nil {
			return last, err
		}
	}
	return last, nil
}

// Of a long document as many pieces are looked at, of that length.
const (
	samples      = 4
	sampleLength = 4 << 10
)

// sampled returns the pieces of a document that are looked at: one that is not
// longer than they are together is the only one.
func sampled(doc []byte) (pieces [samples][]byte, n int) {
	if len(doc) <= samples*sampleLength {
		pieces[0] = doc
		return pieces, 1
	}
	for i := range pieces {
		at := i * (len(doc) - sampleLength) / (samples - 1)
		pieces[i] = doc[at : at+sampleLength]
	}
	return pieces, samples
}

// getsShorter guesses whether a document gets shorter. What is mostly compressed
// or encrypted already does not, and is the slowest to find that out.
func getsShorter(doc []byte) bool {
	pieces, n := sampled(doc)
	for _, piece := range pieces[:n] {
		if compress.Estimate(piece) >= leastEstimate {
			return true
		}
	}
	return false
}

// getsMuchShorter says whether each piece of a document seems to get shorter, and
// all of them do together, by a quarter.
func getsMuchShorter(doc []byte) bool {
	pieces, n := sampled(doc)
	length := 0
	for _, piece := range pieces[:n] {
		if compress.Estimate(piece) < clearEstimate {
			return false
		}
		length += len(piece)
	}
	compressed, ok := appendCompressed(nil, pieces[:n]...)
	return ok && len(compressed) <= length-length/4
}

// leastEstimate is what [compress.Estimate] tells of bytes that hardly compress:
// 0 is noise, 1 is one byte over and over. Some KiB of noise in a message have up
// to 0.2, and text and records from 0.35: clearEstimate lies between.
const (
	leastEstimate = 0.1
	clearEstimate = 0.3
)

// storedLen is the length of n bytes in stored blocks.
func storedLen(n int) int {
	return n + storedHeader*max(1, (n+storedMax-1)/storedMax)
}

// appendStored appends data in stored blocks, the last of them final if asked.
func appendStored(dst, data []byte, final bool) []byte {
	for {
		block := data[:min(len(data), storedMax)]
		data = data[len(block):]
		dst = append(dst, make([]byte, storedHeader)...)
		putStoredHeader(dst[len(dst)-storedHeader:], len(block), final && len(data) == 0)
		dst = append(dst, block...)
		if len(data) == 0 {
			return dst
		}
	}
}

type inflater interface {
	io.Reader
	flate.Resetter
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil).(inflater) }}

// noInput is what an inflater in the pool reads from.
type noInput struct{}

func (noInput) Read([]byte) (int, error) { return 0, io.EOF }
func (noInput) ReadByte() (byte, error)  { return 0, io.EOF }

// ReadDocument reads one DEFLATE stream that holds exactly one BSON document,
// and returns the document. It consumes the stream to the end of its final
// block and not one byte beyond. The slice is the caller's.
//
// The connection's end before the first byte is io.EOF. Within the stream it
// wraps io.ErrUnexpectedEOF, as any other failure of the connection is
// wrapped. A document over Limits.Document or the Budget is a *LimitError, all
// else that is wrong with the stream a *ProtocolError.
//
// The document counts against the Budget until [Reader.ReleaseDocument], the
// next ReadDocument or Close.
func (r *Reader) ReadDocument() ([]byte, error) {
	r.ReleaseDocument()
	if _, err := r.buffered().Peek(1); err != nil {
		return nil, err
	}
	d := documentBuffer{r: r, limit: r.limits().MaxDocument()}
	final, err := d.readStored()
	r.stored = final
	if err == nil && !final {
		err = d.readCompressed()
	}
	if err == nil && (d.want == 0 || len(d.buf) < d.want) {
		err = &ProtocolError{Expected: d.expected(), Found: fmt.Sprintf("the end of the DEFLATE stream after %d bytes", len(d.buf))}
	}
	if err != nil {
		r.ReleaseDocument()
		return nil, err
	}
	return d.buf, nil
}

// Uncompressed reports whether the document that was read last came uncompressed
// although it is long enough, and would have got shorter beyond doubt: whoever
// compresses leaves one as it is that hardly does, or not everywhere.
func (r *Reader) Uncompressed(document []byte) bool {
	return r.stored && len(document) > storedUpTo && getsMuchShorter(document)
}

// smallDocuments are the storage of documents that were recycled.
var smallDocuments = sync.Pool{New: func() any { return new([smallDocument]byte) }}

const smallDocument = 1 << 10

// RecycleDocument takes a document back that ReadDocument has returned, so that
// its storage serves another one. Nothing may be left that aliases it. It need
// not be called.
func RecycleDocument(document []byte) {
	if cap(document) == smallDocument {
		smallDocuments.Put((*[smallDocument]byte)(document[:smallDocument]))
		return
	}
	documentBuffers.put(document)
}

// documentBuffers are the storage of longer documents, and of long values on their
// way into one.
var documentBuffers bufferPool

// ReleaseDocument gives the last document's share of the Budget back. Call it
// when the document is decoded.
func (r *Reader) ReleaseDocument() {
	if r.documents != 0 {
		r.opts.Budget.documentsAccount().give(r.documents)
		r.documents = 0
	}
}

// A documentBuffer collects a document as it is inflated. It grows with the
// bytes that have come, whatever length the document claims.
type documentBuffer struct {
	r     *Reader
	limit int64
	buf   []byte
	want  int // the document's claim; 0 until its first four bytes are there
	room  int // that was asked for: the storage may have more
}

func (d *documentBuffer) expected() string {
	if d.want == 0 {
		return "a BSON document"
	}
	return fmt.Sprintf("a BSON document of %d bytes, as its length field says", d.want)
}

// claim takes the length field of the document.
func (d *documentBuffer) claim(field []byte) error {
	n := int64(int32(binary.LittleEndian.Uint32(field)))
	if n < documentMin {
		return &ProtocolError{Expected: "a BSON document", Found: fmt.Sprintf("a length field of %d", n)}
	}
	if n > d.limit {
		return &LimitError{What: "length of a document in bytes (Limits.Document)", Limit: d.limit, Actual: n}
	}
	d.want = int(n)
	return nil
}

// space returns where the next bytes go: at least one byte, and no more than
// the document still lacks.
func (d *documentBuffer) space() ([]byte, error) {
	have := len(d.buf)
	if d.want == 0 {
		if d.buf == nil {
			if err := d.grow(4); err != nil {
				return nil, err
			}
		}
		return d.buf[have:4], nil
	}
	if have == d.room {
		if err := d.grow(min(d.want, max(documentStart, documentGrowth*have))); err != nil {
			return nil, err
		}
	}
	return d.buf[have:min(d.room, d.want)], nil
}

// grow moves the document to where it has room for n bytes.
func (d *documentBuffer) grow(n int) error {
	more := int64(n - d.room)
	a := d.r.opts.Budget.documentsAccount()
	if used, ok := a.take(more); !ok {
		return &LimitError{What: "bytes of documents being decoded (Limits.DocumentsMemory)", Limit: a.limit, Actual: used}
	}
	d.r.documents += more
	d.room = n
	if d.buf == nil && n > 4 && n <= smallDocument {
		d.buf = smallDocuments.Get().(*[smallDocument]byte)[:0]
		return nil
	}
	grown := append(documentBuffers.get(n), d.buf...)
	documentBuffers.put(d.buf)
	d.buf = grown
	return nil
}

// added takes n bytes that were read into space.
func (d *documentBuffer) added(n int) error {
	d.buf = d.buf[:len(d.buf)+n]
	if d.want == 0 && len(d.buf) == 4 {
		return d.claim(d.buf)
	}
	return nil
}

func (d *documentBuffer) complete() bool { return d.want != 0 && len(d.buf) == d.want }

func (d *documentBuffer) trailing() error {
	return &ProtocolError{Expected: d.expected(), Found: "more bytes behind it in the DEFLATE stream"}
}

// cut wraps a failure of the connection.
func (d *documentBuffer) cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if d.want == 0 {
		return fmt.Errorf("reading a document: %w", err)
	}
	return fmt.Errorf("reading a document: %d of %d bytes came: %w", len(d.buf), d.want, err)
}

// readStored reads the blocks up to the first that is compressed. It reports
// whether the last of them was final.
func (d *documentBuffer) readStored() (final bool, err error) {
	b := d.r.buf
	for {
		header, err := b.Peek(1)
		if err != nil {
			return false, d.cut(err)
		}
		if header[0]&0b110 != 0 {
			return false, nil
		}
		final = header[0]&1 != 0
		header, err = b.Peek(storedHeader)
		if err != nil {
			return false, d.cut(err)
		}
		n := binary.LittleEndian.Uint16(header[1:])
		if n != ^binary.LittleEndian.Uint16(header[3:]) {
			return false, &ProtocolError{Expected: d.expected(), Found: "a stored DEFLATE block whose length and check do not agree"}
		}
		if _, err := b.Discard(storedHeader); err != nil {
			return false, d.cut(err)
		}
		if err := d.copyStored(int(n)); err != nil {
			return false, err
		}
		if final {
			return true, nil
		}
	}
}

// copyStored takes the n bytes of a stored block.
func (d *documentBuffer) copyStored(n int) error {
	b := d.r.buf
	if d.want == 0 && d.buf == nil && n >= documentMin && n <= b.Buffered() {
		// The usual small document: all of it is there, so allocate it once.
		field, err := b.Peek(4)
		if err != nil {
			return d.cut(err)
		}
		if err := d.claim(field); err != nil {
			return err
		}
		if err := d.grow(min(d.want, n)); err != nil {
			return err
		}
	}
	for n > 0 {
		if d.complete() {
			return d.trailing()
		}
		space, err := d.space()
		if err != nil {
			return err
		}
		got, err := b.Read(space[:min(len(space), n)])
		n -= got
		if bad := d.added(got); bad != nil {
			return bad
		}
		if err != nil {
			return d.cut(err)
		}
	}
	return nil
}

// readCompressed inflates the rest of the stream.
func (d *documentBuffer) readCompressed() error {
	z := inflaters.Get().(inflater)
	defer func() {
		_ = z.Reset(noInput{}, nil)
		inflaters.Put(z)
	}()
	if err := z.Reset(d.r.buf, d.buf[max(0, len(d.buf)-inflateWindow):]); err != nil {
		return err
	}
	var beyond [1]byte
	for {
		space := beyond[:]
		if !d.complete() {
			var err error
			if space, err = d.space(); err != nil {
				return err
			}
		}
		n, err := z.Read(space)
		if n > 0 {
			if d.complete() {
				return d.trailing()
			}
			if bad := d.added(n); bad != nil {
				return bad
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return d.inflateError(err)
		}
	}
}

// inflateError tells bytes that are no DEFLATE stream from a failure of the
// connection.
func (d *documentBuffer) inflateError(err error) error {
	var corrupt flate.CorruptInputError
	var internal flate.InternalError
	if errors.As(err, &corrupt) || errors.As(err, &internal) {
		return &ProtocolError{Expected: d.expected(), Found: "bytes that are no DEFLATE stream", Err: err}
	}
	return d.cut(err)
}
