package halibut_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
)

// What the reference tests over websockets. The rest of it is in the tests that
// run in every mode.

// onEachCarrier runs a test in memory over TLS, and over websockets.
func onEachCarrier(t *testing.T, test func(t *testing.T, s setting)) {
	for _, websockets := range []bool{false, true} {
		t.Run(map[bool]string{false: "TLS", true: "websockets"}[websockets], func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				test(t, setting{network: network, websockets: websockets})
			})
		})
	}
}

// unplugged is a network whose cable can be pulled: what is on the way is lost,
// and nobody is told.
type unplugged struct {
	network *memnet.Network
	pulled  atomic.Bool

	mu    sync.Mutex
	ended []net.Conn // closed by this side meanwhile, which the other cannot see
}

// plug puts the cable back.
func (u *unplugged) plug() {
	u.pulled.Store(false)
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, conn := range u.ended {
		_ = conn.Close()
	}
}

func (u *unplugged) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := u.network.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &unpluggedConn{Conn: conn, from: u, closed: make(chan struct{})}, nil
}

type unpluggedConn struct {
	net.Conn
	from   *unplugged
	closed chan struct{}
	once   sync.Once
}

func (c *unpluggedConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		for err == io.EOF && c.from.pulled.Load() {
			select {
			case <-c.closed:
				return 0, net.ErrClosed
			case <-time.After(time.Second):
			}
		}
		if !c.from.pulled.Load() || err != nil && n == 0 {
			return n, err
		}
	}
}

func (c *unpluggedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	if !c.from.pulled.Load() {
		return c.Conn.Close()
	}
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	c.from.ended = append(c.from.ended, c.Conn)
	return c.Conn.SetReadDeadline(time.Unix(1, 0))
}

func (c *unpluggedConn) Write(p []byte) (int, error) {
	if c.from.pulled.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// TestConnectionsThatFallSilent: a call that is under way ends with its limit,
// and when pings find out earlier that the peer is gone, with that.
func TestConnectionsThatFallSilent(t *testing.T) {
	for _, mode := range modes {
		for name, tt := range map[string]struct {
			limits halibut.Limits
			want   string
			after  time.Duration
		}{
			"limit": {halibut.Limits{Response: 7 * time.Second}, "Limits.Response", 7 * time.Second},
			"pings": {halibut.Limits{}, "Limits.Response", 5 * time.Minute},
		} {
			t.Run(name+" "+mode, func(t *testing.T) {
				inBubble(t, func(t *testing.T, network *memnet.Network) {
					if name == "pings" && strings.HasSuffix(mode, overWebsockets) {
						tt.want, tt.after = "answered no ping", 50*time.Second
					}
					services, running, _ := slowServices()
					cable := &unplugged{network: network}
					options := halibut.Options{DialContext: cable.dial}
					p := setting{network: network, services: services, client: options, service: options, limits: tt.limits}.pair(t, mode)
					hello(t, p)
					failed := make(chan error, 1)
					go func() {
						failed <- p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil)
					}()
					<-running
					cable.pulled.Store(true)
					start := time.Now()
					err := <-failed
					if e := asError(t, err); e.Code != halibut.CodeTransfer || e.Outcome != halibut.Unknown || !strings.Contains(err.Error(), tt.want) {
						t.Errorf("%s, %s: %v", e.Code, e.Outcome, err)
					}
					if waited := time.Since(start); waited > tt.after+time.Second || waited < tt.after*4/10 {
						t.Errorf("after %s", waited)
					}
					cable.plug()
					time.Sleep(5 * time.Minute) // a polling service comes again
					hello(t, p)
				})
			})
		}
	}
}

// TestConnectionsThatDie: a call that is under way ends at once when its
// connection does, in order or not, and the next one works.
func TestConnectionsThatDie(t *testing.T) {
	for _, mode := range modes {
		for _, reset := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reset %t", mode, reset), func(t *testing.T) {
				inBubble(t, func(t *testing.T, network *memnet.Network) {
					services, running, _ := slowServices()
					var dialled []*memnet.Conn
					options := halibut.Options{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
						conn, err := network.Dial(ctx, addr)
						if err == nil {
							dialled = append(dialled, conn)
						}
						return conn, err
					}}
					p := setting{network: network, services: services, client: options, service: options}.pair(t, mode)
					hello(t, p)
					failed := make(chan error, 1)
					go func() {
						failed <- p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil)
					}()
					<-running
					start := time.Now()
					for _, conn := range dialled {
						if reset {
							_ = conn.Reset()
						} else {
							_ = conn.Close()
						}
					}
					err := <-failed
					if e := asError(t, err); e.Code != halibut.CodeTransfer || e.Outcome != halibut.Unknown || strings.Contains(err.Error(), "get reader") {
						t.Errorf("%s, %s: %v", e.Code, e.Outcome, err)
					}
					if waited := time.Since(start); waited > time.Second {
						t.Errorf("after %s", waited)
					}
					hello(t, p)
				})
			})
		}
	}
}

// TestTraceInEveryMode: connections and refusals are told of alike.
func TestTraceInEveryMode(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				var client, service traced
				p := setting{
					network: network, services: echoServices(),
					client: halibut.Options{Trace: client.trace()}, service: halibut.Options{Trace: service.trace()},
				}.pair(t, mode)
				hello(t, p)
				synctest.Wait()
				dialled, accepted, role := &client, &service, "client"
				if polls(mode) {
					dialled, accepted, role = accepted, dialled, "poller"
				}
				if dialled.count("connected dialled "+map[bool]string{true: "client", false: "service"}[polls(mode)]) != 1 || accepted.count("connected "+role) != 1 {
					t.Errorf("dialled %q, accepted %q", dialled.events, accepted.events)
				}
				s := setting{network: network, websockets: strings.HasSuffix(mode, overWebsockets)}
				stranger := newRuntime(t, certificates()[2], s.options(halibut.Options{}))
				to := p.to
				if polls(mode) {
					to = p.polls
				}
				if err := stranger.Client(to, halibut.Retries(0)).Call(t.Context(), "I", "M", nil); halibut.CodeOf(err) != halibut.CodeUntrusted {
					t.Errorf("a stranger: %v", err)
				}
				synctest.Wait()
				if len(accepted.refused) != 1 || accepted.refused[0].Thumbprint != halibut.PinOf(certificates()[2]) {
					t.Errorf("refused: %+v", accepted.refused)
				}
				_ = p.client.Close()
				_ = p.service.Close()
				synctest.Wait()
				if accepted.count("disconnected "+role) != 1 {
					t.Errorf("accepted %q", accepted.events)
				}
			})
		})
	}
}
