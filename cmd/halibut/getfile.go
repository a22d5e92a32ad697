package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
)

func newGetFileCommand() *cobra.Command {
	g := &getFile{}
	cmd := &cobra.Command{
		Use:   "get-file ENDPOINT REMOTE [FILE]",
		Short: "Fetch a file from 'halibut serve' or from a Tentacle",
		Long: `Fetches the file REMOTE into FILE, or under its own name into this folder. FILE
appears only when it is complete and compared. 'halibut serve' is asked for the SHA-256 and it is
compared; a Tentacle tells none, and then the length alone is compared.

` + endpointHelp,
		Example: "  halibut get-file https://build-7:10933 site.zip -i me --pin 36E0...",
		Args:    cobra.RangeArgs(2, 3),
		RunE:    g.run,
	}
	g.peer.add(cmd.Flags())
	cmd.Flags().BoolVar(&g.replace, "replace", false, "replace FILE if it exists")
	return cmd
}

// getFile is one run of the verb.
type getFile struct {
	peer    peerFlags
	replace bool
}

func (g *getFile) run(cmd *cobra.Command, args []string) error {
	remote := args[1]
	local := path.Base(strings.ReplaceAll(remote, `\`, "/"))
	if len(args) > 2 {
		local = args[2]
	}
	if info, err := os.Stat(local); err == nil && (!g.replace || info.IsDir()) {
		return fmt.Errorf("%s exists: give another name, or --replace for a file", local)
	}
	out := newTerminal(cmd.OutOrStdout())
	bar := &progress{out: out, label: "received", begun: time.Now()}
	g.peer.trace = &halibut.Trace{Connected: bar.connected, Receiving: bar.report}
	ctx, peer, err := g.peer.open(cmd, args[0])
	if err != nil {
		return err
	}
	defer peer.close()
	ctx, cancel := withTimeout(ctx, g.peer.timeout)
	defer cancel()
	return g.fetch(ctx, peer, out, bar, remote, local)
}

func (g *getFile) fetch(ctx context.Context, peer *connection, out *terminal, bar *progress, remote, local string) error {
	// The sum is compared before the file takes its place.
	temporary := local + "." + strings.ToLower(rand.Text()[:8]) + ".part"
	_, err := tentacle.NewClient(peer, once).Download(halibut.WithStreamToFile(ctx, temporary), remote)
	bar.done()
	took := bar.took()
	if errors.Is(err, fs.ErrNotExist) {
		return &statusError{exitRemote, fmt.Errorf("the peer has no file %s", remote)}
	}
	if err != nil {
		return notKept(local, err, peer.explain(ctx, err))
	}
	bytes, same, err := g.compare(ctx, peer, remote, temporary)
	if err == nil {
		err = g.place(temporary, local)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	out.printf("fetched   %s, %s in %s, %s\nkept as   %s\n%s\n", remote, size(bytes), duration(took), rate(bytes, took), local, same)
	return out.err
}

// notKept is explained, or where a call has failed because the file of its result
// cannot be written, an error by the name that the user knows.
func notKept(name string, err, explained error) error {
	var system *fs.PathError
	if halibut.CodeOf(err) == halibut.CodeStream && errors.As(err, &system) && strings.HasSuffix(system.Path, ".part") {
		return fmt.Errorf("%s cannot be written, and nothing of it was kept: %w", name, system.Err)
	}
	return explained
}

// place gives a complete file its name. A file that has come there meanwhile is
// not replaced, unless that was asked for.
func (g *getFile) place(temporary, local string) error {
	if g.replace {
		return os.Rename(temporary, local)
	}
	err := os.Link(temporary, local)
	switch {
	case err == nil:
		return os.Remove(temporary)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s exists by now: give another name, or --replace", local)
	default: // some file systems have no links
		return os.Rename(temporary, local)
	}
}

// compare asks the peer for the file's sum, and tells what was compared.
func (g *getFile) compare(ctx context.Context, peer *connection, remote, local string) (bytes int64, same string, err error) {
	bytes, sum, err := checksum(ctx, local)
	if err != nil {
		return 0, "", err
	}
	same = "SHA-256   " + sum
	want, err := halibut.Call[fileDescription](ctx, peer, dropContract, "Describe", remote)
	var e *halibut.Error
	switch {
	case err == nil && (want.SHA256 != sum || want.Length != bytes):
		return 0, "", fmt.Errorf("what came is not what the peer has: %d bytes with SHA-256 %s, the peer has %d with %s", bytes, sum, want.Length, want.SHA256)
	case err == nil:
		return bytes, same + ", the same on both sides", nil
	case halibut.CodeOf(err) == halibut.CodeServiceNotFound, errors.As(err, &e) && e.Remote:
		return bytes, same + "; the peer tells none to compare it with", nil
	default:
		return 0, "", peer.explain(ctx, err)
	}
}
