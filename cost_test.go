package halibut_test

import (
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// What one small call may cost at both ends together, once its connection and
// the plans of its types are there. Fractions of an object are those that the
// pools make anew after a collection.
const (
	mostObjects = 16
	mostBytes   = 600
	mostWrites  = 2 // one for each direction
)

// TestCostOfACall counts what a call between Go peers allocates and how often it
// writes. Times are the benchmarks' business.
func TestCostOfACall(t *testing.T) {
	for _, mode := range []string{"listening", "polling"} {
		t.Run(mode, func(t *testing.T) {
			var writes atomic.Int64
			counted := func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				return &countedWrites{conn, &writes}, err
			}
			s := setting{services: echoServices()}
			s.client.DialContext, s.service.DialContext = counted, counted
			s.wrap = func(l net.Listener) net.Listener { return &countedListener{l, &writes} }
			p := s.pair(t, mode)
			c := p.client.Client(p.to)
			call := func() {
				if _, err := halibut.Call[string](context.Background(), c, "IEchoService", "SayHello", "World"); err != nil {
					t.Fatal(err)
				}
			}
			const calls = 1000
			for range calls {
				call()
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			written := writes.Load()
			for range calls {
				call()
			}
			written = writes.Load() - written
			runtime.ReadMemStats(&after)
			objects := float64(after.Mallocs-before.Mallocs) / calls
			bytes := float64(after.TotalAlloc-before.TotalAlloc) / calls
			t.Logf("a call: %.1f objects, %.0f bytes, %.2f writes", objects, bytes, float64(written)/calls)
			if written > mostWrites*calls {
				t.Errorf("%d writes for %d calls", written, calls)
			}
			if !halibut.RaceDetector() && (int(objects) > mostObjects || int(bytes) > mostBytes) {
				t.Errorf("a call allocates %.1f objects and %.0f bytes, more than %d and %d", objects, bytes, mostObjects, mostBytes)
			}
		})
	}
}

// countedWrites counts the writes to a connection.
type countedWrites struct {
	net.Conn
	writes *atomic.Int64
}

func (c *countedWrites) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

type countedListener struct {
	net.Listener
	writes *atomic.Int64
}

func (l *countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countedWrites{conn, l.writes}, nil
}

// roundTrip is the delay there and back of the link in TestRoundTrips.
const roundTrip = 20 * time.Millisecond

// TestRoundTrips counts the round trips of a call: in virtual time it takes exactly
// as long as they do.
func TestRoundTrips(t *testing.T) {
	for name, test := range map[string]struct {
		mode    string
		options []halibut.ClientOption
		plain   bool // the service is a .NET one, by what it says
		pause   time.Duration
		trips   time.Duration
	}{
		"listening":                       {mode: "listening", trips: 1},
		"polling":                         {mode: "polling", trips: 1},
		".NET, listening":                 {mode: "listening", plain: true, trips: 2},
		".NET, polling":                   {mode: "polling", plain: true, trips: 1},
		".NET from 5.0 on":                {mode: "listening", plain: true, options: []halibut.ClientOption{halibut.PeerAtLeast("5.0")}, trips: 1},
		".NET, eager NEXT, after a while": {mode: "listening", plain: true, options: []halibut.ClientOption{halibut.EagerNext()}, pause: roundTrip, trips: 1},
		".NET, eager NEXT, at once":       {mode: "listening", plain: true, options: []halibut.ClientOption{halibut.EagerNext()}, trips: 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				slow := &slowNetwork{network: network}
				t.Cleanup(slow.links.Wait) // after all that uses it is closed
				var call func() error
				switch {
				case test.plain && test.mode == "polling":
					call = pollPlain(t, slow)
				case test.plain:
					to, _ := serveScripted(t, network, plainService)
					client := newRuntime(t, certificates()[0], &halibut.Options{DialContext: slow.dial})
					call = greet(t, client.Client(to, test.options...))
				default:
					s := setting{services: echoServices(), network: network}
					s.client.DialContext, s.service.DialContext = slow.dial, slow.dial
					p := s.pair(t, test.mode)
					call = greet(t, p.client.Client(p.to, test.options...))
				}
				for i := range 5 {
					start := time.Now()
					if err := call(); err != nil {
						t.Fatal(err)
					}
					if took := time.Since(start); i > 0 && took != test.trips*roundTrip {
						t.Errorf("call %d took %s, and %d round trips are %s", i, took, test.trips, test.trips*roundTrip)
					}
					time.Sleep(test.pause)
				}
			})
		})
	}
}

func greet(t *testing.T, c *halibut.Client) func() error {
	return func() error {
		_, err := halibut.Call[string](t.Context(), c, "IEchoService", "SayHello", "World")
		return err
	}
}

// plainService answers calls as .NET services do that listen, until the client
// leaves.
func plainService(s *scripted) {
	s.meet(true)
	s.write(asServer)
	for {
		if _, err := s.reader.Peek(1); err != nil {
			return
		}
		s.respond(result(s.t, s.request().ID, "x"))
		if _, err := s.reader.Peek(1); err != nil {
			return
		}
		if line, err := s.reader.ReadLine(); err != nil || line != wire.Next {
			if line != wire.End {
				s.t.Errorf("read the line %q, %v, want NEXT or END", line, err)
			}
			return
		}
		s.write("PROCEED\r\n")
	}
}

// pollPlain has a service poll as .NET ones do, over the link, and returns how to
// call it.
func pollPlain(t *testing.T, slow *slowNetwork) func() error {
	s := setting{network: slow.network}
	s.client.Authorizer = pollers(t)
	client := s.newClient(t)
	addr := serveOn(t, client, s.listen(t))
	relayed, err := slow.dial(t.Context(), "mem", addr)
	if err != nil {
		t.Fatal(err)
	}
	service := scriptOver(t, relayed, certificates()[1])
	slow.links.Go(func() {
		defer service.Close()
		service.write(asSubscriber)
		service.meet(false)
		for {
			if _, err := service.reader.Peek(1); err != nil {
				return
			}
			service.respond(result(t, service.request().ID, "x"))
			service.write("NEXT\r\n")
			if _, err := service.reader.Peek(1); err != nil {
				return
			}
			service.line(wire.Proceed)
		}
	})
	return greet(t, client.Client(endpoint(t, "poll://sq-test/")))
}

// slowNetwork dials over a link that holds back what is said.
type slowNetwork struct {
	network *memnet.Network
	links   sync.WaitGroup
}

func (s *slowNetwork) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	far, err := s.network.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	near, ours := memnet.Pipe("near:1", memnet.Addr(addr))
	s.links.Go(func() { s.carry(ours, far) })
	s.links.Go(func() { s.carry(far, ours) })
	return near, nil
}

// carry passes on what was said half a round trip ago.
func (s *slowNetwork) carry(from, to net.Conn) {
	type said struct {
		bytes []byte
		due   time.Time
	}
	under := make(chan said, 1024)
	s.links.Go(func() {
		defer to.Close()
		for next := range under {
			time.Sleep(time.Until(next.due))
			_, _ = to.Write(next.bytes) // the other direction tells that it is closed
		}
	})
	defer close(under)
	for {
		buf := make([]byte, 4<<10)
		n, err := from.Read(buf)
		if n > 0 {
			under <- said{buf[:n], time.Now().Add(roundTrip / 2)}
		}
		if err != nil {
			return
		}
	}
}
