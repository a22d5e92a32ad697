package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/jsonrpc"
)

// Where Octopus' own programs listen: a Tentacle for its server, and a server
// for its polling Tentacles.
const (
	servicePort = "10933"
	pollingPort = "10943"
)

// drainTime is how long calls under way may take when a service is stopped.
const drainTime = 10 * time.Second

func newServeCommand() *cobra.Command {
	s := &serve{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Offer services for others to try calls and file transfer with",
		Long: `Offers IEchoService (SayHello, CountBytes, MakeBytes), ICalculatorService (Add,
Subtract, Multiply, Divide) and, with --folder, IFileTransferService as a Tentacle
has it (UploadFile, DownloadFile) and IFileDropService (List, Describe).

It listens, on this machine alone unless --listen says otherwise, for those whom
--trust and --trust-file name; without one of them it does not start. --websocket and
--rpc have it speak more on the same port. With --poll it connects to a client that has
the certificate of --pin, at an https:// or wss:// URL, and asks for work. It may do both.

With --redis it is one of several nodes that meet there: --hold has it listen for
polling services, which all nodes then can call, and --queue takes calls straight
from Redis, with no connection to who calls. That needs --redis-key, or
--insecure-queue: without a key, whoever reaches Redis can call.

A trust file is TOML, with a [[trust]] table for each peer that has a pin and may
have a name. It is read again when it changes and on SIGHUP: who is trusted no
longer is disconnected, and a file that is wrong changes nothing.

No name leads out of the folder, no file in it is replaced, and all of them together
are no larger than --quota. SIGINT and SIGTERM let calls under way end, for up to
10 seconds; the exit status is 0 then.`,
		Example: `  halibut serve -i build-7 --trust 36E0... --folder drop
  halibut serve -i build-7 --poll https://server:10943 --subscription poll://build-7 --pin 36E0...
  halibut serve -i node-1 --redis redis://redis:6379 --hold poll://build-7=9A41... --listen :10943
  halibut serve -i node-2 --redis redis://redis:6379 --redis-key key --queue work`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	flags := cmd.Flags()
	s.identity.add(flags)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:"+servicePort, "listen at this `address`")
	s.protocolFlags.add(flags)
	flags.BoolVar(&s.rpc, "rpc", false, "answer callers in the protocol of 2013 too, which has no data streams: ICalculatorService and SayHello")
	flags.StringArrayVar(&s.trust, "trust", nil, "let the owner of this `pin` call; repeat it for several")
	flags.StringVar(&s.trustFile, "trust-file", "", "let those call who are in this TOML `file`")
	flags.StringVar(&s.poll, "poll", "", "ask the client at this `URL` for work")
	flags.StringVar(&s.subscription, "subscription", "", "ask for work as this `poll://name`")
	flags.StringArrayVar(&s.pins, "pin", nil, "the certificate of the client at --poll, as a `pin`")
	flags.StringVar(&s.proxy, "proxy", "", "for --poll: "+proxyUsage)
	flags.IntVar(&s.connections, "connections", 1, "open up to this `number` of connections to the client")
	flags.DurationVar(&s.reconnect, "reconnect", 5*time.Second, "wait this `time` before connecting to the client again, doubled up to 2 minutes")
	s.redis.add(flags)
	flags.StringArrayVar(&s.hold, "hold", nil, "for --redis: listen for the polling service `poll://NAME=PIN`, for all nodes to call; repeat it for several")
	flags.StringVar(&s.queue, "queue", "", "for --redis: take the calls that are made to queue://`name`")
	flags.BoolVar(&s.insecureQueue, "insecure-queue", false, "for --queue: let whoever reaches Redis call, without a --redis-key")
	flags.StringVar(&s.folder, "folder", "", "offer file transfer into and out of this `folder`")
	flags.StringVar(&s.quota, "quota", "1 GiB", "how much the folder may hold, a `size`")
	flags.BoolVarP(&s.verbose, "verbose", "v", false, "log more")
	return cmd
}

// serve is one run of the verb.
type serve struct {
	identity identityFlags
	listen   string
	protocolFlags
	rpc                 bool
	trust               []string
	trustFile           string
	poll, subscription  string
	proxy               string
	pins                []string
	connections         int
	reconnect           time.Duration
	redis               redisFlags
	hold                []string
	queue               string
	insecureQueue       bool
	folder, quota       string
	verbose             bool
	listening, isPoller bool
}

func (s *serve) run(cmd *cobra.Command) (err error) {
	s.isPoller = s.poll != "" || s.subscription != ""
	s.listening = !s.isPoller && s.queue == "" || len(s.hold) > 0 || cmd.Flags().Changed("listen")
	if err := s.checkRedis(); err != nil {
		return err
	}
	log := newLog(cmd.ErrOrStderr(), s.verbose)
	trust, err := s.trusted(log)
	if err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	if !s.listening && (s.websocket != "" || s.rpc) {
		return usagef("--websocket and --rpc are for those who connect; give --listen too, or leave them out")
	}
	files, err := s.files()
	if err != nil {
		return err
	}
	if files != nil {
		defer func() { err = errors.Join(err, files.close()) }()
	}
	protocols, err := s.protocols()
	if err != nil {
		return err
	}
	if s.rpc {
		protocols = append(protocols, &jsonrpc.Protocol{Services: []string{echoContract, calculatorContract}})
	}
	cert, err := s.identity.load(cmd)
	if err != nil {
		return err
	}
	options := &halibut.Options{
		Services: newServices(files), Authorizer: trust.list, Logger: log, Proxy: halibut.ProxyFromEnvironment,
		Transports: transports, Protocols: protocols,
		Intercept: []halibut.Interceptor{logCalls(log)}, Limits: halibut.Limits{ReconnectMin: s.reconnect},
	}
	provider, err := s.redis.open(cmd.Context(), log)
	if err != nil {
		return err
	}
	if provider != nil {
		options.Queues = provider
		defer func() { err = errors.Join(err, provider.Close()) }()
	}
	rt, err := halibut.New(cert, options)
	if err != nil {
		return err
	}
	return s.serve(cmd, rt, cert, trust, client)
}

// trusted refuses a service that nobody could call.
func (s *serve) trusted(log *slog.Logger) (*trustSource, error) {
	if !s.listening && (len(s.trust) > 0 || s.trustFile != "") {
		return nil, usagef("--trust and --trust-file are for those who connect; give --listen too, or leave them out")
	}
	held, err := parseHeld(s.hold)
	if err != nil {
		return nil, err
	}
	t, err := newTrustSource(s.trust, s.trustFile, held, log)
	if err == nil && s.listening && len(t.list.All()) == 0 {
		return nil, usagef("whom to trust? Give --trust PIN or --trust-file FILE: nobody else is let in")
	}
	return t, err
}

// checkRedis refuses what only makes sense among several nodes.
func (s *serve) checkRedis() error {
	switch {
	case s.redis.url == "" && (len(s.hold) > 0 || s.queue != ""):
		return usagef("--hold and --queue are for nodes that meet in --redis URL")
	case s.insecureQueue && s.queue == "":
		return usagef("--insecure-queue goes with --queue")
	case s.queue != "" && s.redis.keyFile == "" && !s.insecureQueue:
		return usagef("whoever reaches Redis could call: give --redis-key FILE, or --insecure-queue if that is meant")
	}
	return nil
}

// client is the endpoint to poll, if there is one.
func (s *serve) client() (halibut.Endpoint, error) {
	switch {
	case !s.isPoller:
		return halibut.Endpoint{}, nil
	case s.poll == "" || s.subscription == "":
		return halibut.Endpoint{}, usagef("--poll and --subscription go together")
	case len(s.pins) == 0:
		return halibut.Endpoint{}, usagef("which client may give work? Give its thumbprint by --pin")
	}
	to, err := halibut.ParseEndpoint(s.poll, s.pins...)
	if err != nil {
		return to, &usageError{err}
	}
	if to.Scheme() != "https" && to.Scheme() != "wss" {
		return to, usagef("--poll is %s: expected an https:// or wss:// URL", to)
	}
	if _, err := halibut.ParseEndpoint(s.subscription); err != nil {
		return to, &usageError{err}
	}
	proxy, err := parseProxy(s.proxy)
	return to.WithProxy(proxy), err
}

func (s *serve) files() (*dropFolder, error) {
	quota, err := parseSize(s.quota)
	if err != nil {
		return nil, usagef("--quota: %w", err)
	}
	if s.folder == "" {
		return nil, nil
	}
	return openDropFolder(s.folder, quota)
}

// serve runs until it is interrupted or a side of it fails.
func (s *serve) serve(cmd *cobra.Command, rt *halibut.Runtime, cert tls.Certificate, trust *trustSource, client halibut.Endpoint) (err error) {
	out := newTerminal(cmd.OutOrStdout())
	ctx, stop := context.WithCancelCause(cmd.Context())
	defer stop(nil)
	var running sync.WaitGroup
	defer running.Wait()
	defer func() {
		limited, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		if cut := rt.Shutdown(limited); cut != nil {
			trust.log.Warn("stopped before everything had come to its end", "waited", drainTime)
		}
	}()
	defer stop(nil)
	start := func(serve func(context.Context) error) {
		running.Go(func() {
			if err := serve(context.WithoutCancel(ctx)); !errors.Is(err, halibut.ErrClosed) {
				stop(err)
			}
		})
	}
	running.Go(func() { trust.watch(ctx) })
	if s.listening {
		listener, err := listen(s.listen)
		if err != nil {
			return err
		}
		urls := s.urls(listener.Addr().String())
		if s.rpc {
			urls = append(urls, "rpc://"+listener.Addr().String()+"/")
		}
		for _, url := range urls {
			out.printf("listening   %s\n", url)
		}
		start(func(ctx context.Context) error { return rt.Serve(ctx, listener) })
	}
	if s.isPoller {
		out.printf("polling     %s as %s\n", client, s.subscription)
		start(func(ctx context.Context) error {
			return rt.Poll(ctx, s.subscription, client, halibut.PollConnections(s.connections))
		})
	}
	if s.queue != "" {
		out.printf("serving     queue %s\n", s.queue)
		start(func(ctx context.Context) error { return rt.ServeQueue(ctx, s.queue, s.queueOptions()...) })
	}
	out.printf("thumbprint  %s\n", halibut.PinOf(cert))
	if out.err != nil {
		return out.err
	}
	<-ctx.Done()
	if cmd.Context().Err() != nil {
		return nil // it was asked to stop
	}
	return context.Cause(ctx)
}

func (s *serve) queueOptions() []halibut.ServeQueueOption {
	if s.insecureQueue {
		return []halibut.ServeQueueOption{halibut.InsecureServeQueue()}
	}
	return nil
}
