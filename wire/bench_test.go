package wire

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
)

// ten is a class of ten members of the kinds that are common.
type ten struct {
	Name    string
	Age     int32
	Born    time.Time
	Active  bool
	Salary  float64
	ID      uuid.UUID
	Tags    []string
	Shift   TimeSpan
	Manager *string
	Count   int64
}

func (ten) DotNetType() string { return "Samples.Ten, Samples" }

func registered(name string, v any) map[string]reflect.Type {
	return map[string]reflect.Type{name: reflect.TypeOf(v)}
}

var sampleTen = ten{"Ada", 36, time.UnixMilli(1700000000000).UTC(), true, 12.5, sampleID, []string{"a", "b"}, TimeDay, ptr("Grace"), 7}

func TestDecodingAStructTakesFewAllocations(t *testing.T) {
	var c Codec
	raw, err := c.EncodeParams(nil, nil, []any{sampleTen})
	if err != nil {
		t.Fatal(err)
	}
	arg := (&Request{Params: raw}).Args(nil)[0]
	var got ten
	n := testing.AllocsPerRun(100, func() {
		got = ten{}
		if err := c.Decode(arg, nil, &got); err != nil {
			t.Fatal(err)
		}
	})
	if !reflect.DeepEqual(got, sampleTen) {
		t.Errorf("got %+v", got)
	}
	if n > 12 {
		t.Errorf("%v allocations, at most 12 are allowed", n)
	}
}

func TestEncodingIntoABufferTakesFewAllocations(t *testing.T) {
	var c Codec
	buf := make([]byte, 0, 4096)
	args := []any{&sampleTen, "text", 7, true, 1.5}
	n := testing.AllocsPerRun(100, func() {
		if _, err := c.EncodeParams(buf, nil, args); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// The second use of a type finds the plan of the first.
func TestPlansAreKept(t *testing.T) {
	typ := reflect.TypeFor[ten]()
	first := planOf(typ)
	if n := testing.AllocsPerRun(10, func() {
		if planOf(typ) != first {
			t.Error("another plan")
		}
	}); n != 0 {
		t.Errorf("%v allocations to find a plan", n)
	}
}

func TestASmallRequestTakesFewAllocations(t *testing.T) {
	var c Codec
	params, doc := make([]byte, 0, 1024), make([]byte, 0, 1024)
	request := Request{ID: "IEchoService::SayHello[1] / x", Service: "IEchoService", Method: "SayHello", Endpoint: &Endpoint{BaseURI: "https://x/"}}
	args := []any{"World"}
	var text string
	n := testing.AllocsPerRun(100, func() {
		var err error
		if request.Params, err = c.EncodeParams(params, &request.Streams, args); err != nil {
			t.Fatal(err)
		}
		whole, err := AppendRequest(doc, &request)
		if err != nil {
			t.Fatal(err)
		}
		if Husks(whole) != nil {
			t.Fatal("a husk")
		}
		m, err := ParseMessage(whole, 0)
		if err != nil {
			t.Fatal(err)
		}
		it := m.Request.Params.Elements()
		it.Next()
		if err := c.Decode(it.Value(), nil, &text); err != nil {
			t.Fatal(err)
		}
	})
	// Request, id, service, method and the text itself.
	if n > 5 {
		t.Errorf("%v allocations there and back", n)
	}
}

func BenchmarkEncodeSmallRequest(b *testing.B) {
	var c Codec
	params, doc := make([]byte, 0, 1024), make([]byte, 0, 1024)
	request := Request{ID: "IEchoService::SayHello[1] / x", Service: "IEchoService", Method: "SayHello", Endpoint: &Endpoint{BaseURI: "https://x/"}}
	args := []any{"World"}
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if request.Params, err = c.EncodeParams(params, &request.Streams, args); err != nil {
			b.Fatal(err)
		}
		if doc, err = AppendRequest(doc[:0], &request); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(doc)))
}

func BenchmarkDecodeSmallRequest(b *testing.B) {
	var c Codec
	params, err := c.EncodeParams(nil, nil, []any{"World"})
	if err != nil {
		b.Fatal(err)
	}
	doc, err := AppendRequest(nil, &Request{ID: "IEchoService::SayHello[1] / x", Service: "IEchoService", Method: "SayHello", Params: params, Endpoint: &Endpoint{BaseURI: "https://x/"}})
	if err != nil {
		b.Fatal(err)
	}
	var text string
	b.ReportAllocs()
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		m, err := ParseMessage(doc, 0)
		if err != nil {
			b.Fatal(err)
		}
		it := m.Request.Params.Elements()
		it.Next()
		if err := c.Decode(it.Value(), nil, &text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeStruct(b *testing.B) {
	var c Codec
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.EncodeParams(buf, nil, []any{&sampleTen}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeStruct(b *testing.B) {
	var c Codec
	raw, err := c.EncodeResult(nil, nil, sampleTen)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var got ten
		if err := c.Decode(raw, nil, &got); err != nil {
			b.Fatal(err)
		}
	}
}
