package halibut_test

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
)

// serveBehind serves with connections from a network beginning with a header.
func serveBehind(t *testing.T, options halibut.Options, network string) (rt *halibut.Runtime, addr string) {
	t.Helper()
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(certificates()[0]))
	if err := trust.AllowPolling(halibut.PinOf(certificates()[1]), subscription); err != nil {
		t.Fatal(err)
	}
	options.Authorizer = trust
	if options.Services == nil {
		options.Services = new(halibut.Services)
	}
	options.Services.Handle("IWhereService", "From", func(ctx context.Context) (string, error) {
		peer, _ := halibut.PeerFromContext(ctx)
		return peer.Addr.String() + " " + peer.TLS.ServerName, nil
	})
	rt = newRuntime(t, certificates()[1], &options)
	l := listen(t)
	served := make(chan error, 1)
	go func() {
		served <- rt.Serve(context.Background(), l, halibut.ProxyProtocol(netip.MustParsePrefix(network)))
	}()
	t.Cleanup(func() {
		_ = rt.Close()
		if err := <-served; !errors.Is(err, halibut.ErrClosed) {
			t.Error(err)
		}
	})
	return rt, l.Addr().String()
}

// withHeader is a dialler whose connections begin with a header.
func withHeader(header string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		_, err = io.WriteString(conn, header)
		return conn, err
	}
}

func proxyHeader(t *testing.T, rest string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return "\r\n\r\n\x00\r\nQUIT\n" + string(b)
}

// The address in the header is the peer's, from a listed network alone.
func TestProxyProtocol(t *testing.T) {
	const from = "21 11 000c c0000201 c6336401 d431 01bb"
	from192 := proxyHeader(t, from)
	call := func(rt *halibut.Runtime, addr, header string) (string, error) {
		client := newRuntime(t, certificates()[0], &halibut.Options{DialContext: withHeader(header), Limits: halibut.Limits{ConnectPause: -1}})
		to := endpoint(t, "https://"+addr, halibut.PinOf(certificates()[1]))
		return halibut.Call[string](t.Context(), client.Client(to, halibut.Retries(0), halibut.ServerName("agents.example")), "IWhereService", "From")
	}
	t.Run("listed", func(t *testing.T) {
		log := newLogBook()
		rt, addr := serveBehind(t, halibut.Options{Logger: log.logger()}, "127.0.0.0/8")
		if got, err := call(rt, addr, from192); err != nil || got != "192.0.2.1:54321 agents.example" {
			t.Errorf("%q, %v", got, err)
		}
		log.await(t, "INFO peer admitted", "addr=192.0.2.1:54321")
		if got, err := call(rt, addr, proxyHeader(t, "20 00 0000")); err != nil || !strings.HasPrefix(got, "127.0.0.1:") {
			t.Errorf("the proxy's own connection: %q, %v", got, err)
		}
		if got, err := call(rt, addr, ""); err == nil {
			t.Errorf("without a header: %q", got)
		}
		log.await(t, "WARN connection refused", "does not begin with a PROXY protocol header")

		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			_ = conn.Close()
			t.Error("a handshake without a header")
		}
		plain, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = plain.Close()
		log.await(t, "DEBUG the peer closed the connection without a word")

		stranger := newRuntime(t, certificates()[2], &halibut.Options{DialContext: withHeader(from192)})
		_, err = halibut.Call[string](t.Context(), stranger.Client(endpoint(t, "https://"+addr, halibut.PinOf(certificates()[1])), halibut.Retries(0)), "IWhereService", "From")
		if err == nil {
			t.Error("a stranger was let in")
		}
		eventually(t, "the stranger's rejection names the address in the header", func() bool {
			r := rt.Rejections()
			return len(r) > 0 && r[len(r)-1].Addr == "192.0.2.1:54321"
		})
	})
	t.Run("not listed", func(t *testing.T) {
		rt, addr := serveBehind(t, halibut.Options{}, "192.0.2.0/24")
		if got, err := call(rt, addr, ""); err != nil || !strings.HasPrefix(got, "127.0.0.1:") {
			t.Errorf("without a header: %q, %v", got, err)
		}
		if got, err := call(rt, addr, from192); err == nil {
			t.Errorf("a header of anybody: %q", got)
		}
	})
	t.Run("silence", func(t *testing.T) {
		rt, addr := serveBehind(t, halibut.Options{Limits: halibut.Limits{Handshake: 20 * time.Millisecond}}, "127.0.0.0/8")
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, from192[:5])
		_, _ = io.Copy(io.Discard, conn)
		eventually(t, "a rejection that names the limit", func() bool {
			r := rt.Rejections()
			return len(r) == 1 && strings.Contains(r[0].Reason.Error(), "Limits.Handshake")
		})
	})
}

// clientHeader is the header of a client 192.0.2.n, or 2001:db8:0:n::x.
func clientHeader(t *testing.T, n, x int) (header, from string) {
	t.Helper()
	if x == 0 {
		return proxyHeader(t, fmt.Sprintf("21 11 000c c00002%02x c6336401 d431 01bb", n)), fmt.Sprintf("192.0.2.%d", n)
	}
	return proxyHeader(t, fmt.Sprintf("21 21 0024 20010db80000%04x00000000%08x 20010db8000000000000000000000001 d431 01bb", n, x)),
		netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::%x", n, x)).String()
}

// stay makes a handshake from behind a proxy, and then is silent.
func stay(t *testing.T, addr, header string) net.Conn {
	t.Helper()
	conn, err := withHeader(header)(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestProxyProtocolTellsClientsApart: behind one proxy each client's address has
// a share of its own, and no more than that; nor do many that stand in line
// for one address turn others away.
func TestProxyProtocolTellsClientsApart(t *testing.T) {
	for name, x := range map[string]int{"IPv4": 0, "IPv6": 1} {
		t.Run(name, func(t *testing.T) {
			log := newLogBook()
			const room = 3
			rt, addr := serveBehind(t, halibut.Options{
				Logger: log.logger(), Limits: halibut.Limits{Unauthenticated: room, UnauthenticatedPerAddress: 1},
			}, "127.0.0.0/8")
			served := func(header, from string) error {
				client := newRuntime(t, certificates()[0], &halibut.Options{DialContext: withHeader(header)})
				got, err := halibut.Call[string](t.Context(), client.Client(endpoint(t, "https://"+addr, halibut.PinOf(certificates()[1]))), "IWhereService", "From")
				if want := netip.AddrPortFrom(netip.MustParseAddr(from), 54321).String(); err == nil && !strings.HasPrefix(got, want+" ") {
					return fmt.Errorf("the peer's address is %q, want %s", got, want)
				}
				return err
			}
			header, from := clientHeader(t, 1, x)
			neighbour, neighbourFrom := clientHeader(t, 1, 2*x) // of the same network, which IPv6 counts as one
			inside := stay(t, addr, header)

			waits := make(chan error, room)
			for range room {
				go func() { waits <- served(neighbour, neighbourFrom) }()
			}
			log.await(t, "WARN connections wait", "limit=1", "from="+map[int]string{0: "192.0.2.1/32", 1: "2001:db8:0:1::/64"}[x])
			eventually(t, "one more has no place in line", func() bool {
				conn, err := withHeader(header)(t.Context(), "tcp", addr)
				if err != nil {
					t.Error(err)
					return true
				}
				defer conn.Close()
				_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				_, err = conn.Read(make([]byte, 1))
				return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
			})
			eventually(t, "it is among the rejections, by its own address", func() bool {
				return slices.ContainsFunc(rt.Rejections(), func(r halibut.Rejection) bool {
					return r.Addr == netip.AddrPortFrom(netip.MustParseAddr(from), 54321).String() && strings.Contains(r.Reason.Error(), "Limits.UnauthenticatedPerAddress")
				})
			})
			for n := 2; n < 8; n++ {
				if err := served(clientHeader(t, n, x)); err != nil {
					t.Errorf("another client of the same proxy: %v", err)
				}
			}
			select {
			case err := <-waits:
				t.Errorf("beyond its share: %v", err)
			default:
			}
			_ = inside.Close()
			for range room {
				if err := <-waits; err != nil {
					t.Errorf("in its turn: %v", err)
				}
			}
		})
	}
}
