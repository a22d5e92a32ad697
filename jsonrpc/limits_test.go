package jsonrpc

import (
	"context"
	"crypto/fips140"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// journal keeps the lines of a log.
type journal struct {
	mu    sync.Mutex
	lines strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.String()
}

// bounded is a listener in memory with limits, where time passes only when all
// wait for it.
type bounded struct {
	network memnet.Network
	rt      *halibut.Runtime
	addr    string
	alone   bool // nothing but the protocol of 2013 is spoken
	log     journal
}

// onEachListener runs a test with a listener that answers Halibut too, and with
// one for the protocol of 2013 alone.
func onEachListener(t *testing.T, options halibut.Options, test func(t *testing.T, b *bounded)) {
	identities() // outside: they take their time
	if fips140.Enabled() {
		t.Skip("FIPS mode has no entropy in virtual time")
	}
	for _, alone := range []bool{false, true} {
		t.Run(map[bool]string{false: "shared", true: "alone"}[alone], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bounded{alone: alone}
				b.serve(t, options)
				test(t, b)
			})
		})
	}
}

func (b *bounded) serve(t *testing.T, options halibut.Options) {
	l, err := b.network.Listen("192.0.2.100:10933")
	if err != nil {
		t.Fatal(err)
	}
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(identities()[0]))
	options.Authorizer, options.Types, options.Logger = trust, types, slog.New(slog.NewTextHandler(&b.log, nil))
	if options.Services == nil {
		options.Services = calculator()
	}
	of2013 := &Protocol{Services: []string{"ICalculatorService"}}
	var serve []halibut.ServeOption
	if b.alone {
		serve = append(serve, halibut.ServeOnly(of2013))
	} else {
		options.Protocols = []halibut.Protocol{of2013}
	}
	if b.rt, err = halibut.New(identities()[1], &options); err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- b.rt.Serve(context.Background(), l, serve...) }()
	t.Cleanup(func() {
		_ = b.rt.Close()
		if err := <-served; !errors.Is(err, halibut.ErrClosed) {
			t.Error(err)
		}
	})
}

// dial opens a connection from a host, and makes the handshake unless config is nil.
func (b *bounded) dial(t *testing.T, host string, config *tls.Config) *tls.Conn {
	t.Helper()
	conn, err := b.network.DialFrom(t.Context(), host+":0", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if config == nil {
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	config.InsecureSkipVerify = true
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return secured
}

// call sends the recorded request for Nothing, or another document, in the
// background; the channel tells whether an answer came.
func (b *bounded) call(t *testing.T, host string, doc []byte) (answered <-chan bool) {
	t.Helper()
	conn, err := b.network.DialFrom(t.Context(), host+":0", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	done := make(chan bool, 1)
	go func() {
		config := asCaller()
		config.InsecureSkipVerify = true
		secured := tls.Client(conn, config)
		_, err := secured.Write(doc)
		got, _ := io.ReadAll(secured)
		done <- err == nil && len(got) > 0
	}()
	return done
}

// callHalibut makes the call Wait in Halibut's own protocol.
func (b *bounded) callHalibut(t *testing.T) (answered <-chan bool) {
	t.Helper()
	rt, err := halibut.New(identities()[0], &halibut.Options{DialContext: b.network.DialContext})
	if err != nil {
		t.Fatal(err)
	}
	to, err := halibut.ParseEndpoint("https://"+b.addr, halibut.PinOf(identities()[1]).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	done := make(chan bool, 1)
	go func() {
		_, err := call(t, rt.Client(to), "ICalculatorService", "Wait")
		done <- err == nil
	}()
	return done
}

// waits reports whether an answer has not come yet, although nothing is left to be done.
func waits(answered <-chan bool) bool {
	synctest.Wait()
	return len(answered) == 0
}

// until waits for the other side to close a connection, and tells how long that took.
func until(t *testing.T, conn io.Reader) time.Duration {
	t.Helper()
	start := time.Now()
	if got, _ := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("got %q", got)
	}
	return time.Since(start)
}

// untold is less than it takes to know that a connection is one of 2013.
var untold = []byte{0, 1, 0, 0}

// started is enough, and the document has yet to come.
var started = []byte{0, 1, 0, 0, 2}

// TestUnauthenticated: who has not sent five bytes takes a place, of all and of
// its address; who is trusted by then takes none.
func TestUnauthenticated(t *testing.T) {
	nothing := recorded(t, "Nothing")
	for name, limits := range map[string]halibut.Limits{
		"of all":         {Unauthenticated: 1},
		"of one address": {Unauthenticated: 10, UnauthenticatedPerAddress: 1},
	} {
		t.Run(name, func(t *testing.T) {
			onEachListener(t, halibut.Options{Limits: limits}, func(t *testing.T, b *bounded) {
				trusted := b.dial(t, "192.0.2.1", asCaller())
				_, _ = trusted.Write(started)
				if !<-b.call(t, "192.0.2.1", nothing) {
					t.Error("one whose document is slow takes the place of a peer that nobody knows")
				}
				silent := b.dial(t, "192.0.2.1", asCaller())
				_, _ = silent.Write(untold)
				synctest.Wait()
				same, other := b.call(t, "192.0.2.1", nothing), b.call(t, "192.0.2.2", nothing)
				if !waits(same) {
					t.Error("one of the same address was served beside it")
				}
				if name == "of all" && len(other) > 0 || name != "of all" && len(other) == 0 {
					t.Errorf("one of another address: served %t", len(other) > 0)
				}
				_ = silent.Close()
				if !<-same || !<-other {
					t.Error("not served in its turn")
				}
				if want := map[string]string{"of all": "accepting pauses", "of one address": "connections wait"}[name]; !strings.Contains(b.log.String(), want) {
					t.Errorf("the log does not tell of %q: %s", want, &b.log)
				}
			})
		})
	}
}

// TestHandshake: who is silent in the handshake, or before the fifth byte, is
// closed on by the limit, and takes no place among those that compute.
func TestHandshake(t *testing.T) {
	onEachListener(t, halibut.Options{Limits: halibut.Limits{Handshake: 7 * time.Second, Handshakes: 1}}, func(t *testing.T, b *bounded) {
		var slow sync.WaitGroup
		for i, bytes := range [][]byte{nil, untold[:1], untold} {
			for range 3 {
				conn := b.dial(t, fmt.Sprintf("192.0.2.%d", i+1), asCaller())
				_, _ = conn.Write(bytes)
				slow.Go(func() {
					if took := until(t, conn); took != 7*time.Second {
						t.Errorf("%x was closed on after %s", bytes, took)
					}
				})
			}
		}
		for _, bytes := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
			conn := b.dial(t, "192.0.2.9", nil).NetConn()
			_, _ = io.WriteString(conn, bytes)
			slow.Go(func() {
				if took := until(t, conn); took != 7*time.Second {
					t.Errorf("in the handshake, %q was closed on after %s", bytes, took)
				}
			})
		}
		var calls []<-chan bool
		for range 10 {
			calls = append(calls, b.call(t, "192.0.2.8", recorded(t, "Nothing")))
		}
		for _, answered := range calls {
			if !<-answered {
				t.Error("a call was not answered beside silent connections")
			}
		}
		slow.Wait()
		synctest.Wait()
		rejections := b.rt.Rejections()
		if len(rejections) != 11 {
			t.Errorf("%d rejections", len(rejections))
		}
		for _, r := range rejections {
			if !strings.Contains(r.Reason.Error(), "Limits.Handshake") {
				t.Error(r.Reason)
			}
		}
	})
}

// TestSizes: a document is capped before it is read, in length and nesting, and
// when the rest of it does not come; Limits.Line has nothing here to hold for.
func TestSizes(t *testing.T) {
	nested := func(depth int) []byte {
		doc := []byte{5, 0, 0, 0, 0}
		for range depth - 1 {
			doc = append(append([]byte{0, 0, 0, 0, byte(wire.KindDocument), 'a', 0}, doc...), 0)
			doc[0], doc[1] = byte(len(doc)), byte(len(doc)>>8)
		}
		return doc
	}
	limits := halibut.Limits{Document: 4096, Depth: 20, Read: 9 * time.Second}
	onEachListener(t, halibut.Options{Limits: limits}, func(t *testing.T, b *bounded) {
		for name, tt := range map[string]struct {
			doc   []byte
			after time.Duration
			want  string
		}{
			"too long":       {[]byte{1, 0x10, 0, 0, 2}, 0, "Limits.Document"},
			"too deep":       {nested(21), 0, "Limits.Depth"},
			"deep enough":    {nested(20), 0, ""},
			"the rest later": {started, 9 * time.Second, "within 9s (Limits.Read)"},
		} {
			conn := b.dial(t, "192.0.2.1", asCaller())
			start := time.Now()
			_, _ = conn.Write(tt.doc)
			got, _ := io.ReadAll(conn)
			synctest.Wait()
			if took := time.Since(start); took != tt.after || (len(got) > 0) != (tt.want == "") {
				t.Errorf("%s: %q after %s", name, got, took)
			}
			if !strings.Contains(b.log.String(), tt.want) {
				t.Errorf("%s: the log has no %q: %s", name, tt.want, &b.log)
			}
		}
	})
}

// TestPeerCalls: calls of one certificate count together, in whatever protocol
// they come, and one beyond the limit waits.
func TestPeerCalls(t *testing.T) {
	services := calculator()
	running, release := make(chan struct{}, 10), make(chan struct{})
	services.Handle("ICalculatorService", "Wait", func(ctx context.Context) error {
		running <- struct{}{}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	wait, err := appendRequest(nil, &wire.Request{ID: "1", Service: "ICalculatorService", Method: "Wait"})
	if err != nil {
		t.Fatal(err)
	}
	onEachListener(t, halibut.Options{Services: services, Limits: halibut.Limits{PeerCalls: 2}}, func(t *testing.T, b *bounded) {
		release, running = make(chan struct{}), make(chan struct{}, 10) // of this bubble
		var calls []<-chan bool
		for range 3 {
			calls = append(calls, b.call(t, "192.0.2.1", wait))
		}
		if !b.alone {
			calls = append(calls, b.callHalibut(t))
		}
		synctest.Wait()
		if n := len(running); n != 2 {
			t.Errorf("%d calls of one peer run, want 2", n)
		}
		if !strings.Contains(b.log.String(), "calls wait: too many of one peer run at once") {
			t.Errorf("the log does not tell of calls that wait: %s", &b.log)
		}
		close(release)
		for _, answered := range calls {
			if !<-answered {
				t.Error("a call was not answered")
			}
		}
	})
}
