package wire

import (
	"bytes"
	stdflate "compress/flate"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// writes keeps what each write has brought.
type writes struct{ each [][]byte }

func (w *writes) Write(p []byte) (int, error) {
	w.each = append(w.each, bytes.Clone(p))
	return len(p), nil
}

func (w *writes) all() []byte { return bytes.Join(w.each, nil) }

// noiseText is text of which nothing can be saved but the eighth bit and some.
func noiseText(n int) string {
	noise := make([]byte, n)
	random(noise)
	for i := range noise {
		noise[i] = ' ' + noise[i]%95
	}
	return string(noise)
}

var bodyLengths = []int{
	0, 1, 500, 1 << 10, 10_000, bodyInline - 100, bodyInline, bodyInline + 100,
	storedPiece - 300, storedPiece - 200, storedPiece - 100, storedPiece, 2 * storedPiece, 3*storedPiece - 250,
}

func TestOutgoingMessagesAreReadByBothReaders(t *testing.T) {
	var c Codec
	for _, length := range bodyLengths {
		for _, text := range []string{strings.Repeat("abcdefgh", length/8+1)[:length], noiseText(length)} {
			raw, err := c.EncodeParams(nil, nil, []any{text})
			if err != nil {
				t.Fatal(err)
			}
			result, err := c.EncodeResult(nil, nil, text)
			if err != nil {
				t.Fatal(err)
			}
			request := &Request{ID: "id", Service: "S", Method: "M", Params: raw, Call: &CallMetadata{Traceparent: "behind the params"}}
			response := &Response{ID: "id", Result: result}
			wantRequest, err := AppendRequest(nil, request)
			if err != nil {
				t.Fatal(err)
			}
			wantResponse, err := AppendResponse(nil, response)
			if err != nil {
				t.Fatal(err)
			}
			for _, compress := range []bool{false, true} {
				message, err := EncodeRequest([]byte("NEXT\r\n"), request, compress)
				wantMessage(t, message, err, "NEXT\r\n", wantRequest, compress)
				message, err = EncodeResponse(nil, response, compress)
				wantMessage(t, message, err, "", wantResponse, compress)
			}
		}
	}
}

// wantMessage compares a message behind a line with the document that it should
// hold, and puts another line behind it.
func wantMessage(t *testing.T, message Outgoing, err error, line string, document []byte, compress bool) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	const behind = "PROCEED\r\n"
	message.Append([]byte(behind))
	var w writes
	n, err := message.WriteTo(&w)
	all := w.all()
	if err != nil || n != int64(len(all)) {
		t.Fatalf("WriteTo returned %d, %v, and wrote %d bytes", n, err, len(all))
	}
	if whole := message.Bytes(); whole != nil && (len(w.each) != 1 || !bytes.Equal(whole, all)) {
		t.Errorf("a message in one piece was written in %d", len(w.each))
	}
	for i, piece := range w.each {
		if i < len(w.each)-1 && len(piece) != storedPiece {
			t.Errorf("write %d of %d brought %d bytes", i, len(w.each), len(piece))
		}
	}
	if !compress && len(all) != len(line)+len(behind)+len(document)+storedHeader*len(w.each) {
		t.Errorf("%d bytes became %d in %d writes", len(document), len(all), len(w.each))
	}
	message.Free()
	stream, found := bytes.CutPrefix(all, []byte(line))
	if !found {
		t.Fatalf("it begins with %q", all[:min(10, len(all))])
	}
	source := bytes.NewReader(stream)
	got, err := io.ReadAll(stdflate.NewReader(source))
	if err != nil || !bytes.Equal(got, document) || source.Len() != len(behind) {
		t.Fatalf("compress/flate: %d bytes of %d, %v, %d bytes are left", len(got), len(document), err, source.Len())
	}
	// No byte follows the one that carries the document's last one.
	if end := len(stream) - len(behind) - 1; stream[end] != document[len(document)-1] {
		t.Errorf("the DEFLATE stream ends with %x", stream[end])
	}
	r := NewReader(bytes.NewReader(stream), nil)
	got, err = r.ReadDocument()
	if err != nil || !bytes.Equal(got, document) {
		t.Fatalf("ReadDocument: %d bytes of %d, %v", len(got), len(document), err)
	}
	wantRest(t, r, behind)
}

func TestOutgoingMessagesTellWhatCannotBeSent(t *testing.T) {
	if _, err := EncodeRequest(nil, &Request{ID: "\xff"}, true); err == nil {
		t.Error("an id that is not UTF-8 is taken")
	}
	if _, err := EncodeRequest(nil, &Request{Params: Raw{Type: KindString, Data: make([]byte, 2*bodyInline)}}, true); err == nil {
		t.Error("params that are text are taken")
	}
	message, err := EncodeResponse(nil, &Response{Result: Raw{Type: KindBinary, Data: make([]byte, 1<<20)}}, false)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	n, err := message.WriteTo(&brokenPipe{after: 3, err: broken})
	if !errors.Is(err, broken) || n != 3*storedPiece {
		t.Errorf("%d bytes were written, %v", n, err)
	}
}

// brokenPipe fails after some writes.
type brokenPipe struct {
	after int
	err   error
}

func (w *brokenPipe) Write(p []byte) (int, error) {
	if w.after--; w.after < 0 {
		return 0, w.err
	}
	return len(p), nil
}

func TestUncompressedTellsWhatCouldHaveBeenShorter(t *testing.T) {
	for _, test := range []struct {
		length   int
		text     func(int) string
		compress bool
		want     bool
	}{
		{10_000, func(n int) string { return strings.Repeat("x", n) }, false, true},
		{10_000, func(n int) string { return strings.Repeat("x", n) }, true, false},
		{200_000, func(n int) string { return strings.Repeat("x", n) }, false, true},
		{500, func(n int) string { return strings.Repeat("x", n) }, false, false},
	} {
		if _, got := readBack(t, "", test.text(test.length), test.compress); got != test.want {
			t.Errorf("%d bytes, compressed: %v; Uncompressed is %v", test.length, test.compress, got)
		}
	}
}

// TestNoiseIsNoExample has senders that compress what they can.
func TestNoiseIsNoExample(t *testing.T) {
	noise := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return b
	}
	blobs := func(count, n int) (list [][]byte) {
		for range count {
			list = append(list, noise(n))
		}
		return list
	}
	type file struct {
		Name, Kind, Owner string
		Content           []byte
	}
	for range 10 {
		for _, value := range []any{
			noise(1_000), noise(2_000), noise(10_000), noise(100_000),
			blobs(4, 1_500), blobs(100, 1_500), blobs(30, 100),
			file{"a name", "some kind", "its owner", noise(2_000)},
			file{"a name", "some kind", "its owner", noise(20_000)},
			file{"a name", "some kind", "its owner", noise(40_000)},
			file{strings.Repeat("a long name ", 400), "some kind", "its owner", noise(40_000)},
		} {
			if document, uncompressed := readBack(t, "IFileService::Read[1]", value, true); uncompressed {
				t.Errorf("%T of %d bytes came from a sender that does not compress", value, len(document))
			}
		}
	}
}

// readBack reads the response with a value as its receiver does, and whether that
// finds it uncompressed.
func readBack(t *testing.T, id string, value any, compress bool) (document []byte, uncompressed bool) {
	t.Helper()
	result, err := new(Codec).EncodeResult(nil, nil, value)
	if err != nil {
		t.Fatal(err)
	}
	message, err := EncodeResponse(nil, &Response{ID: id, Result: result}, compress)
	if err != nil {
		t.Fatal(err)
	}
	var w writes
	if _, err := message.WriteTo(&w); err != nil {
		t.Fatal(err)
	}
	r := readerOn(t, w.all(), nil)
	if document, err = r.ReadDocument(); err != nil {
		t.Fatal(err)
	}
	return document, r.Uncompressed(document)
}

func TestLongMessagesAllocateLittle(t *testing.T) {
	result := Raw{Type: KindBinary, Data: append([]byte{0, 0, 16, 0, 0}, make([]byte, 1<<20)...)}
	response := &Response{ID: "id", Result: result}
	if n := testing.AllocsPerRun(20, func() {
		message, err := EncodeResponse(nil, response, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := message.WriteTo(io.Discard); err != nil {
			t.Fatal(err)
		}
		message.Free()
	}); n > 3 {
		t.Errorf("a message of 1 MiB takes %v allocations", n)
	}
}

func TestBuffersAreUsedAgainWhereTheyFit(t *testing.T) {
	var p bufferPool
	for _, n := range []int{0, 1, 2047, 2048, 5000, 1 << 20, 5 << 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			for range 3 {
				b := p.get(n)
				if len(b) != 0 || cap(b) < n || cap(b) > max(2*n, 8) {
					t.Errorf("%d bytes are needed, the buffer has %d of %d", n, len(b), cap(b))
				}
				p.put(b[:cap(b)])
			}
		})
	}
	p.put(make([]byte, 0, 5000))
	if b := p.get(8000); cap(b) < 8000 {
		t.Errorf("a buffer of %d for 8000 bytes", cap(b))
	}
}
