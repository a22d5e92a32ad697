package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

func newBenchCommand() *cobra.Command {
	b := &bench{}
	cmd := &cobra.Command{
		Use:   "bench ENDPOINT [SERVICE.METHOD [ARGUMENT...]]",
		Short: "Measure calls a second and the throughput of streams",
		Long: `Calls as often as it can for --duration, from --concurrency callers at once, and
says how many calls a second that were and how long they took. Without a method it
calls IEchoService.SayHello of 'halibut serve', and then sends and fetches a data
stream of --stream bytes. Arguments are written as for 'halibut call'.

` + endpointHelp,
		Example: "  halibut bench https://build-7:10933 -i me --pin 36E0... --concurrency 16",
		Args:    cobra.MinimumNArgs(1),
		RunE:    b.run,
	}
	flags := cmd.Flags()
	b.call.peer.add(flags)
	b.call.addContract(flags)
	flags.DurationVarP(&b.duration, "duration", "d", 5*time.Second, "call for this `time`")
	flags.IntVarP(&b.concurrency, "concurrency", "c", 1, "call from this `number` of callers at once")
	flags.StringVar(&b.stream, "stream", "64 MiB", "the `size` of the stream that is sent and fetched; 0 is none")
	flags.BoolVar(&b.asJSON, "json", false, "print JSON")
	return cmd
}

// bench is one run of the verb.
type bench struct {
	call        callVerb
	duration    time.Duration
	concurrency int
	stream      string
	asJSON      bool

	streamed int64
	took     time.Duration // of all calls
	calls    durations
	up, down time.Duration
}

func (b *bench) run(cmd *cobra.Command, args []string) (err error) {
	if b.concurrency < 1 || b.duration <= 0 {
		return usagef("--concurrency and --duration must be positive")
	}
	if b.streamed, err = parseSize(b.stream); err != nil {
		return usagef("--stream: %w", err)
	}
	if len(args) > 1 {
		b.streamed = 0
	} else {
		args = append(args, echoContract+".SayHello", `"Go"`)
		if b.call.contractName != "" {
			return usagef("--contract is for a method that is named: SERVICE.METHOD is missing")
		}
	}
	b.call.repeat = 1
	if err := b.call.understand(args); err != nil {
		return err
	}
	ctx, peer, err := b.call.peer.open(cmd, args[0])
	if err != nil {
		return err
	}
	defer peer.close()
	if err := b.measure(ctx, peer); err != nil {
		return peer.explain(ctx, err)
	}
	return b.report(newTerminal(cmd.OutOrStdout()), args[0])
}

func (b *bench) measure(ctx context.Context, peer *connection) error {
	// The first call connects, or waits for a service that polls.
	if err := b.one(ctx, peer); err != nil {
		return err
	}
	if err := b.measureCalls(ctx, peer); err != nil || b.streamed == 0 {
		return err
	}
	begun := time.Now()
	n, err := halibut.Call[int64](ctx, peer, echoContract, "CountBytes", zeros(b.streamed))
	b.up = time.Since(begun)
	if err == nil && n != b.streamed {
		err = fmt.Errorf("the peer has counted %d bytes of %d", n, b.streamed)
	}
	if err != nil {
		return err
	}
	begun = time.Now()
	err = peer.Call(halibut.WithStreamTo(ctx, io.Discard), echoContract, "MakeBytes", nil, b.streamed)
	b.down = time.Since(begun)
	return err
}

func (b *bench) one(ctx context.Context, peer *connection) error {
	limited, cancel := withTimeout(ctx, b.call.peer.timeout)
	defer cancel()
	var result wire.Raw
	return peer.Call(limited, b.call.service, b.call.method, &result, b.call.args...)
}

// measureCalls calls from all callers at once until the time is over or one fails.
func (b *bench) measureCalls(ctx context.Context, peer *connection) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([]durations, b.concurrency)
	var running sync.WaitGroup
	begun := time.Now()
	for i := range b.concurrency {
		running.Go(func() {
			for time.Since(begun) < b.duration && ctx.Err() == nil {
				one := time.Now()
				if err := b.one(ctx, peer); err != nil {
					cancel(err)
					return
				}
				took[i] = append(took[i], time.Since(one))
			}
		})
	}
	running.Wait()
	b.took = time.Since(begun)
	for _, d := range took {
		b.calls = append(b.calls, d...)
	}
	return context.Cause(ctx)
}

func (b *bench) report(out *terminal, endpoint string) error {
	aSecond := float64(len(b.calls)) / max(b.took.Seconds(), 1e-9)
	if b.asJSON {
		return printJSON(out, struct {
			Endpoint      string        `json:"endpoint"`
			Method        string        `json:"method"`
			Concurrency   int           `json:"concurrency"`
			CallsASecond  float64       `json:"callsPerSecond"`
			Calls         durationsJSON `json:"calls"`
			StreamBytes   int64         `json:"streamBytes"`
			UpBytesASec   float64       `json:"upBytesPerSecond"`
			DownBytesASec float64       `json:"downBytesPerSecond"`
		}{
			endpoint, b.call.service + "." + b.call.method, b.concurrency, aSecond, b.calls.json(),
			b.streamed, b.perSecond(b.up), b.perSecond(b.down),
		})
	}
	out.printf("%s.%s: %s calls/s, %s at once, %s in %s\n", b.call.service, b.call.method,
		count(int64(aSecond)), count(int64(b.concurrency)), count(int64(len(b.calls))), duration(b.took))
	out.printf("each     %s\n", b.calls.summary())
	if b.streamed > 0 {
		out.printf("streams  %s up at %s, down at %s\n", size(b.streamed), rate(b.streamed, b.up), rate(b.streamed, b.down))
	}
	return out.err
}

func (b *bench) perSecond(took time.Duration) float64 {
	if took <= 0 {
		return 0
	}
	return float64(b.streamed) / took.Seconds()
}
