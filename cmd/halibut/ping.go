package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

func newPingCommand() *cobra.Command {
	p := &ping{}
	cmd := &cobra.Command{
		Use:   "ping ENDPOINT",
		Short: "Measure how long connecting and calls take",
		Long: `Connects, and calls a service that no peer has: that it was not found is the good
answer. Says how long connecting, the TLS handshake, identification and each call
took, and the percentiles of the calls.

` + endpointHelp,
		Example: "  halibut ping https://build-7:10933 -i me --pin 36E0...\n  halibut ping poll://build-7 -i me --pin 36E0... --listen :10943 -c 100 --interval 0",
		Args:    cobra.ExactArgs(1),
		RunE:    p.run,
	}
	flags := cmd.Flags()
	p.peer.add(flags)
	flags.IntVarP(&p.count, "count", "c", 4, "call this `number` of times; 0 is until it is interrupted")
	flags.DurationVar(&p.interval, "interval", time.Second, "call once in this `time`; 0 is without a pause")
	flags.BoolVar(&p.anew, "anew", false, "connect anew for each call")
	flags.BoolVar(&p.asJSON, "json", false, "print JSON, at the end")
	return cmd
}

// ping is one run of the verb.
type ping struct {
	peer     peerFlags
	count    int
	interval time.Duration
	anew     bool
	asJSON   bool

	out                                *terminal
	connecting, handshake, identifying durations
	upgrading                          durations // of websockets
	calls                              durations
	failures                           int
	lastErr                            error
}

func (p *ping) run(cmd *cobra.Command, args []string) error {
	if p.count < 0 || p.interval < 0 {
		return usagef("--count and --interval cannot be negative")
	}
	p.out = newTerminal(cmd.OutOrStdout())
	to, err := p.peer.endpoint(args[0])
	if err != nil {
		return err
	}
	if to.Scheme() == "https" || to.Scheme() == "wss" {
		err = p.listening(cmd, to)
	} else {
		err = p.calling(cmd, args[0])
	}
	if err != nil {
		return err
	}
	return p.report(cmd.Context(), args[0])
}

// listening pings a service that listens.
func (p *ping) listening(cmd *cobra.Command, to halibut.Endpoint) error {
	cert, err := p.peer.identity.load(cmd)
	if err != nil {
		return err
	}
	probe, err := p.peer.newProbe(to, cert)
	if err != nil {
		return err
	}
	defer probe.close()
	p.repeat(cmd.Context(), func(ctx context.Context) (time.Duration, error) {
		if probe.identified() && p.anew {
			probe.close()
		}
		if !probe.identified() {
			if err := p.connect(ctx, probe, halibut.PinOf(cert)); err != nil {
				probe.close()
				return 0, err
			}
		}
		took, err := probe.call(ctx)
		if err != nil {
			probe.close()
			return 0, diagnoseCall(err).asError(to.String())
		}
		return took, nil
	})
	return nil
}

func (p *ping) connect(ctx context.Context, probe *probe, own halibut.Pin) error {
	to := probe.to
	took, err := probe.open(ctx, to.Addr(), callingIdentity)
	var found *finding
	switch {
	case err == nil:
		p.connecting, p.handshake, p.identifying = append(p.connecting, took.connecting), append(p.handshake, took.handshake), append(p.identifying, took.identifying)
		upgraded := ""
		if probe.upgrades() {
			upgraded = ", websocket in " + duration(took.upgrading)
			p.upgrading = append(p.upgrading, took.upgrading)
		}
		p.line("connected to %s in %s, handshake (%s) in %s%s, identified in %s\n", probe.conn.RemoteAddr(), duration(took.connecting),
			tlsName(probe), duration(took.handshake), upgraded, duration(took.identifying))
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case probe.talk != nil:
		found = diagnoseIdentify(err, own)
	case probe.secured != nil:
		found = diagnoseUpgrade(err, own)
	case probe.conn != nil:
		found = diagnoseHandshake(err)
	case isLookup(err) && probe.proxy == nil:
		found = diagnoseName(err)
	default:
		found = diagnoseConnect(err)
	}
	return found.asError(to.String())
}

// calling pings by calls alone: a service that polls, or one that is reached in
// another way.
func (p *ping) calling(cmd *cobra.Command, endpoint string) error {
	ctx, peer, err := p.peer.open(cmd, endpoint)
	if err != nil {
		return err
	}
	defer peer.close()
	p.repeat(ctx, func(ctx context.Context) (time.Duration, error) {
		limited, cancel := withTimeout(ctx, p.peer.timeout)
		defer cancel()
		begun := time.Now()
		err := peer.Call(limited, pingService, pingMethod, nil)
		took := time.Since(begun)
		if halibut.CodeOf(err) == halibut.CodeServiceNotFound {
			return took, nil
		}
		var e *halibut.Error
		switch {
		case err == nil:
			return 0, errAnswered
		case errors.As(err, &e) && e.Remote && serviceNotFound(&wire.ServerError{Message: e.Message, Details: e.Details, Type: e.Type}):
			return took, nil
		default:
			return 0, peer.explain(ctx, err)
		}
	})
	return nil
}

// repeat calls once as often and in such intervals as it was told, until ctx ends
// or nobody reads the output any more.
func (p *ping) repeat(ctx context.Context, once func(context.Context) (time.Duration, error)) {
	var tick <-chan time.Time
	if p.interval > 0 {
		ticker := time.NewTicker(p.interval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for n := 1; ctx.Err() == nil && p.out.err == nil; n++ {
		took, err := once(ctx)
		switch {
		case err == nil:
			p.calls = append(p.calls, took)
			p.line("%d: %s\n", n, duration(took))
		case ctx.Err() == nil:
			p.failures++
			p.lastErr = err
			p.line("%d: %s\n", n, p.out.paint(red, harmless(err.Error())))
		}
		if n == p.count {
			return
		}
		if tick != nil {
			select {
			case <-ctx.Done():
			case <-tick:
			}
		}
	}
}

func (p *ping) line(format string, args ...any) {
	if !p.asJSON {
		p.out.printf(format, args...)
	}
}

// report tells what all calls came to. Interrupted, it reports what there is.
func (p *ping) report(ctx context.Context, endpoint string) error {
	if p.asJSON {
		report := struct {
			Endpoint   string        `json:"endpoint"`
			Connect    durationsJSON `json:"connect"`
			Handshake  durationsJSON `json:"handshake"`
			Upgrade    durationsJSON `json:"upgrade,omitzero"`
			Identify   durationsJSON `json:"identify"`
			Calls      durationsJSON `json:"calls"`
			Failures   int           `json:"failures"`
			LastFailed string        `json:"lastFailure,omitempty"`
		}{endpoint, p.connecting.json(), p.handshake.json(), p.upgrading.json(), p.identifying.json(), p.calls.json(), p.failures, ""}
		if p.lastErr != nil {
			report.LastFailed = p.lastErr.Error()
		}
		if err := printJSON(p.out, report); err != nil {
			return err
		}
	} else if len(p.calls) > 0 {
		p.out.printf("%s answered, %s failed: %s\n", count(int64(len(p.calls))), count(int64(p.failures)), p.calls.summary())
	}
	switch {
	case p.out.err != nil:
		return p.out.err
	case p.lastErr != nil:
		return fmt.Errorf("%d of %d calls failed, the last with: %w", p.failures, p.failures+len(p.calls), p.lastErr)
	case len(p.calls) == 0:
		return ctx.Err() // interrupted before there was anything
	default:
		return nil
	}
}
