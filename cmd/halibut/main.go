// Command halibut shows and, in time, operates Halibut for Go:
//
//	halibut demo [FILE]
//
// It exits with 0 when what was asked for was done, with 1 when it failed, with
// 2 when it was asked in a way that it does not understand, and with 130 when
// it was interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // as shells have it for SIGINT
)

func main() {
	ctx, stop := interruptible()
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// interruptible returns a context that Ctrl-C ends. A second one ends what the
// first could not.
func interruptible() (context.Context, context.CancelFunc) {
	// A pipe that nobody reads is an error to clean up after, no sudden death.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// run is the program without the process around it. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	started := false
	root := newRootCommand(&started)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case !started:
		fmt.Fprintf(stderr, "%s\nRun 'halibut --help' for usage.\n", prefixed(err))
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "halibut: interrupted")
		return exitInterrupted
	default:
		fmt.Fprintln(stderr, prefixed(err))
		return exitFailed
	}
}

// newRootCommand makes the command and its verbs. started is set when a verb
// has understood its arguments: errors from before are the user's.
func newRootCommand(started *bool) *cobra.Command {
	root := &cobra.Command{
		Use:               "halibut",
		Short:             "Calls over mutually authenticated TLS, in either direction",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRun:  func(*cobra.Command, []string) { *started = true },
	}
	root.AddCommand(newDemoCommand())
	return root
}

// prefixed is an error's text with the program's name, which the library's
// errors have already.
func prefixed(err error) string {
	text := err.Error()
	if !strings.HasPrefix(text, "halibut: ") {
		text = "halibut: " + text
	}
	return text
}
