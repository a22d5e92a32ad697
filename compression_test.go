package halibut_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
)

// countedBytes counts the bytes that pass over a connection.
type countedBytes struct {
	net.Conn
	passed *atomic.Int64
}

func (c *countedBytes) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.passed.Add(int64(n))
	return n, err
}

func (c *countedBytes) Write(p []byte) (int, error) {
	c.passed.Add(int64(len(p)))
	return c.Conn.Write(p)
}

// TestCompressionIsAChoice counts what a result of 100,000 bytes takes that could
// be much shorter. In memory, where time stands still, nobody knows that the peer is
// near.
func TestCompressionIsAChoice(t *testing.T) {
	const length = 100_000
	for _, test := range []struct {
		compression halibut.Compression
		compressed  bool
	}{{halibut.CompressAuto, true}, {halibut.CompressAlways, true}, {halibut.CompressNever, false}} {
		for _, mode := range []string{"listening", "polling"} {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				var passed atomic.Int64
				services := new(halibut.Services)
				services.Handle("IEchoService", "Text", func(context.Context) (string, error) { return strings.Repeat("x", length), nil })
				s := setting{services: services, network: network}
				s.service.Compression = test.compression
				counted := func(ctx context.Context, over, addr string) (net.Conn, error) {
					conn, err := network.DialContext(ctx, over, addr)
					return &countedBytes{conn, &passed}, err
				}
				s.client.DialContext, s.service.DialContext = counted, counted
				p := s.pair(t, mode)
				text, err := halibut.Call[string](t.Context(), p.client.Client(p.to), "IEchoService", "Text")
				if err != nil || len(text) != length {
					t.Fatal(len(text), err)
				}
				if n := passed.Load(); n == 0 || (n < length) != test.compressed {
					t.Errorf("%s, Compression %d: %d bytes passed", mode, test.compression, n)
				}
			})
		}
	}
}

// TestValuesOutliveTheirDocuments makes calls of many lengths, and keeps what was
// given and received: the storage of documents is used again, and that of values
// is not.
func TestValuesOutliveTheirDocuments(t *testing.T) {
	type parcel struct {
		Note    string
		Content []byte
		Lines   []string
	}
	for _, mode := range everyModes {
		t.Run(mode, func(t *testing.T) {
			var kept []parcel // by the service
			services := new(halibut.Services)
			services.Handle("IEchoService", "Keep", func(_ context.Context, p parcel) (parcel, error) {
				kept = append(kept, p)
				return p, nil
			})
			var keptBytes [][]byte
			services.Handle("IEchoService", "KeepBytes", func(_ context.Context, b []byte) ([]byte, error) {
				keptBytes = append(keptBytes, b)
				return b, nil
			})
			p := setting{services: services}.pair(t, mode)
			c := p.client.Client(p.to)
			var sent, got []parcel
			var sentBytes, gotBytes [][]byte
			for i := range 40 {
				content := make([]byte, []int{10, 3000, 5000, 70_000, 300_000}[i%5])
				_, _ = rand.Read(content)
				lines := make([]string, i*5)
				for j := range lines {
					lines[j] = strings.Repeat(rand.Text(), j%4)
				}
				sent = append(sent, parcel{rand.Text(), content, lines})
				back, err := halibut.Call[parcel](t.Context(), c, "IEchoService", "Keep", sent[i])
				if err != nil {
					t.Fatal(err)
				}
				got, sentBytes = append(got, back), append(sentBytes, content)
				backBytes, err := halibut.Call[[]byte](t.Context(), c, "IEchoService", "KeepBytes", content)
				if err != nil {
					t.Fatal(err)
				}
				gotBytes = append(gotBytes, backBytes)
			}
			same := func(a, b parcel) bool {
				return a.Note == b.Note && bytes.Equal(a.Content, b.Content) && strings.Join(a.Lines, "|") == strings.Join(b.Lines, "|")
			}
			for i := range sent {
				if !same(sent[i], got[i]) || !same(sent[i], kept[i]) {
					t.Errorf("parcel %d has changed", i)
				}
				if !bytes.Equal(sentBytes[i], gotBytes[i]) || !bytes.Equal(sentBytes[i], keptBytes[i]) {
					t.Errorf("the bytes of call %d have changed", i)
				}
				// Whoever has bytes may append to them, and change them.
				_ = append(gotBytes[i], 'x')
				clear(gotBytes[i])
			}
			for i := range sent {
				if !bytes.Equal(sentBytes[i], keptBytes[i]) || !same(sent[i], kept[i]) {
					t.Errorf("what the service keeps of call %d has changed with what the caller has", i)
				}
			}
		})
	}
}
