package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/halibut-go/halibut"
)

// mode is a direction of the connection.
type mode struct {
	name, title, explains string
	connect               func(d *demo, services *halibut.Services, stopped func(error)) (*pair, error)
}

var (
	listening = mode{"listening", "Listening", "the client connects to the service", connectListening}
	polling   = mode{"polling", "Polling", "the service connects to the client and asks for work", connectPolling}
)

// subscription is what the polling service polls for.
const subscription = "poll://demo"

// pair is a client and a service that are connected.
type pair struct {
	client       *halibut.Client
	clientSide   *halibut.Runtime
	serviceSide  *halibut.Runtime
	where        string
	listenerAddr string // of the service, "" where it does not listen
	running      sync.WaitGroup
}

// connectListening has the service listen, for the client alone.
func connectListening(d *demo, services *halibut.Services, stopped func(error)) (_ *pair, err error) {
	p := &pair{}
	trust := &halibut.TrustList{}
	trust.AllowCalls(d.client.pin)
	if p.serviceSide, err = halibut.New(d.service.cert, d.options("service", &halibut.Options{Services: services, Authorizer: trust})); err != nil {
		return nil, err
	}
	if p.clientSide, err = halibut.New(d.client.cert, d.options("client", &halibut.Options{})); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.listenerAddr = listener.Addr().String()
	to, err := halibut.ParseEndpoint("https://"+p.listenerAddr, d.service.pin.String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	p.run(stopped, func() error { return p.serviceSide.Serve(context.Background(), listener) })
	p.client, p.where = p.clientSide.Client(to), "the service is at "+to.String()
	return p, nil
}

// connectPolling has the client listen, for the service alone, which polls it.
func connectPolling(d *demo, services *halibut.Services, stopped func(error)) (_ *pair, err error) {
	p := &pair{}
	trust := &halibut.TrustList{}
	if err := trust.AllowPolling(d.service.pin, subscription); err != nil {
		return nil, err
	}
	if p.clientSide, err = halibut.New(d.client.cert, d.options("client", &halibut.Options{Authorizer: trust})); err != nil {
		return nil, err
	}
	if p.serviceSide, err = halibut.New(d.service.cert, d.options("service", &halibut.Options{Services: services})); err != nil {
		return nil, err
	}
	to, err := halibut.ParseEndpoint(subscription, d.service.pin.String())
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	client, err := halibut.ParseEndpoint("https://"+listener.Addr().String(), d.client.pin.String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	p.run(stopped, func() error { return p.clientSide.Serve(context.Background(), listener) })
	p.run(stopped, func() error { return p.serviceSide.Poll(context.Background(), subscription, client) })
	p.client, p.where = p.clientSide.Client(to), "the service is "+to.String()+", the client is at "+client.String()
	return p, nil
}

// options are those that both sides share.
func (d *demo) options(side string, o *halibut.Options) *halibut.Options {
	o.TempDir = d.folder
	o.Logger = d.log.With("side", side)
	return o
}

func (p *pair) run(stopped func(error), serve func() error) {
	p.running.Go(func() {
		if err := serve(); !errors.Is(err, halibut.ErrClosed) {
			stopped(err)
		}
	})
}

// close ends both sides, without haste unless ctx has ended. The client goes
// first: it tells a polling service that it leaves.
func (p *pair) close(ctx context.Context) (err error) {
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, side := range []*halibut.Runtime{p.clientSide, p.serviceSide} {
		err = errors.Join(err, side.Shutdown(limited))
	}
	p.running.Wait()
	if ctx.Err() != nil {
		return nil // it was cut off on purpose
	}
	return err
}
