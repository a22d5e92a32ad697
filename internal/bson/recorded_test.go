package bson

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"testing"

	mongo "go.mongodb.org/mongo-driver/v2/bson"
)

// recordedValues are the documents that .NET wrote in the recording of values.
func recordedValues(t testing.TB) [][]byte {
	t.Helper()
	f, err := os.Open("../../wire/testdata/values.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var documents [][]byte
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Request, Response *struct{ BSON string } }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		for _, side := range []*struct{ BSON string }{line.Request, line.Response} {
			if side == nil {
				continue
			}
			doc, err := hex.DecodeString(side.BSON)
			if err != nil {
				t.Fatal(err)
			}
			documents = append(documents, doc)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(documents) < 200 {
		t.Fatalf("only %d recorded documents", len(documents))
	}
	return documents
}

// rebuild takes a document apart into its values and builds it again.
func rebuild(doc []byte) []byte { return appendDocument(nil, doc) }

func appendDocument(dst, doc []byte) []byte {
	dst, start := Begin(dst)
	for it := NewIter(doc); it.Next(); {
		name, v := string(it.Name()), it.Value()
		switch v.Type {
		case Document, Array:
			dst = appendDocument(AppendHeader(dst, v.Type, name), v.Data)
		case String:
			dst = AppendString(dst, name, string(v.Text()))
		case Int32:
			dst = AppendInt32(dst, name, v.Int32())
		case Int64:
			dst = AppendInt64(dst, name, v.Int64())
		case DateTime:
			dst = AppendInt64Data(AppendHeader(dst, DateTime, name), v.Int64())
		case Double:
			dst = AppendDoubleData(AppendHeader(dst, Double, name), v.Double())
		case Bool:
			dst = AppendBool(dst, name, v.Bool())
		case Binary:
			subtype, data := v.Binary()
			dst = AppendBinary(dst, name, subtype, data)
		case Null:
			dst = AppendNull(dst, name)
		}
	}
	return End(dst, start)
}

func TestRecordedDocumentsAreRebuilt(t *testing.T) {
	for _, doc := range recordedValues(t) {
		if err := Validate(doc, 0); err != nil {
			t.Fatalf("%x: %v", doc, err)
		}
		if again := rebuild(doc); !bytes.Equal(again, doc) {
			t.Errorf("rebuilt\n%x, recorded\n%x", again, doc)
		}
		if err := mongo.Raw(doc).Validate(); err != nil {
			t.Errorf("the second opinion refuses %x: %v", doc, err)
		}
	}
}

// The second opinion finds the same elements with the same values.
func TestSecondOpinionAgrees(t *testing.T) {
	for _, doc := range recordedValues(t) {
		compare(t, doc)
	}
}

func compare(t *testing.T, doc []byte) {
	t.Helper()
	elements, err := mongo.Raw(doc).Elements()
	if err != nil {
		t.Fatal(err)
	}
	it := NewIter(doc)
	for _, want := range elements {
		if !it.Next() {
			t.Fatalf("%x ends before %q", doc, want.Key())
		}
		v, theirs := it.Value(), want.Value()
		if string(it.Name()) != want.Key() || byte(v.Type) != byte(theirs.Type) || !bytes.Equal(v.Data, theirs.Value) {
			t.Fatalf("%q %v %x, want %q %v %x", it.Name(), v.Type, v.Data, want.Key(), theirs.Type, theirs.Value)
		}
		switch v.Type {
		case Document, Array:
			compare(t, v.Data)
		case String:
			equal(t, string(v.Text()), theirs.StringValue())
		case Int32:
			equal(t, v.Int32(), theirs.Int32())
		case Int64:
			equal(t, v.Int64(), theirs.Int64())
		case DateTime:
			equal(t, v.Int64(), theirs.DateTime())
		case Double:
			equal(t, math.Float64bits(v.Double()), math.Float64bits(theirs.Double()))
		case Bool:
			equal(t, v.Bool(), theirs.Boolean())
		case Binary:
			subtype, data := v.Binary()
			theirSubtype, theirData := theirs.Binary()
			equal(t, subtype, theirSubtype)
			equal(t, string(data), string(theirData))
		}
	}
	if it.Next() {
		t.Fatalf("%x has an element %q too many", doc, it.Name())
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, the second opinion is %v", got, want)
	}
}
