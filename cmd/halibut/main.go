// Command halibut makes calls, offers services and finds out why connections
// fail, without a program to be written. See docs/cli.md, or:
//
//	halibut --help
//
// It exits with 0 when what was asked for was done, with 1 when it failed, with
// 2 when it was asked in a way that it does not understand, with 3 when the peer
// could not be reached, with 4 when one side does not trust the other, with 5
// when the remote method failed, and with 130 when it was interrupted.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

//go:generate go run . docs ../../docs/cli.md

func main() {
	ctx, stop := interruptible()
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
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
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	understood := false
	root := newRootCommand(&understood)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	verb, err := root.ExecuteContextC(ctx)
	if err != nil && !understood {
		err = &usageError{err}
	}
	status := exitStatus(ctx, err)
	switch status {
	case 0:
	case exitUsage:
		fmt.Fprintf(stderr, "%s\nRun '%s --help' for usage.\n", harmless(prefixed(err)), verb.CommandPath())
	case exitInterrupted:
		fmt.Fprintln(stderr, "halibut: interrupted")
	default:
		fmt.Fprintln(stderr, harmless(prefixed(err)))
	}
	return status
}

// newRootCommand makes the command and its verbs. understood is set when a verb
// has understood its arguments: errors from before are the user's.
func newRootCommand(understood *bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "halibut",
		Short: "Calls over mutually authenticated TLS, in either direction",
		Long: `Halibut makes calls over mutually authenticated TLS. Each side has a certificate
of its own and knows the other's by its thumbprint; either side may be the one
that listens.

Each flag can also be given by the environment, as HALIBUT_ and its name in upper
case with _ for - (several values with commas between), or by a file in TOML that
--config or HALIBUT_CONFIG names: at the top for all verbs, in a table with a
verb's name for that verb. The command line wins over the environment, and that
over the file.

` + exitTable,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			*understood = true
			return configure(cmd)
		},
	}
	root.PersistentFlags().String("config", "", "read flags from this TOML `file`")
	root.AddCommand(newBenchCommand(), newCallCommand(), newCertCommand(), newDemoCommand(), newDiscoverCommand(), newDoctorCommand(), newGetFileCommand(), newInspectCommand(), newPingCommand(), newRelayCommand(), newSendFileCommand(), newServeCommand(), newDocsCommand())
	root.SetVersionTemplate("halibut {{.Version}}\n")
	explainUsage(root)
	return root
}

// newGroupCommand makes a command that is nothing but its verbs.
func newGroupCommand(use, short, long string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return usagef("%s needs a verb", cmd.CommandPath()) },
	}
	cmd.AddCommand(verbs...)
	return cmd
}
