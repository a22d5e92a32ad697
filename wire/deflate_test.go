package wire

import (
	"bytes"
	stdflate "compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// compressible and random fill documents of either kind.
func compressible(p []byte) {
	for i := range p {
		p[i] = 'a' + byte(i*i%23)
	}
}

func random(p []byte) {
	source := rand.New(rand.NewPCG(1, uint64(len(p))))
	for i := range p {
		p[i] = byte(source.Uint32())
	}
}

// bsonDocument returns n bytes, at least documentMin, that begin with their
// length as a BSON document does. What is in it is not framing's concern.
func bsonDocument(n int, fill func([]byte)) []byte {
	doc := make([]byte, n)
	fill(doc)
	binary.LittleEndian.PutUint32(doc, uint32(n))
	doc[n-1] = 0
	return doc
}

var documentSizes = []int{5, 6, 100, 1023, 1024, 1025, 1026, 4095, 16 << 10, 65534, 65535, 65536, 65537, 65540, 131070, 131071, 1 << 20}

func TestDeflatedDocumentsAreReadByBothReaders(t *testing.T) {
	for name, fill := range map[string]func([]byte){"compressible": compressible, "random": random} {
		for _, n := range documentSizes {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				doc := bsonDocument(n, fill)
				const before, after = "before", "NEXT\r\n and more"
				stream := AppendDeflated([]byte(before), doc)
				if string(stream[:len(before)]) != before {
					t.Fatal("what was in the slice has changed")
				}
				stream = stream[len(before):]

				source := bytes.NewReader(append(bytes.Clone(stream), after...))
				got, err := io.ReadAll(stdflate.NewReader(source))
				if err != nil || !bytes.Equal(got, doc) {
					t.Fatalf("compress/flate: %d bytes, %v", len(got), err)
				}
				if source.Len() != len(after) {
					t.Errorf("compress/flate leaves %d bytes, not %d", source.Len(), len(after))
				}
				for _, wrap := range []func(io.Reader) io.Reader{
					func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
				} {
					r := NewReader(wrap(bytes.NewReader(append(bytes.Clone(stream), after...))), nil)
					got, err := r.ReadDocument()
					if err != nil || !bytes.Equal(got, doc) {
						t.Fatalf("ReadDocument: %d bytes, %v", len(got), err)
					}
					wantRest(t, r, after)
				}
				if len(stream) > storedLen(n) {
					t.Errorf("%d bytes became %d, more than stored blocks take", n, len(stream))
				}
			})
		}
	}
}

func TestDeflatedIsByteExactAtItsEnds(t *testing.T) {
	// Anything may be deflated, also what is no document.
	for _, n := range []int{0, 1, 1023, 1024} {
		doc := make([]byte, n)
		random(doc)
		want := append([]byte{1, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}, doc...)
		if got := AppendDeflated(nil, doc); !bytes.Equal(got, want) {
			t.Errorf("%d bytes are not one final stored block", n)
		}
	}
	for _, n := range []int{1025, 4096, 65536, 1 << 20} {
		doc := bsonDocument(n, compressible)
		doc[n-1] = 'x'
		got := AppendDeflated(nil, doc)
		// A flush to a byte boundary, then the last byte as a final block.
		want := []byte{0, 0, 0xff, 0xff, 1, 1, 0, 0xfe, 0xff, 'x'}
		if !bytes.HasSuffix(got, want) {
			t.Errorf("%d bytes end in % x", n, got[len(got)-len(want):])
		}
		if len(got) > n/2 {
			t.Errorf("%d bytes became %d", n, len(got))
		}
	}
	doc := make([]byte, 70_000)
	random(doc)
	if got := AppendDeflated(nil, doc); got[0] != 0 || got[storedHeader+storedMax] != 1 || len(got) != 70_000+2*storedHeader {
		t.Errorf("random bytes are not in two stored blocks: %d bytes, % x", len(got), got[:5])
	}
}

func TestReadDocumentTakesAnyEncoding(t *testing.T) {
	doc := bsonDocument(100_000, compressible)
	encodings := map[string]func() []byte{}
	for level := stdflate.HuffmanOnly; level <= stdflate.BestCompression; level++ {
		encodings[fmt.Sprintf("level %d", level)] = func() []byte { return stdDeflate(t, level, doc) }
	}
	encodings["many stored blocks"] = func() []byte {
		var b []byte
		for i := 0; i < len(doc); i += 1000 {
			b = appendStored(b, doc[i:i+1000], false)
		}
		return appendStored(b, nil, true)
	}
	encodings["padding bits set"] = func() []byte {
		b := appendStored(nil, doc, true)
		b[0] |= 0xf8
		return b
	}
	encodings["stored, then compressed with matches that reach back"] = func() []byte {
		head := appendStored(nil, doc[:40_000], false)
		var b bytes.Buffer
		z, err := stdflate.NewWriterDict(&b, 6, doc[:40_000])
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, z, doc[40_000:])
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return append(head, b.Bytes()...)
	}
	for name, encode := range encodings {
		t.Run(name, func(t *testing.T) {
			r := readerOn(t, append(encode(), "NEXT"...), nil)
			got, err := r.ReadDocument()
			if err != nil || !bytes.Equal(got, doc) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			wantRest(t, r, "NEXT")
		})
	}
}

func stdDeflate(t testing.TB, level int, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := stdflate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, z, data)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func mustWrite(t testing.TB, w io.Writer, p []byte) {
	t.Helper()
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
}

func TestReadDocumentRefuses(t *testing.T) {
	claims := func(n int32, have int) []byte {
		doc := bsonDocument(have, compressible)
		binary.LittleEndian.PutUint32(doc, uint32(n))
		return doc
	}
	limited := &ReaderOptions{Limits: Limits{Document: 10_000}}
	for _, test := range []struct {
		name   string
		stream []byte
		opts   *ReaderOptions
		want   string
	}{
		{"a length field below the smallest", AppendDeflated(nil, claims(4, 100)), nil, "expected a BSON document, found a length field of 4"},
		{"a negative length field", AppendDeflated(nil, claims(-1, 5000)), nil, "found a length field of -1"},
		{"a length field over the limit", AppendDeflated(nil, claims(10_001, 100)), limited, "length of a document in bytes (Limits.Document): 10001 is over the limit of 10000"},
		{"a length field over the limit, compressed", AppendDeflated(nil, claims(10_001, 5000)), limited, "10001 is over the limit of 10000"},
		{"more than the length field, stored", AppendDeflated(nil, claims(50, 100)), nil, "expected a BSON document of 50 bytes, as its length field says, found more bytes behind it"},
		{"more than the length field, compressed", AppendDeflated(nil, claims(1025, 1026)), nil, "found more bytes behind it"},
		{"a bomb", stdDeflate(t, 9, claims(5000, 1<<20)), limited, "found more bytes behind it"},
		{"less than the length field, stored", AppendDeflated(nil, claims(101, 100)), nil, "found the end of the DEFLATE stream after 100 bytes"},
		{"less than the length field, compressed", stdDeflate(t, 6, claims(9000, 5000)), nil, "found the end of the DEFLATE stream after 5000 bytes"},
		{"nothing in it", appendStored(nil, nil, true), nil, "expected a BSON document, found the end of the DEFLATE stream after 0 bytes"},
		{"too little for a length field", appendStored(nil, []byte("abc"), true), nil, "after 3 bytes"},
		{"a block's check is wrong", []byte{1, 5, 0, 0, 0}, nil, "whose length and check do not agree"},
		{"a block of the reserved type", []byte{0b111, 0, 0}, nil, "bytes that are no DEFLATE stream"},
		{"a match that reaches too far", []byte{0x63, 0x40, 0x03, 0x00}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc, err := readerOn(t, test.stream, test.opts).ReadDocument()
			if err == nil {
				t.Fatalf("no error, %d bytes", len(doc))
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
			var protocol *ProtocolError
			var limit *LimitError
			if !errors.As(err, &protocol) && !errors.As(err, &limit) {
				t.Errorf("%T is neither a ProtocolError nor a LimitError", err)
			}
		})
	}
}

func TestReadDocumentTellsWhereItWasCut(t *testing.T) {
	for _, n := range []int{300, 5000} {
		stream := AppendDeflated(nil, bsonDocument(n, compressible))
		for cut := range stream {
			_, err := readerOn(t, stream[:cut], nil).ReadDocument()
			if cut == 0 {
				if err != io.EOF {
					t.Errorf("nothing at all: %v", err)
				}
				continue
			}
			if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "reading a document") {
				t.Fatalf("cut at %d of %d: %v", cut, len(stream), err)
			}
		}
	}
	broken := errors.New("connection reset")
	for _, n := range []int{300, 5000} {
		stream := AppendDeflated(nil, bsonDocument(n, compressible))
		r := NewReader(io.MultiReader(bytes.NewReader(stream[:len(stream)/2]), iotest.ErrReader(broken)), nil)
		if _, err := r.ReadDocument(); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	}
}

func TestReadDocumentGrowsWithWhatCame(t *testing.T) {
	// The claim is the limit, a stored block promises 64 KiB, eight bytes come.
	stream := []byte{0, 0xff, 0xff, 0, 0}
	stream = binary.LittleEndian.AppendUint32(stream, DefaultDocumentLimit)
	stream = append(stream, "abcd"...)
	r := readerOn(t, stream, nil)
	d := documentBuffer{r: r, limit: DefaultDocumentLimit}
	r.buffered()
	if _, err := d.readStored(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if len(d.buf) != 8 || d.room > documentStart || cap(d.buf) > 2*documentStart {
		t.Errorf("%d bytes came, there is room for %d, and %d are allocated", len(d.buf), d.room, cap(d.buf))
	}
}

func TestDocumentsCountAgainstTheBudget(t *testing.T) {
	o := &ReaderOptions{Limits: Limits{DocumentsMemory: 10_000}}
	o.Budget = NewBudget(o.Limits)
	stream := AppendDeflated(nil, bsonDocument(6000, compressible))
	first := readerOn(t, bytes.Repeat(stream, 2), o)
	if _, err := first.ReadDocument(); err != nil {
		t.Fatal(err)
	}
	if n := o.Budget.Usage().DocumentsMemory; n != 6000 {
		t.Errorf("%d bytes are counted for one document of 6000", n)
	}
	// Another connection has to do without.
	second := readerOn(t, stream, o)
	_, err := second.ReadDocument()
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Limit != 10_000 || limit.Actual != 12_000 {
		t.Errorf("%v", err)
	}
	if n := o.Budget.Usage().DocumentsMemory; n != 6000 {
		t.Errorf("%d bytes are counted after a refusal", n)
	}
	// The next document of the same connection takes the place of the last.
	if _, err := first.ReadDocument(); err != nil {
		t.Error(err)
	}
	first.ReleaseDocument()
	first.ReleaseDocument()
	if n := o.Budget.Usage().DocumentsMemory; n != 0 {
		t.Errorf("%d bytes are counted after the release", n)
	}
}

func TestSmallDocumentsAllocateLittle(t *testing.T) {
	doc := bsonDocument(300, compressible)
	dst := make([]byte, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { AppendDeflated(dst, doc) }); n != 0 {
		t.Errorf("AppendDeflated allocates %v times", n)
	}
	stream := AppendDeflated(nil, doc)
	source := bytes.NewReader(stream)
	r := NewReader(source, nil)
	if n := testing.AllocsPerRun(100, func() {
		source.Reset(stream)
		if _, err := r.ReadDocument(); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("ReadDocument allocates %v times", n)
	}
}

func FuzzReadDocument(f *testing.F) {
	for _, stream := range recordedSides(f) {
		f.Add(stream.data, 1)
	}
	f.Add(AppendDeflated(nil, bsonDocument(2000, compressible)), 7)
	f.Add(stdDeflate(f, 9, make([]byte, 1<<16)), 1000)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		const limit = 1 << 20
		o := &ReaderOptions{Limits: Limits{Document: limit}, Budget: NewBudget(Limits{})}
		source := bytes.NewReader(stream)
		r := NewReader(stepReader{source, step}, o)
		defer r.Close()
		doc, err := r.ReadDocument()
		if err != nil {
			if n := o.Budget.Usage().DocumentsMemory; n != 0 {
				t.Fatalf("%d bytes are counted after %v", n, err)
			}
			return
		}
		if len(doc) > limit || int(binary.LittleEndian.Uint32(doc)) != len(doc) {
			t.Fatalf("a document of %d bytes with the length field % x", len(doc), doc[:4])
		}
		// The standard library reads the same, and leaves the same behind.
		second := bytes.NewReader(stream)
		want, err := io.ReadAll(stdflate.NewReader(second))
		if err != nil || !bytes.Equal(doc, want) {
			t.Fatalf("compress/flate reads %d bytes, %v; ReadDocument %d", len(want), err, len(doc))
		}
		if rest := source.Len() + r.Buffered(); rest != second.Len() {
			t.Fatalf("ReadDocument leaves %d bytes, compress/flate %d", rest, second.Len())
		}
	})
}

// stepReader yields few bytes at a time.
type stepReader struct {
	r    io.Reader
	step int
}

func (s stepReader) Read(p []byte) (int, error) {
	return s.r.Read(p[:min(len(p), max(1, s.step&0xffff))])
}

func BenchmarkAppendDeflated(b *testing.B) {
	for _, n := range []int{300, 4000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			doc, dst := bsonDocument(n, compressible), make([]byte, 0, 2*n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				AppendDeflated(dst, doc)
			}
		})
	}
}

func BenchmarkReadDocument(b *testing.B) {
	for _, n := range []int{300, 4000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			stream := AppendDeflated(nil, bsonDocument(n, compressible))
			source := bytes.NewReader(stream)
			r := NewReader(source, nil)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				source.Reset(stream)
				if _, err := r.ReadDocument(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
