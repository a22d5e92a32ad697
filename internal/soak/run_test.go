package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
)

// run is a client and a service, between which everything goes wrong that can.
type run struct {
	name     string
	plan     plan
	polling  bool
	repeat   bool // with RepeatCalls
	restarts bool // of both sides
	limits   halibut.Limits
	tempDir  string
	network  network
	ledger   *ledger

	trust    halibut.TrustList
	addr     string // of whoever listens
	dial     halibuttest.Dialler
	accepted atomic.Int64 // connections, over all listeners

	client, service *halibut.Runtime
	caller          atomic.Pointer[halibut.Client]
	ended           sync.WaitGroup
	restarted       int
}

// network is TCP or memory.
type network interface {
	Listen(addr string) (net.Listener, error) // "": a new address
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

const subscription = "poll://soak"

// start starts both sides.
func (r *run) start(t *testing.T) {
	clientPin, servicePin := r.pins()
	r.trust.AllowCalls(clientPin)
	err := r.trust.AllowPolling(servicePin, subscription)
	r.dial = halibuttest.FaultyDialler(r.network.DialContext, r.plan.onDialler)
	starts := []func(*testing.T) error{r.startService, r.startClient}
	if r.polling {
		slices.Reverse(starts) // who listens is first
	}
	for _, start := range starts {
		err = errors.Join(err, start(t))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (r *run) pins() (client, service halibut.Pin) {
	return halibut.PinOf(halibuttest.Certificate("client")), halibut.PinOf(halibuttest.Certificate("service"))
}

func (r *run) options() *halibut.Options {
	return &halibut.Options{Limits: r.limits, TempDir: r.tempDir, Authorizer: &r.trust, DialContext: r.dial}
}

// startClient starts the client, the first one or a successor.
func (r *run) startClient(t *testing.T) (err error) {
	options := r.options()
	if r.repeat {
		options.Intercept = []halibut.Interceptor{halibut.RepeatCalls(halibut.Repeat{})}
	}
	if r.client, err = halibut.New(halibuttest.Certificate("client"), options); err != nil {
		return err
	}
	rawURL := "https://" + r.addr
	if r.polling {
		rawURL = subscription
		if err := r.listen(t, r.client); err != nil {
			return err
		}
	}
	_, pin := r.pins()
	to, err := halibut.ParseEndpoint(rawURL, pin.String())
	r.caller.Store(r.client.Client(to))
	return err
}

// startService starts the service, the first one or a successor.
func (r *run) startService(t *testing.T) (err error) {
	options := r.options()
	options.Services = services(r.ledger)
	rt, err := halibut.New(halibuttest.Certificate("service"), options)
	if r.service = rt; err != nil || !r.polling {
		return errors.Join(err, r.listen(t, rt))
	}
	pin, _ := r.pins()
	to, err := halibut.ParseEndpoint("https://"+r.addr, pin.String())
	r.serve(t, func() error {
		return rt.Poll(context.Background(), subscription, to, halibut.PollConnections(4))
	})
	return err
}

// listen has a runtime listen, at the address of its predecessor.
func (r *run) listen(t *testing.T, rt *halibut.Runtime) error {
	l, err := r.network.Listen(r.addr)
	if err != nil {
		return err
	}
	r.addr = l.Addr().String()
	faulty := halibuttest.FaultyListener(l, func(int) []halibuttest.Fault { return r.plan.onListener(int(r.accepted.Add(1)) - 1) })
	r.serve(t, func() error { return rt.Serve(context.Background(), faulty) })
	return nil
}

// restart ends one side or the other now and then, in good order or at once, and
// starts its successor, until stop is closed.
func (r *run) restart(t *testing.T, stop <-chan struct{}) {
	for n := 0; ; n++ {
		next := r.plan.restart(n)
		select {
		case <-time.After(next.after):
		case <-stop:
			return
		}
		rt, start := r.service, r.startService
		if next.client {
			rt, start = r.client, r.startClient
		}
		if next.patience > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), next.patience)
			_ = rt.Shutdown(ctx)
			cancel()
		} else {
			_ = rt.Close()
		}
		if err := start(t); err != nil {
			t.Errorf("%s: restarting: %v", r.name, err)
			return
		}
		r.restarted++
	}
}

func (r *run) serve(t *testing.T, f func() error) {
	r.ended.Go(func() {
		if err := f(); !errors.Is(err, halibut.ErrClosed) {
			t.Errorf("%s: serving ended with %v", r.name, err)
		}
	})
}

// stop ends both sides and returns when nothing of them is left.
func (r *run) stop() {
	_ = r.client.Close()
	_ = r.service.Close()
	r.ended.Wait()
}

// callers make calls, each with the next number, until more says no. Both sides
// are restarted meanwhile where that is part of the run.
func (r *run) callers(t *testing.T, callers int, more func(n int) bool) {
	var (
		calling, restarting sync.WaitGroup
		next                atomic.Int64
	)
	stop := make(chan struct{})
	if r.restarts {
		restarting.Go(func() { r.restart(t, stop) })
	}
	for range callers {
		calling.Go(func() {
			for {
				n := int(next.Add(1))
				if !more(n) {
					return
				}
				r.call(n)
			}
		})
	}
	calling.Wait()
	close(stop)
	restarting.Wait()
}

func (r *run) call(n int) {
	call := r.plan.call(r.name, n)
	ctx := context.Background()
	switch {
	case call.patient:
	case call.cancel:
		cancelled, cancel := context.WithCancel(ctx)
		timer := time.AfterFunc(call.after, cancel)
		defer timer.Stop()
		defer cancel()
		ctx = cancelled
	default:
		limited, cancel := context.WithTimeout(ctx, call.after)
		defer cancel()
		ctx = limited
	}
	r.ledger.begin(call.id, call.String())
	err := r.make(ctx, call)
	r.ledger.told(call.id, err)
	if errors.Is(err, halibut.ErrClosed) {
		time.Sleep(5 * r.plan.pause) // until the client has a successor
	}
}

// make makes the call and checks what it returns.
func (r *run) make(ctx context.Context, call plannedCall) error {
	limited := func(seed uint64, size int64) io.Reader { return io.LimitReader(newBytes(seed, false), size) }
	seed := strconv.FormatUint(call.content, 10)
	content := func() *halibut.DataStream {
		if call.once {
			return halibut.StreamOf(limited(call.content, call.size+call.lie), call.size)
		}
		return halibut.StreamFunc(call.size, func() (io.ReadCloser, error) {
			return io.NopCloser(limited(call.content, call.size+call.lie)), nil
		})
	}
	switch call.method {
	case "Echo":
		text := strings.Repeat("x", int(min(call.size, 50_000)))
		got, err := halibut.Call[string](ctx, r.caller.Load(), "ISoak", "Echo", call.id, text)
		if err == nil && got != text {
			r.ledger.fail("%s returned %d other bytes", call, len(got))
		}
		return err
	case "Upload", "UploadLive":
		n, err := halibut.Call[int64](ctx, r.caller.Load(), "ISoak", call.method, call.id, seed, content())
		if err == nil && (n != call.size || call.lie != 0) {
			r.ledger.fail("%s: %d bytes came", call, n)
		}
		return err
	case "Download":
		got, err := halibut.Call[*halibut.DataStream](ctx, r.caller.Load(), "ISoak", "Download", call.id, seed, call.size)
		return r.received(call, got, err, false)
	case "Transform":
		got, err := halibut.Call[*halibut.DataStream](ctx, r.caller.Load(), "ISoak", "Transform", call.id, content())
		return r.received(call, got, err, true)
	case "Slow":
		return r.caller.Load().Call(ctx, "ISoak", "Slow", nil, call.id, int64(call.wait))
	case "Fail":
		err := r.caller.Load().Call(ctx, "ISoak", "Fail", nil, call.id)
		if err == nil {
			r.ledger.fail("%s did not fail", call)
		}
		return err
	default:
		panic("no such method: " + call.method)
	}
}

// received checks every byte of a stream that was delivered.
func (r *run) received(call plannedCall, got *halibut.DataStream, err error, flipped bool) error {
	if err != nil {
		return err
	}
	defer got.Close()
	if flipped && call.lie != 0 {
		r.ledger.fail("%s came through", call)
	}
	content, err := got.Open()
	if err != nil {
		r.ledger.fail("%s: the stream cannot be read: %v", call, err)
		return nil
	}
	defer content.Close()
	n, err := compare(content, newBytes(call.content, flipped))
	if err != nil || n != call.size {
		r.ledger.fail("%s: the stream is wrong after %d bytes: %v", call, n, err)
	}
	return nil
}

// counts are the calls by how they ended.
func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	total := 0
	for _, n := range l.counts {
		total += n
	}
	fmt.Fprintf(&b, "%d calls", total)
	for _, how := range sortedKeys(l.counts) {
		fmt.Fprintf(&b, "\n%8d %s", l.counts[how], how)
		if example := l.example[how]; example != "" {
			fmt.Fprintf(&b, "; for example: %s", example)
		}
	}
	return b.String()
}
