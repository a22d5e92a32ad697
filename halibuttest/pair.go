package halibuttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
)

// Subscription is what the service of a Polling pair polls for.
const Subscription = "poll://halibuttest"

// Options are what the runtimes of a pair are told. Nil and the zero value are
// valid. The pair sets Services of the service and DialContext of the side that
// connects, and Authorizer of the side that listens where it is nil: it then
// admits the other side alone.
type Options struct {
	Client, Service halibut.Options
}

// Pair is a client and a service that are connected in memory.
type Pair struct {
	// Client calls the service.
	Client *halibut.Client
	// ClientRuntime has the certificate Certificate("client"), ServiceRuntime
	// Certificate("service"). Either may be shut down by a test.
	ClientRuntime, ServiceRuntime *halibut.Runtime

	network memnet.Network
	running sync.WaitGroup

	mu     sync.Mutex
	failed []error
}

// NewPair connects a client with a service that offers services. The pair is
// closed when the test ends, and the test fails where that shows an error.
func NewPair(t testing.TB, d Direction, services *halibut.Services, opts *Options) *Pair {
	t.Helper()
	p, err := Connect(d, services, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Connect is NewPair for where there is no test, such as TestMain. Whoever
// calls it closes the pair.
func Connect(d Direction, services *halibut.Services, opts *Options) (*Pair, error) {
	var options Options
	if opts != nil {
		options = *opts
	}
	options.Service.Services = services
	p := &Pair{}
	var err error
	switch d {
	case Listening:
		err = p.listen(options)
	case Polling:
		err = p.poll(options)
	default:
		err = errors.New("there is no such direction")
	}
	if err != nil {
		return nil, fmt.Errorf("halibuttest: a %s pair: %w", d, errors.Join(err, p.Close()))
	}
	return p, nil
}

func (p *Pair) listen(options Options) error {
	if options.Service.Authorizer == nil {
		trust := new(halibut.TrustList)
		trust.AllowCalls(halibut.PinOf(Certificate("client")))
		options.Service.Authorizer = trust
	}
	options.Client.DialContext = p.network.DialContext
	if err := p.start(options); err != nil {
		return err
	}
	to, err := p.serve(p.ServiceRuntime, "service")
	if err != nil {
		return err
	}
	p.Client = p.ClientRuntime.Client(to)
	return nil
}

func (p *Pair) poll(options Options) error {
	servicePin := halibut.PinOf(Certificate("service"))
	if options.Client.Authorizer == nil {
		trust := new(halibut.TrustList)
		if err := trust.AllowPolling(servicePin, Subscription); err != nil {
			return err
		}
		options.Client.Authorizer = trust
	}
	options.Service.DialContext = p.network.DialContext
	if err := p.start(options); err != nil {
		return err
	}
	client, err := p.serve(p.ClientRuntime, "client")
	if err != nil {
		return err
	}
	p.run(func(ctx context.Context) error { return p.ServiceRuntime.Poll(ctx, Subscription, client) })
	subscription, err := halibut.ParseEndpoint(Subscription, servicePin.String())
	if err != nil {
		return err
	}
	p.Client = p.ClientRuntime.Client(subscription)
	return nil
}

// start makes the runtimes.
func (p *Pair) start(options Options) (err error) {
	if p.ClientRuntime, err = halibut.New(Certificate("client"), &options.Client); err != nil {
		return err
	}
	p.ServiceRuntime, err = halibut.New(Certificate("service"), &options.Service)
	return err
}

// serve lets rt, whose certificate is Certificate(name), accept connections at
// the endpoint that it returns.
func (p *Pair) serve(rt *halibut.Runtime, name string) (halibut.Endpoint, error) {
	var l net.Listener
	l, err := p.network.Listen(name + ":10933")
	if err != nil {
		return halibut.Endpoint{}, err
	}
	p.run(func(ctx context.Context) error { return rt.Serve(ctx, l) })
	return halibut.ParseEndpoint("https://"+l.Addr().String(), halibut.PinOf(Certificate(name)).String())
}

// run runs what blocks until its runtime is closed.
func (p *Pair) run(serve func(context.Context) error) {
	p.running.Go(func() {
		if err := serve(context.Background()); !errors.Is(err, halibut.ErrClosed) {
			p.mu.Lock()
			p.failed = append(p.failed, err)
			p.mu.Unlock()
		}
	})
}

// Close closes both runtimes and returns when all that the pair started has
// ended. Its error is why serving or polling had ended before. Close may be
// called again.
func (p *Pair) Close() error {
	var errs []error
	for _, rt := range []*halibut.Runtime{p.ClientRuntime, p.ServiceRuntime} {
		if rt != nil {
			errs = append(errs, rt.Close())
		}
	}
	p.running.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(append(errs, p.failed...)...)
}
