package wire

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halibut-go/halibut/internal/bson"
)

// valueVector is a line of testdata/values.jsonl.
type valueVector struct {
	Method, Note      string
	DotNet            []string
	Outcome           string
	Request, Response *documentVector
}

type documentVector struct{ Deflated, BSON string }

func (d *documentVector) bytes(t testing.TB) []byte {
	t.Helper()
	if d == nil {
		return nil
	}
	doc, err := hex.DecodeString(d.BSON)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func valueVectors(t testing.TB) []valueVector {
	t.Helper()
	f, err := os.Open("testdata/values.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var vectors []valueVector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v valueVector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return vectors
}

// recordedDocument is one document of a recorded flow.
type recordedDocument struct {
	file string
	from string
	doc  []byte
}

// recordedDocuments inflates every message of every flow. Streams that follow a
// message are skipped: no frame inflates to a document.
func recordedDocuments(t testing.TB) []recordedDocument {
	t.Helper()
	var files []string
	for _, pattern := range []string{"testdata/flows/*.json", "testdata/tentacle/*.json"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	var documents []recordedDocument
	for _, file := range files {
		documents = append(documents, documentsOf(t, file)...)
	}
	return documents
}

func documentsOf(t testing.TB, file string) []recordedDocument {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var flow struct {
		Records []struct {
			From, Hex string
			Closed    bool
		}
	}
	if err := json.Unmarshal(text, &flow); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	pending := make(map[string][]byte)
	var documents []recordedDocument
	for _, record := range flow.Records {
		data, err := hex.DecodeString(record.Hex)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		rest := append(pending[record.From], data...)
		for len(rest) > 0 {
			if n := lineLength(rest); n > 0 {
				rest = rest[n:]
				continue
			}
			in := bytes.NewReader(rest)
			doc, err := io.ReadAll(flate.NewReader(in))
			if err != nil && isShort(err) && len(doc) > 4 {
				break // the rest of the message is in a later record
			}
			if err != nil || bson.Validate(doc, 0) != nil {
				rest = nil // a frame of a stream
				break
			}
			documents = append(documents, recordedDocument{filepath.Base(file), record.From, doc})
			rest = rest[len(rest)-in.Len():]
		}
		pending[record.From] = rest
	}
	return documents
}

func isShort(err error) bool { return err == io.ErrUnexpectedEOF }

// lineLength is how long the control line is that data begins with, or 0.
func lineLength(data []byte) int {
	for _, line := range []string{"MX\n\n", "NEXT\r\n", "PROCEED\r\n", "END\r\n"} {
		if bytes.HasPrefix(data, []byte(line)) {
			return len(line)
		}
	}
	if bytes.HasPrefix(data, []byte("MX-")) {
		if end := bytes.Index(data, []byte("\r\n\r\n")); end > 0 {
			return end + 4
		}
	}
	return 0
}

func TestEveryRecordedDocumentParsesAndEncodesBack(t *testing.T) {
	documents := recordedDocuments(t)
	for _, v := range valueVectors(t) {
		for _, side := range []*documentVector{v.Request, v.Response} {
			if doc := side.bytes(t); doc != nil {
				documents = append(documents, recordedDocument{"values.jsonl " + v.Method, v.Note, doc})
			}
		}
	}
	if len(documents) < 2500 {
		t.Fatalf("only %d documents found in the recordings", len(documents))
	}
	requests, responses, nulls := 0, 0, 0
	for _, d := range documents {
		m, err := ParseMessage(d.doc, 0)
		if err != nil {
			t.Fatalf("%s: %v", d.file, err)
		}
		var again []byte
		switch {
		case m.Request != nil:
			requests++
			again, err = AppendRequest(nil, m.Request)
		case m.Response != nil:
			responses++
			if e := m.Response.Error; e != nil && (e.Details == "" || !bytes.Contains(d.doc, []byte("HalibutErrorType"))) {
				continue // older releases write another error document
			}
			again, err = AppendResponse(nil, m.Response)
		default:
			nulls++
			again = AppendNullRequest(nil)
		}
		if err != nil {
			t.Fatalf("%s: %v", d.file, err)
		}
		if !bytes.Equal(again, d.doc) {
			t.Errorf("%s: encoded again it is\n%x, recorded\n%x", d.file, again, d.doc)
		}
	}
	if requests == 0 || responses == 0 || nulls == 0 {
		t.Errorf("%d requests, %d responses, %d null requests: one kind is missing", requests, responses, nulls)
	}
}

// rebuilt takes a document apart into single values and builds it again.
func rebuilt(dst, doc []byte) []byte {
	dst, start := bson.Begin(dst)
	for it := bson.NewIter(doc); it.Next(); {
		name, v := string(it.Name()), it.Value()
		dst = bson.AppendHeader(dst, v.Type, name)
		switch v.Type {
		case KindDocument, KindArray:
			dst = rebuilt(dst, v.Data)
		case KindString:
			dst = bson.AppendStringData(dst, string(v.Text()))
		case KindInt32:
			dst = bson.AppendInt32Data(dst, v.Int32())
		case KindInt64, KindDate:
			dst = bson.AppendInt64Data(dst, v.Int64())
		case KindDouble:
			dst = bson.AppendDoubleData(dst, v.Double())
		case KindBool:
			dst = bson.AppendBoolData(dst, v.Bool())
		case KindBinary:
			subtype, data := v.Binary()
			dst = bson.AppendBinaryData(dst, subtype, data)
		}
	}
	return bson.End(dst, start)
}

func TestEveryRecordedDocumentIsRebuilt(t *testing.T) {
	for _, d := range recordedDocuments(t) {
		if again := rebuilt(nil, d.doc); !bytes.Equal(again, d.doc) {
			t.Errorf("%s: rebuilt it is\n%x, recorded\n%x", d.file, again, d.doc)
		}
	}
}

func TestRecordedArgumentsDecodeToNaturalValues(t *testing.T) {
	var c Codec
	unregistered := 0
	for _, v := range valueVectors(t) {
		doc := v.Request.bytes(t)
		if doc == nil {
			continue
		}
		m, err := ParseMessage(doc, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, arg := range m.Request.Args(nil) {
			var value any
			err := c.Decode(arg, nil, &value)
			if err != nil && strings.Contains(err.Error(), "Samples.Contracts") {
				unregistered++
				continue
			}
			if err != nil {
				t.Errorf("%s(%s): %v", v.Method, v.Note, err)
			}
			if value == nil && !arg.IsNull() {
				t.Errorf("%s(%s): a %s decodes to nil", v.Method, v.Note, arg.Type)
			}
		}
	}
	if unregistered == 0 {
		t.Error("no argument was refused for its unregistered type")
	}
}
