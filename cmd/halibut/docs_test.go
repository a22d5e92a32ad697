package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestManual holds docs/cli.md against the commands.
func TestManual(t *testing.T) {
	got, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := manual(newRootCommand(new(bool))); !bytes.Equal(got, want) {
		t.Error("docs/cli.md is not what the commands say: run go generate ./cmd/halibut")
	}
}

// TestEveryVerbExplainsItself holds that each verb says in a line and at length
// what it does, shows how, and names no secret in a flag.
func TestEveryVerbExplainsItself(t *testing.T) {
	visitCommands(newRootCommand(new(bool)), func(cmd *cobra.Command) {
		if cmd.Hidden {
			return
		}
		if cmd.Short == "" || cmd.Long == "" || (cmd.Example == "" && !cmd.HasSubCommands()) {
			t.Errorf("%s: a short text, a long text and an example are needed", cmd.CommandPath())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || f.Name == "password" {
				t.Errorf("%s --%s: %q", cmd.CommandPath(), f.Name, f.Usage)
			}
		})
	})
}
