package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func newDemoCommand() *cobra.Command {
	var verbose bool
	var redis redisFlags
	cmd := &cobra.Command{
		Use:   "demo [FILE]",
		Short: "Show calls, an error and a file there and back, listening and polling",
		Long: `Demo runs a client and a service on this machine, twice: first the service
listens and the client connects to it, then the client listens and the service
connects and asks for work. Both use TCP on 127.0.0.1 and mutual TLS with
throwaway certificates.

Each time it makes a few calls and shows how long they took, shows an error as
a program would see it, sends FILE up, fetches it back and compares the SHA-256
of the three. Without FILE it sends 64 MiB that it makes itself.

With --redis it shows something else: three nodes that meet in that Redis. An agent
is connected to two of them and called by the third, a worker takes calls straight
from Redis, and one of the nodes is killed while calls go through it.

Nothing is left behind, but for keys in Redis that expire. The exit status is 0 only when everything held.`,
		Example: "  halibut demo\n  halibut demo photo.jpg\n  halibut demo --redis redis://127.0.0.1:6379",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d := &demo{out: newTerminal(cmd.OutOrStdout()), log: slog.New(slog.DiscardHandler)}
			if verbose {
				d.log = newLog(cmd.ErrOrStderr(), true)
				d.out.columns = 0 // a bar and a log cannot share a screen
			}
			return d.run(cmd.Context(), args, redis)
		},
	}
	redis.add(cmd.Flags())
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show the log of both sides on standard error")
	return cmd
}

// demo is one run of the verb.
type demo struct {
	out    *terminal
	log    *slog.Logger
	folder string // temporary, for everything
	file   *demoFile

	client, service identity
}

func (d *demo) run(ctx context.Context, args []string, redis redisFlags) (err error) {
	begun := time.Now()
	if redis.url != "" && len(args) > 0 {
		return usagef("with --redis no file is sent")
	}
	if d.folder, err = os.MkdirTemp("", "halibut-demo-"); err != nil {
		return fmt.Errorf("a temporary folder is needed: %w", err)
	}
	defer func() {
		if removed := os.RemoveAll(d.folder); removed != nil {
			err = errors.Join(err, fmt.Errorf("the temporary folder stays behind: %w", removed))
		}
	}()
	if redis.url != "" {
		return d.runCluster(ctx, redis)
	}
	if err := d.prepare(ctx, args); err != nil {
		return err
	}
	var results []*tour
	for _, mode := range []mode{listening, polling} {
		result, err := d.show(ctx, mode)
		if err != nil {
			return fmt.Errorf("%s: %w", mode.name, err)
		}
		results = append(results, result)
	}
	d.out.printf("\n")
	for _, result := range results {
		d.out.printf("%s\n", result.summary())
	}
	d.out.printf("%s\n", d.out.paint(bold, d.out.paint(green, "All of it held, in "+duration(time.Since(begun))+".")))
	return nil
}

// prepare makes what both modes need: the file first, since it can be wrong.
func (d *demo) prepare(ctx context.Context, args []string) (err error) {
	if len(args) > 0 {
		d.file, err = openDemoFile(ctx, args[0])
	} else {
		d.file, err = generateDemoFile(ctx, d.folder)
	}
	if err != nil {
		return err
	}
	begun := time.Now()
	if d.client, err = newIdentity("client"); err != nil {
		return err
	}
	if d.service, err = newIdentity("service"); err != nil {
		return err
	}
	d.out.printf("Two throwaway identities, made in %s; each side trusts the other's alone:\n", duration(time.Since(begun)))
	for _, id := range []identity{d.client, d.service} {
		d.out.printf("     %-9s%s\n", id.name, id.pin)
	}
	return nil
}

// show connects client and service in one mode and takes the tour.
func (d *demo) show(ctx context.Context, m mode) (_ *tour, err error) {
	t, err := newTour(d, m)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	pair, err := m.connect(d, t.services(), func(err error) { stop(fmt.Errorf("a side stopped: %w", err)) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pair.close(ctx)) }()
	d.out.printf("\n%s: %s\n", d.out.paint(bold, m.title), m.explains)
	d.out.printf("     %s\n", pair.where)
	if err := t.take(ctx, pair); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w (%w)", err, cause)
		}
		return nil, err
	}
	return t, nil
}
