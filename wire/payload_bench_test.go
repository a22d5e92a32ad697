package wire

import (
	"fmt"
	"testing"
)

// row is a record of some list, as applications send them.
type row struct {
	ID      int64
	Name    string
	Enabled bool
	Weight  float64
	Tags    []string
}

func rowsOf(n int) []row {
	list := make([]row, n)
	for i := range list {
		list[i] = row{
			ID:      int64(i) * 7919,
			Name:    fmt.Sprintf("Deploy package %06d to machine %04d", i, i%977),
			Enabled: i%3 == 0,
			Weight:  float64(i) / 8,
			Tags:    []string{fmt.Sprintf("environment-%d", i%5), fmt.Sprintf("tenant-%d", i%131), "role-web"},
		}
	}
	return list
}

func BenchmarkEncodeRows(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var c Codec
			args := []any{rowsOf(n)}
			b.ReportAllocs()
			for b.Loop() {
				raw, err := c.EncodeParams(nil, nil, args)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(raw.Data)))
			}
		})
	}
}

func responseOf(tb testing.TB, value any) []byte {
	var c Codec
	raw, err := c.EncodeResult(nil, nil, value)
	if err != nil {
		tb.Fatal(err)
	}
	document, err := AppendResponse(nil, &Response{ID: "1", Result: raw})
	if err != nil {
		tb.Fatal(err)
	}
	return document
}

func BenchmarkParseRows(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			document := responseOf(b, rowsOf(n))
			b.ReportAllocs()
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				if _, err := ParseMessage(document, 0); err != nil {
					b.Fatal(err)
				}
				if Husks(document) != nil {
					b.Fatal("a husk")
				}
			}
		})
	}
}

func BenchmarkDecodeRows(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			document := responseOf(b, rowsOf(n))
			message, err := ParseMessage(document, 0)
			if err != nil {
				b.Fatal(err)
			}
			var c Codec
			b.ReportAllocs()
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				var list []row
				if err := c.Decode(message.Response.Result, nil, &list); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
