package halibut_test

import (
	"context"
	"net"
	"syscall"
	"testing"
)

const syscallRefused = syscall.ECONNREFUSED

// nameServer dials a name server of its own, which knows these IPv4 addresses
// for every name, in this order.
func nameServer(t *testing.T, addresses [][4]byte) func(ctx context.Context, network, addr string) (net.Conn, error) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answering := make(chan struct{})
	go func() {
		defer close(answering)
		query := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(query)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(answerName(query[:n], addresses), from)
		}
	}()
	t.Cleanup(func() { _ = server.Close(); <-answering })
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}
}

// answerName answers a query of one question by RFC 1035: with the addresses if
// it asks for those of IPv4, otherwise with nothing.
func answerName(query []byte, addresses [][4]byte) []byte {
	const header = 12
	end := header
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	typeIs := query[end+2]
	end += 5 // the root's label, type and class
	if typeIs != 1 {
		addresses = nil
	}
	answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, byte(len(addresses)), 0, 0, 0, 0}, query[header:end]...)
	for _, a := range addresses {
		answer = append(answer, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
		answer = append(answer, a[:]...)
	}
	return answer
}
