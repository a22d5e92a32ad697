package halibut_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/halibut-go/halibut"
)

// BenchmarkTLSPingPong is the unit: 300 bytes there and back over mutual TLS.
func BenchmarkTLSPingPong(b *testing.B) {
	certs := certificates()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		server := tls.Server(conn, &tls.Config{Certificates: certs[1:2], ClientAuth: tls.RequireAnyClientCert})
		buf := make([]byte, 300)
		for {
			if _, err := io.ReadFull(server, buf); err != nil {
				return
			}
			if _, err := server.Write(buf); err != nil {
				return
			}
		}
	}()
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{Certificates: certs[:1], InsecureSkipVerify: true})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, 300)
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		if _, err := conn.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// reportCPU reports the process's time on the processors for each call, which a
// busy machine changes less than the time on the clock.
func reportCPU(b *testing.B) func() {
	before := cpuTime()
	return func() { b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-us/op") }
}

func BenchmarkCall(b *testing.B) {
	for _, mode := range []struct {
		name string
		open func(testing.TB, *halibut.Services, halibut.Limits) pair
	}{{"listening", newListening}, {"polling", newPolling}} {
		b.Run(mode.name, func(b *testing.B) {
			p := mode.open(b, echoServices(), halibut.Limits{})
			c := p.client.Client(p.to)
			if _, err := halibut.Call[string](b.Context(), c, "IEchoService", "SayHello", "World"); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				if _, err := halibut.Call[string](b.Context(), c, "IEchoService", "SayHello", "World"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStream moves 64 MiB in both modes: to a method that reads the connection,
// to a caller's writer, and through a temporary file.
func BenchmarkStream(b *testing.B) {
	const size = 64 << 20
	up := func() *halibut.DataStream { return halibut.StreamOf(io.LimitReader(zeroes{}, size), size) }
	services := echoServices()
	services.Handle("IStreams", "Make", func(context.Context) (*halibut.DataStream, error) { return up(), nil })
	for _, mode := range modes[:2] {
		p := setting{services: services}.pair(b, mode)
		c := p.client.Client(p.to)
		for name, move := range map[string]func() error{
			"up, read":   func() error { return c.Call(b.Context(), "IEchoService", "CountLive", nil, up()) },
			"up, kept":   func() error { return c.Call(b.Context(), "IEchoService", "Count", nil, up()) },
			"down, to":   func() error { return c.Call(halibut.WithStreamTo(b.Context(), io.Discard), "IStreams", "Make", nil) },
			"down, kept": func() error { return readKept(b.Context(), c) },
		} {
			b.Run(mode+" "+name, func(b *testing.B) {
				b.SetBytes(size)
				b.ReportAllocs()
				defer reportCPU(b)()
				for b.Loop() {
					if err := move(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func readKept(ctx context.Context, c *halibut.Client) error {
	stream, err := halibut.Call[*halibut.DataStream](ctx, c, "IStreams", "Make")
	if err != nil {
		return err
	}
	defer stream.Close()
	r, err := stream.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}
