package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	name    string
	plan    plan
	polling bool
	repeat  bool // with RepeatCalls
	limits  halibut.Limits
	tempDir string
	network network
	ledger  *ledger

	client, service *halibut.Runtime
	caller          *halibut.Client
	ended           sync.WaitGroup
}

// network is TCP or memory.
type network interface {
	Listen() (net.Listener, error)
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

const subscription = "poll://soak"

// start starts both sides.
func (r *run) start(t *testing.T) {
	clientCert, serviceCert := halibuttest.Certificate("client"), halibuttest.Certificate("service")
	clientPin, servicePin := halibut.PinOf(clientCert), halibut.PinOf(serviceCert)
	l, err := r.network.Listen()
	if err != nil {
		t.Fatal(err)
	}
	var trust halibut.TrustList
	shared := halibut.Options{Limits: r.limits, TempDir: r.tempDir, Authorizer: &trust}
	clientOptions, serviceOptions := shared, shared
	serviceOptions.Services = services(r.ledger)
	if r.repeat {
		clientOptions.Intercept = []halibut.Interceptor{halibut.RepeatCalls(halibut.Repeat{})}
	}
	dial := halibuttest.FaultyDialler(r.network.DialContext, r.plan.onDialler)
	faulty := halibuttest.FaultyListener(l, r.plan.onListener)
	if r.polling {
		serviceOptions.DialContext = dial
	} else {
		clientOptions.DialContext = dial
	}
	r.client, r.service = newRuntime(t, clientCert, clientOptions), newRuntime(t, serviceCert, serviceOptions)
	if !r.polling {
		trust.AllowCalls(clientPin)
		r.serve(t, func() error { return r.service.Serve(context.Background(), faulty) })
		r.caller = r.client.Client(endpoint(t, "https://"+l.Addr().String(), servicePin))
		return
	}
	if err := trust.AllowPolling(servicePin, subscription); err != nil {
		t.Fatal(err)
	}
	r.serve(t, func() error { return r.client.Serve(context.Background(), faulty) })
	to := endpoint(t, "https://"+l.Addr().String(), clientPin)
	r.serve(t, func() error {
		return r.service.Poll(context.Background(), subscription, to, halibut.PollConnections(4))
	})
	r.caller = r.client.Client(endpoint(t, subscription, servicePin))
}

func newRuntime(t *testing.T, cert certificate, options halibut.Options) *halibut.Runtime {
	rt, err := halibut.New(cert, &options)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

func endpoint(t *testing.T, rawURL string, pin halibut.Pin) halibut.Endpoint {
	to, err := halibut.ParseEndpoint(rawURL, pin.String())
	if err != nil {
		t.Fatal(err)
	}
	return to
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

// callers make calls, each with the next number, until more says no.
func (r *run) callers(callers int, next *atomic.Int64, more func(n int) bool) {
	var calling sync.WaitGroup
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
	r.ledger.told(call.id, r.make(ctx, call))
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
		got, err := halibut.Call[string](ctx, r.caller, "ISoak", "Echo", call.id, text)
		if err == nil && got != text {
			r.ledger.fail("%s returned %d other bytes", call, len(got))
		}
		return err
	case "Upload", "UploadLive":
		n, err := halibut.Call[int64](ctx, r.caller, "ISoak", call.method, call.id, seed, content())
		if err == nil && (n != call.size || call.lie != 0) {
			r.ledger.fail("%s: %d bytes came", call, n)
		}
		return err
	case "Download":
		got, err := halibut.Call[*halibut.DataStream](ctx, r.caller, "ISoak", "Download", call.id, seed, call.size)
		return r.received(call, got, err, false)
	case "Transform":
		got, err := halibut.Call[*halibut.DataStream](ctx, r.caller, "ISoak", "Transform", call.id, content())
		return r.received(call, got, err, true)
	case "Slow":
		return r.caller.Call(ctx, "ISoak", "Slow", nil, call.id, int64(call.wait))
	case "Fail":
		err := r.caller.Call(ctx, "ISoak", "Fail", nil, call.id)
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
