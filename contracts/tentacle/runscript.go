package tentacle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/halibut-go/halibut"
)

// RunScript runs a script to its end and writes its log to log, a line for each,
// as it comes; nil discards it. The error is nil when the exit code is 0, and an
// [*ExitError] for any other.
//
// When ctx ends, the script is cancelled and its end awaited, for Options.Grace
// at most; the error then wraps that of ctx. The same happens when log fails.
// When the Tentacle cannot be reached any more, after the repetitions that
// Options.Repeat allows, one more try is made to cancel the script. An error
// says so where the script may still run.
func (c *Client) RunScript(ctx context.Context, script *Script, log io.Writer) error {
	r := &scriptRun{client: c, script: script, log: log, ticket: script.Ticket}
	if r.ticket.TaskID == "" {
		r.ticket = NewScriptTicket()
	}
	var err error
	if r.runner, err = c.scriptRunner(ctx, c.repeating(attemptCaller{c.caller, &r.attempted})); err != nil {
		return err
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	if err := r.observe(ctx); err != nil {
		return r.giveUp(ctx, err)
	}
	r.complete(ctx)
	if r.failed != nil {
		return fmt.Errorf("the log of the script %s: %w", r.ticket, r.failed)
	}
	if r.last.ExitCode != 0 {
		return &ExitError{r.ticket, int(r.last.ExitCode)}
	}
	return nil
}

// scriptRun is one run of a script.
type scriptRun struct {
	client    *Client
	runner    scriptRunner
	script    *Script
	log       io.Writer
	failed    error // of log
	ticket    ScriptTicket
	attempted atomic.Bool
	last      *scriptStatus
}

// begin starts the script. Only the answer of a Tentacle that makes the tickets
// tells how to cancel the script, so it is awaited for a while when ctx ends.
func (r *scriptRun) begin(ctx context.Context) error {
	starting := ctx
	if !r.runner.ownTicket() {
		var done context.CancelFunc
		starting, done = outliving(ctx, r.client.options.Grace)
		defer done()
	}
	r.attempted.Store(false)
	status, err := r.runner.start(starting, r.script, r.ticket)
	if err == nil {
		r.ticket = status.Ticket
		if err = r.take(status); err != nil {
			return r.giveUp(ctx, err)
		}
		return nil
	}
	var e *halibut.Error
	switch {
	case errors.As(err, &e) && e.Remote, !r.attempted.Load():
		return err
	case !r.runner.ownTicket():
		return fmt.Errorf("the script may run, and cannot be cancelled, since the Tentacle's answer with its ticket was lost: %w", err)
	}
	r.last = &scriptStatus{Ticket: r.ticket}
	return r.giveUp(ctx, err)
}

// observe asks until the script is complete.
func (r *scriptRun) observe(ctx context.Context) error {
	for n := 1; r.last.State != StateComplete; n++ {
		if n > 1 {
			if err := pause(ctx, r.client.options.Pause(n-1)); err != nil {
				return err
			}
		}
		status, err := r.runner.status(ctx, r.ticket, r.last.Next)
		if err == nil {
			err = r.take(status)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take remembers a status and hands on its part of the log.
func (r *scriptRun) take(status *scriptStatus) error {
	r.last = status
	for _, line := range status.Logs {
		if r.script.OnOutput != nil {
			r.script.OnOutput(line)
		}
		if r.log == nil || r.failed != nil {
			continue
		}
		if _, err := io.WriteString(r.log, line.Text+"\n"); err != nil {
			r.failed = err
		}
	}
	return r.failed
}

// giveUp cancels a script that is not to go on, and returns why: because ctx has
// ended, because the log failed, or because of the error of a call, after which
// cancelling is tried once.
func (r *scriptRun) giveUp(ctx context.Context, reason error) error {
	if ctx.Err() != nil {
		reason = endOf(ctx)
	} else if r.failed != nil {
		reason = fmt.Errorf("its log: %w", r.failed)
	}
	if r.last.State == StateComplete {
		r.complete(ctx)
		return fmt.Errorf("the script %s ended with exit code %d: %w", r.ticket, r.last.ExitCode, reason)
	}
	once := ctx.Err() == nil && r.failed == nil
	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), r.client.options.Grace)
	defer done()
	if err := r.stop(stopping, once); err != nil {
		return fmt.Errorf("the script %s may still run, it could not be cancelled (%w): %w", r.ticket, err, reason)
	}
	r.complete(stopping)
	return fmt.Errorf("the script %s was cancelled: %w", r.ticket, reason)
}

// stop cancels the script until it is complete. The log goes on meanwhile.
func (r *scriptRun) stop(ctx context.Context, once bool) error {
	for n := 1; ; n++ {
		status, err := r.runner.cancel(ctx, r.ticket, r.last.Next)
		if err != nil {
			return err
		}
		_ = r.take(status) // a log that fails has been noted, and the script is ending anyway
		if status.State == StateComplete {
			return nil
		}
		if once {
			return fmt.Errorf("it was asked to end, and is %v", status.State)
		}
		if err := pause(ctx, r.client.options.Pause(n)); err != nil {
			return err
		}
	}
}

// complete cleans up after the script and takes the last of its log. That it
// fails changes nothing about the script, which has ended.
func (r *scriptRun) complete(ctx context.Context) {
	completing, done := outliving(ctx, r.client.options.Grace)
	defer done()
	status, err := r.runner.complete(completing, r.ticket, r.last.Next)
	if err != nil {
		r.client.options.Logger.WarnContext(ctx, "a script's workspace was not removed", "ticket", r.ticket.String(), "error", err)
		return
	}
	if status != nil {
		_ = r.take(status)
	}
}

// attemptCaller notes whether a call may have reached the Tentacle.
type attemptCaller struct {
	caller    halibut.Caller
	attempted *atomic.Bool
}

func (a attemptCaller) Call(ctx context.Context, service, method string, result any, args ...any) error {
	err := a.caller.Call(ctx, service, method, result, args...)
	if !halibut.SafeToRetry(err) {
		a.attempted.Store(true)
	}
	return err
}

// endOf is why a context has ended.
func endOf(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return ctx.Err()
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return endOf(ctx)
	}
}

// outliving returns a context that ends a grace after ctx does.
func outliving(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if pause(longer, grace) == nil {
			cancel(endOf(ctx))
		}
	})
	return longer, func() {
		stop()
		cancel(nil)
	}
}
