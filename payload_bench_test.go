package halibut_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/halibut-go/halibut"
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

// BenchmarkPayload makes calls whose argument comes back.
func BenchmarkPayload(b *testing.B) {
	noise := make([]byte, 1<<20)
	_, _ = rand.Read(noise)
	for _, mode := range []string{"listening", "polling"} {
		b.Run(mode, func(b *testing.B) {
			b.Run("rows-100", func(b *testing.B) { benchmarkEcho(b, mode, rowsOf(100)) })
			b.Run("rows-10000", func(b *testing.B) { benchmarkEcho(b, mode, rowsOf(10_000)) })
			b.Run("bytes-10KiB", func(b *testing.B) { benchmarkEcho(b, mode, noise[:10<<10]) })
			b.Run("bytes-1MiB", func(b *testing.B) { benchmarkEcho(b, mode, noise) })
		})
	}
}

func benchmarkEcho[T any](b *testing.B, mode string, value []T) {
	services := new(halibut.Services)
	services.Handle("IEchoService", "Echo", func(_ context.Context, list []T) ([]T, error) { return list, nil })
	p := setting{services: services}.pair(b, mode)
	c := p.client.Client(p.to)
	call := func() {
		back, err := halibut.Call[[]T](context.Background(), c, "IEchoService", "Echo", value)
		if err != nil || len(back) != len(value) {
			b.Fatal(len(back), err)
		}
	}
	for range 3 {
		call() // until the peers know how near they are
	}
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		call()
	}
}
