package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/halibut-go/halibut"
)

// peerFlags say whom to call, as what, and how patiently.
type peerFlags struct {
	identity identityFlags
	pins     []string
	proxy    string
	listen   string
	protocolFlags
	redis   redisFlags
	timeout time.Duration
	retry   int
	verbose bool
	trace   *halibut.Trace
}

func (f *peerFlags) add(flags *pflag.FlagSet) {
	f.identity.add(flags)
	flags.StringArrayVar(&f.pins, "pin", nil, "the certificate that the peer must show, as a `pin`: a thumbprint, or SHA256: and the SHA-256; repeat it for several")
	flags.StringVar(&f.proxy, "proxy", "", proxyUsage)
	flags.StringVar(&f.listen, "listen", "127.0.0.1:"+pollingPort, "where to wait for a poll:// service, an `address`")
	f.protocolFlags.add(flags)
	f.redis.add(flags)
	flags.DurationVar(&f.timeout, "timeout", 0, "give up after this `time`; 0 is 5 minutes for a response, and 2 minutes for a poll:// service to ask")
	flags.IntVar(&f.retry, "retry", 0, "connect again up to this `number` of times, while it is certain that nothing was called")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log to standard error, and show the details of errors")
}

// endpointHelp is the part of a verb's help about its ENDPOINT.
const endpointHelp = `ENDPOINT is https://host:port of a service that listens, wss://host:port/path of one
that does so behind a websocket, rpc://host:port of one that speaks the protocol of
2013, or poll://name of one that polls: then this side listens at --listen and waits
for it. --pin names the certificate that it must show. With --redis a poll:// service
may be connected to any node there, and queue://name is whoever serves that queue.`

// endpoint makes the endpoint of a command line.
func (f *peerFlags) endpoint(text string) (halibut.Endpoint, error) {
	if len(f.pins) == 0 && !strings.HasPrefix(text, "queue:") {
		if _, err := halibut.ParseEndpoint(text, strings.Repeat("0", 40)); err != nil {
			return halibut.Endpoint{}, &usageError{err}
		}
		return halibut.Endpoint{}, usagef("%s: which certificate must it show? Give its thumbprint by --pin; 'halibut discover HOST:PORT' finds what is shown", text)
	}
	to, err := halibut.ParseEndpoint(text, f.pins...)
	if err != nil {
		return to, &usageError{err}
	}
	proxy, err := parseProxy(f.proxy)
	if err != nil {
		return to, err
	}
	if proxy != nil {
		to = to.WithProxy(proxy)
	}
	return to, nil
}

// parseProxy reads --proxy, nil for nothing.
func parseProxy(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, usagef("--proxy is no URL: expected for example http://proxy:3128") // it may hold a password
	}
	switch u.Scheme {
	case "http", "https", "socks5":
		return u, nil
	default:
		return nil, usagef("--proxy begins with %s://: expected http://, https:// or socks5://", u.Scheme)
	}
}

// proxyUsage: a URL with a password belongs into the environment or the file.
const proxyUsage = "connect through the proxy at this `URL`, one with a password by HALIBUT_PROXY; without it HTTPS_PROXY and NO_PROXY are asked"

// connection is a peer that can be called, and what was started for that.
type connection struct {
	*halibut.Client
	rt      *halibut.Runtime
	polling bool
	cancel  context.CancelCauseFunc
	nodes   io.Closer // what shares the queues with other nodes, or nil
	running sync.WaitGroup
}

// open makes the peer at an endpoint callable. The returned context ends when
// this side cannot listen any more. Nothing is connected yet.
func (f *peerFlags) open(cmd *cobra.Command, text string) (context.Context, *connection, error) {
	to, err := f.endpoint(text)
	if err != nil {
		return nil, nil, err
	}
	cert, err := f.identity.load(cmd)
	if err != nil {
		return nil, nil, err
	}
	protocols, err := f.protocols()
	if err != nil {
		return nil, nil, err
	}
	options := &halibut.Options{Proxy: halibut.ProxyFromEnvironment, Transports: transports, Protocols: protocols, Trace: f.trace, Limits: halibut.Limits{PickUp: f.timeout}}
	if f.verbose {
		options.Logger = newLog(cmd.ErrOrStderr(), true)
	}
	c := &connection{polling: to.Subscription() != ""}
	if err := c.share(cmd.Context(), f, to, options); err != nil {
		return nil, nil, err
	}
	var trust halibut.TrustList
	if c.polling {
		for _, pin := range to.Pins() {
			if err := trust.AllowPolling(pin, to.Subscription()); err != nil {
				return nil, nil, err
			}
		}
		options.Authorizer = &trust
	}
	if c.rt, err = halibut.New(cert, options); err != nil {
		return nil, nil, errors.Join(err, c.closeNodes())
	}
	ctx, cancel := context.WithCancelCause(cmd.Context())
	c.cancel = cancel
	c.Client = c.rt.Client(to, halibut.Retries(f.retry))
	if c.polling {
		if err := c.listen(ctx, f, newLog(cmd.ErrOrStderr(), f.verbose), halibut.PinOf(cert)); err != nil {
			return nil, nil, err
		}
	}
	return ctx, c, nil
}

// listen waits for a polling service.
func (c *connection) listen(ctx context.Context, f *peerFlags, log *slog.Logger, own halibut.Pin) error {
	listener, err := listen(f.listen)
	if err != nil {
		return err
	}
	log.Info("waiting for the service to ask for work", "subscription", c.Endpoint(),
		"listening", strings.Join(f.urls(listener.Addr().String()), " "), "thumbprint", own)
	c.running.Go(func() {
		if err := c.rt.Serve(context.WithoutCancel(ctx), listener); !errors.Is(err, halibut.ErrClosed) {
			c.cancel(err)
		}
	})
	return nil
}

// listen says what to do where the port is taken.
func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use: another program listens there; give another --listen address, or port 0 for any", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen at %s: %w", address, err)
	}
	return listener, nil
}

// close ends the connection. A polling service is told that this side leaves.
func (c *connection) close() {
	limited, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = c.rt.Shutdown(limited) // what was asked for is done, or has failed already
	c.running.Wait()
	_ = c.closeNodes()
	c.cancel(nil)
}

// share has calls wait where other nodes find them, if that is asked for.
func (c *connection) share(ctx context.Context, f *peerFlags, to halibut.Endpoint, options *halibut.Options) error {
	provider, err := f.redis.open(ctx, options.Logger)
	switch {
	case err != nil:
		return err
	case provider != nil:
		c.nodes, c.polling, options.Queues = provider, false, provider
	case to.QueueName() != "":
		return usagef("%s: where is that queue? Give --redis URL", to)
	}
	return nil
}

func (c *connection) closeNodes() error {
	if c.nodes == nil {
		return nil
	}
	return c.nodes.Close()
}

// explain adds to an error what this side knows besides: who asked for work and
// was refused.
func (c *connection) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	var e *halibut.Error
	if !c.polling || !errors.As(err, &e) || statusOf(e) != exitUnreachable {
		return err
	}
	refused := c.rt.Rejections()
	if len(refused) == 0 {
		return err
	}
	last := refused[len(refused)-1]
	who := last.Addr
	if last.Subscription != "" {
		who += " as " + last.Subscription
	}
	err = fmt.Errorf("%w. Meanwhile %d connections were refused, the last from %s: %w", err, len(refused), who, last.Reason)
	if !last.Thumbprint.IsZero() {
		return &statusError{exitUntrusted, err}
	}
	return err
}
