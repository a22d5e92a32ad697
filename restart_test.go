package halibut_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
)

// restarts is a client and a service of which either can be replaced by a
// successor at the same address, while callers go on.
type restarts struct {
	t       *testing.T
	polling bool
	limits  halibut.Limits
	addr    string // of whoever listens
	ran     sync.Map
	twice   atomic.Int64

	client, service *halibut.Runtime
	ended           sync.WaitGroup
	caller          atomic.Pointer[halibut.Client]
}

func (r *restarts) services() *halibut.Services {
	s := new(halibut.Services)
	s.Handle("ICounter", "Count", func(_ context.Context, id string) (string, error) {
		if _, again := r.ran.LoadOrStore(id, true); again {
			r.twice.Add(1)
		}
		return id, nil
	})
	return s
}

// listenAgain listens at the address that a predecessor has just given up.
func (r *restarts) listenAgain() net.Listener {
	addr := r.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	var l net.Listener
	eventually(r.t, "the address is free again", func() (free bool) {
		var err error
		l, err = net.Listen("tcp", addr)
		return err == nil
	})
	r.addr = l.Addr().String()
	return l
}

func (r *restarts) start(cert tls.Certificate, opts *halibut.Options, run func(*halibut.Runtime) error) *halibut.Runtime {
	opts.Limits = r.limits
	rt, err := halibut.New(cert, opts)
	if err != nil {
		r.t.Fatal(err)
	}
	if run != nil {
		r.ended.Go(func() {
			if err := run(rt); !errors.Is(err, halibut.ErrClosed) {
				r.t.Errorf("a runtime that was shut down returned %v", err)
			}
		})
	}
	return rt
}

func (r *restarts) startService() {
	certs := certificates()
	opts := &halibut.Options{Services: r.services()}
	if r.polling {
		to := endpoint(r.t, "https://"+r.addr, halibut.PinOf(certs[0]))
		r.service = r.start(certs[1], opts, func(rt *halibut.Runtime) error {
			return rt.Poll(context.Background(), subscription, to)
		})
		return
	}
	var trust halibut.TrustList
	trust.AllowCalls(halibut.PinOf(certs[0]))
	opts.Authorizer = &trust
	l := r.listenAgain()
	r.service = r.start(certs[1], opts, func(rt *halibut.Runtime) error { return rt.Serve(context.Background(), l) })
}

func (r *restarts) startClient() {
	certs := certificates()
	opts := &halibut.Options{Intercept: []halibut.Interceptor{
		halibut.RepeatCalls(halibut.Repeat{Window: 30 * time.Second, Pause: time.Millisecond, Limit: 50 * time.Millisecond}),
	}}
	if !r.polling {
		r.client = r.start(certs[0], opts, nil)
		r.caller.Store(r.client.Client(endpoint(r.t, "https://"+r.addr, halibut.PinOf(certs[1]))))
		return
	}
	var trust halibut.TrustList
	if err := trust.AllowPolling(halibut.PinOf(certs[1]), subscription); err != nil {
		r.t.Fatal(err)
	}
	opts.Authorizer = &trust
	l := r.listenAgain()
	r.client = r.start(certs[0], opts, func(rt *halibut.Runtime) error { return rt.Serve(context.Background(), l) })
	r.caller.Store(r.client.Client(endpoint(r.t, subscription, halibut.PinOf(certs[1]))))
}

func (r *restarts) shutdown(rt *halibut.Runtime) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := rt.Shutdown(ctx); err != nil {
		r.t.Errorf("Shutdown: %v", err)
	}
}

// call makes one call, on whichever client there is.
func (r *restarts) call(id string) error {
	for {
		c := r.caller.Load()
		got, err := halibut.Call[string](context.Background(), c, "ICounter", "Count", id)
		switch {
		case err == nil && got == id:
			return nil
		case err == nil:
			return errors.New("the answer to " + id + " is " + got)
		case halibut.CodeOf(err) == halibut.CodeClosed && halibut.SafeToRetry(err):
			eventually(r.t, "the client has a successor", func() bool { return r.caller.Load() != c })
		default:
			return err
		}
	}
}

func TestRestartsUnderLoadLoseNothing(t *testing.T) {
	for _, mode := range []struct {
		name    string
		polling bool
	}{{"listening", false}, {"polling", true}} {
		t.Run(mode.name, func(t *testing.T) {
			r := &restarts{t: t, polling: mode.polling, limits: halibut.Limits{
				ReconnectMin: time.Millisecond, ReconnectMax: 20 * time.Millisecond, ConnectPause: time.Millisecond,
			}}
			if r.polling {
				r.startClient()
				r.startService()
			} else {
				r.startService()
				r.startClient()
			}
			stop := make(chan struct{})
			var callers sync.WaitGroup
			var made atomic.Int64
			for range 8 {
				callers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						id := "call " + time.Duration(made.Add(1)).String()
						if err := r.call(id); err != nil {
							t.Errorf("%s: %v", id, err)
							return
						}
					}
				})
			}
			for round := range 20 {
				before := made.Load()
				eventually(t, "calls go on", func() bool { return made.Load() > before+20 || t.Failed() })
				if round%2 == 0 {
					r.shutdown(r.service)
					r.startService()
				} else {
					r.shutdown(r.client)
					r.startClient()
				}
			}
			close(stop)
			callers.Wait()
			r.shutdown(r.client)
			r.shutdown(r.service)
			r.ended.Wait()
			if n := r.twice.Load(); n > 0 {
				t.Errorf("%d calls ran twice", n)
			}
			t.Logf("%d calls", made.Load())
		})
	}
}
