package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newDocsCommand writes docs/cli.md. It is for who changes the commands.
func newDocsCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "docs FILE",
		Short:  "Write the manual of all verbs",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return os.WriteFile(args[0], manual(cmd.Root()), 0o644)
		},
	}
}

// manual is docs/cli.md.
func manual(root *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The command line\n\n<!-- Made by go generate ./cmd/halibut; do not edit. -->\n\n")
	fmt.Fprintf(&b, "```text\n%s\n```\n", strings.TrimSpace(root.Long))
	visitCommands(root, func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" || strings.HasPrefix(cmd.CommandPath(), root.Name()+" completion") {
			return
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n", cmd.CommandPath(), cmd.Short)
		fmt.Fprintf(&b, "\n```text\n%s\n", cmd.UseLine())
		if cmd.Long != "" {
			fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(cmd.Long))
		}
		if cmd.Example != "" {
			fmt.Fprintf(&b, "\nFor example:\n\n%s\n", cmd.Example)
		}
		if flags := flagUsages(cmd); flags != "" {
			fmt.Fprintf(&b, "\nFlags:\n\n%s", flags)
		}
		fmt.Fprintf(&b, "```\n")
	})
	return b.Bytes()
}

// flagUsages are a verb's own flags. The one for help says nothing new.
func flagUsages(cmd *cobra.Command) string {
	flags := pflag.NewFlagSet(cmd.Name(), pflag.ContinueOnError)
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && !f.Hidden {
			flags.AddFlag(f)
		}
	})
	return flags.FlagUsages()
}
