package wire

import (
	"encoding/binary"
	"io"
	"sync"
)

const (
	// bodyInline is the length up to which the params of a request, or the
	// result of a response, are copied into the message: the document then
	// lies in one piece, and fits into one stored block with what is around it.
	bodyInline = 32 << 10

	// storedPiece is how much of a document in stored blocks is written at a
	// time: a block with its header fills four records of TLS, so that none of
	// them is short.
	storedPiece = 64 << 10

	// largestPooled keeps one long message from holding memory for ever.
	largestPooled = 1 << 20
)

var (
	outgoingBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}
	storedPieces    = sync.Pool{New: func() any { return new([storedPiece]byte) }}
)

// Outgoing is a message on its way to the peer: its document as one raw DEFLATE
// stream, as [AppendDeflated] makes it, with the control lines that travel before
// and behind it. A long document that is not compressed is put together only as
// it is written: the params of its request, or the result of its response, are
// aliased and must be left alone until then.
//
// An Outgoing is for one goroutine.
type Outgoing struct {
	storage *[]byte // of bytes
	bytes   []byte  // everything, unless there is a body

	// Of a document that is written in stored blocks from where it lies:
	body       []byte // stands between bytes[:split] and bytes[split:]
	lead       int    // the document begins at bytes[lead:]
	split, end int    // and ends at bytes[end:]
}

// EncodeRequest makes the message of a request with a control line, or nothing,
// before it. compress says whether a document is compressed that is long enough
// and gets shorter so; without it the peer has less to do and the network more.
func EncodeRequest(line []byte, r *Request, compress bool) (Outgoing, error) {
	return newOutgoing(line, r.Params.Data, compress, func(dst []byte, apart bool) ([]byte, int, error) {
		return appendRequest(dst, r, requestType, apart)
	})
}

// EncodeResponse is EncodeRequest for a response.
func EncodeResponse(line []byte, r *Response, compress bool) (Outgoing, error) {
	return newOutgoing(line, r.Result.Data, compress, func(dst []byte, apart bool) ([]byte, int, error) {
		return appendResponse(dst, r, responseType, apart)
	})
}

// newOutgoing makes a message. appendDocument appends the document, or with apart
// what stands before and behind its body, and returns where that belongs.
func newOutgoing(line, body []byte, compress bool, appendDocument func(dst []byte, apart bool) ([]byte, int, error)) (Outgoing, error) {
	storage := outgoingBuffers.Get().(*[]byte)
	o := Outgoing{storage: storage}
	// The document of most messages is one stored block, whose header's place
	// is kept here.
	o.bytes = append(append((*storage)[:0], line...), make([]byte, storedHeader)...)
	o.lead = len(o.bytes)
	apart := len(body) > bodyInline
	document, split, err := appendDocument(o.bytes, apart)
	o.bytes = document
	if err != nil {
		o.Free()
		return o, err
	}
	o.split, o.end = split, len(document)
	if apart {
		o.body = body
	} else {
		o.split = o.end
	}
	if compress && o.length() > storedUpTo && o.getsShorter() && o.compress(line) {
		return o, nil
	}
	o.store()
	return o, nil
}

// length is how long the document is.
func (o *Outgoing) length() int { return o.end - o.lead + len(o.body) }

// getsShorter guesses whether the document does.
func (o *Outgoing) getsShorter() bool {
	if o.body != nil {
		return getsShorter(o.body)
	}
	return getsShorter(o.bytes[o.lead:])
}

// compress compresses the document, unless it gets no shorter.
func (o *Outgoing) compress(line []byte) bool {
	storage := outgoingBuffers.Get().(*[]byte)
	compressed, ok := appendCompressed(append((*storage)[:0], line...), o.bytes[o.lead:o.split], o.body, o.bytes[o.split:])
	small := Outgoing{storage: storage, bytes: compressed}
	if !ok {
		small.Free()
		return false
	}
	o.Free()
	*o = small
	return true
}

// store finishes a document in one stored block; one of several is left for
// Write.
func (o *Outgoing) store() {
	if n := o.length(); o.body == nil && n <= storedMax {
		putStoredHeader(o.bytes[o.lead-storedHeader:], n, true)
		o.lead, o.split, o.end = 0, 0, 0
	}
}

// inPieces says whether the message is put together as it is written.
func (o *Outgoing) inPieces() bool { return o.lead != 0 }

// Append puts a control line behind the document.
func (o *Outgoing) Append(line []byte) { o.bytes = append(o.bytes, line...) }

// Len is about how many bytes will be written.
func (o *Outgoing) Len() int { return len(o.bytes) + len(o.body) }

// Bytes is the whole message, or nil when it is put together only as it is
// written.
func (o *Outgoing) Bytes() []byte {
	if o.inPieces() {
		return nil
	}
	return o.bytes
}

// WriteTo writes the message. What Bytes has is one write.
func (o *Outgoing) WriteTo(w io.Writer) (written int64, err error) {
	if !o.inPieces() {
		n, err := w.Write(o.bytes)
		return int64(n), err
	}
	piece := storedPieces.Get().(*[storedPiece]byte)
	defer storedPieces.Put(piece)
	rest := [][]byte{o.bytes[o.lead:o.split], o.body, o.bytes[o.split:o.end]}
	buf := append(piece[:0], o.bytes[:o.lead-storedHeader]...)
	for left := o.length(); left > 0; buf = buf[:0] {
		n := min(left, cap(buf)-len(buf)-storedHeader)
		left -= n
		buf = buf[:len(buf)+storedHeader]
		putStoredHeader(buf[len(buf)-storedHeader:], n, left == 0)
		buf, rest = appendParts(buf, rest, n)
		if left == 0 {
			buf = append(buf, o.bytes[o.end:]...)
		}
		n, err := w.Write(buf)
		if written += int64(n); err != nil {
			return written, err
		}
	}
	return written, nil
}

// appendParts appends the next n bytes of the parts, and returns what is left of
// these.
func appendParts(dst []byte, parts [][]byte, n int) ([]byte, [][]byte) {
	for n > 0 {
		part := parts[0][:min(n, len(parts[0]))]
		dst = append(dst, part...)
		n -= len(part)
		if parts[0] = parts[0][len(part):]; len(parts[0]) == 0 {
			parts = parts[1:]
		}
	}
	return dst, parts
}

// Free gives the storage of the message back. Nothing may be left that uses it.
func (o *Outgoing) Free() {
	if o.storage != nil && cap(o.bytes) <= largestPooled {
		*o.storage = o.bytes[:0]
		outgoingBuffers.Put(o.storage)
	}
	*o = Outgoing{}
}

// putStoredHeader writes the header of a stored block of n bytes.
func putStoredHeader(dst []byte, n int, final bool) {
	dst[0] = 0
	if final {
		dst[0] = 1
	}
	binary.LittleEndian.PutUint16(dst[1:], uint16(n))
	binary.LittleEndian.PutUint16(dst[3:], ^uint16(n))
}
