package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
)

func newSendFileCommand() *cobra.Command {
	var peer peerFlags
	cmd := &cobra.Command{
		Use:   "send-file ENDPOINT FILE [REMOTE]",
		Short: "Send a file to 'halibut serve' or to a Tentacle",
		Long: `Sends FILE, to be stored under the name REMOTE or its own, and compares the SHA-1
of what was sent with that of what was stored. The peer is 'halibut serve --folder',
which replaces no file, or an Octopus Tentacle, which does.

` + endpointHelp + `

A transfer that breaks off leaves nothing behind at 'halibut serve'; it is not taken
up again where it ended.`,
		Example: "  halibut send-file https://build-7:10933 site.zip -i me --pin 36E0...\n  halibut send-file poll://agent site.zip 'C:\\Work\\site.zip' -i me --pin 36E0...",
		Args:    cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			remote := filepath.Base(args[1])
			if len(args) > 2 {
				remote = args[2]
			}
			return sendFile(cmd, &peer, args[0], args[1], remote)
		},
	}
	peer.add(cmd.Flags())
	return cmd
}

// once makes no call again: --retry is for what connecting takes, and whether a
// whole file is to be sent twice is the user's to say.
var once = &tentacle.Options{Repeat: halibut.Repeat{Tries: 1, Window: -1}}

func sendFile(cmd *cobra.Command, f *peerFlags, endpoint, local, remote string) error {
	info, err := os.Stat(local)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", local)
	}
	out := newTerminal(cmd.OutOrStdout())
	bar := &progress{out: out, label: "sent", begun: time.Now()}
	f.trace = &halibut.Trace{Connected: bar.connected}
	ctx, peer, err := f.open(cmd, endpoint)
	if err != nil {
		return err
	}
	defer peer.close()
	ctx, cancel := withTimeout(ctx, f.timeout)
	defer cancel()
	stored, err := tentacle.NewClient(peer, once).UploadFile(ctx, local, remote, bar.report)
	bar.done()
	if err != nil {
		return peer.explain(ctx, err)
	}
	took := bar.took()
	out.printf("sent      %s, %s in %s, %s\n", local, size(stored.Length), duration(took), rate(stored.Length, took))
	out.printf("stored as %s\n", harmless(stored.FullPath))
	if stored.Hash != "" {
		out.printf("SHA-1     %s, the same on both sides\n", harmless(stored.Hash))
	}
	return out.err
}
