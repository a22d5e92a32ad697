package halibut_test

import (
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
