package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/halibut-go/halibut"
)

func newDiscoverCommand() *cobra.Command {
	var (
		asJSON    bool
		acceptNew string
		timeout   time.Duration
		proxy     string
	)
	cmd := &cobra.Command{
		Use:   "discover HOST:PORT",
		Short: "Find out which certificate is shown at an address",
		Long: `Connects to HOST:PORT, or to an https://, wss:// or rpc:// URL, without a certificate
of its own, and prints the pins of the certificate that is shown there.

That alone is trust on first use: whoever sits between can show another one.
Compare the pin with what its owner tells you. Nothing is pinned by asking;
--accept-new FILE appends the pin to FILE, in the form that 'halibut serve
--trust-file' reads, after you have said yes at a terminal.`,
		Example: "  halibut discover build-7:10933",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := addressURL(args[0])
			if err != nil {
				return err
			}
			if acceptNew != "" && !isTerminal(cmd) {
				return usagef("--accept-new asks before it pins anything, and there is no terminal to ask at")
			}
			through, err := parseProxy(proxy)
			if err != nil {
				return err
			}
			ctx, cancel := withTimeout(cmd.Context(), timeout)
			defer cancel()
			found, err := discover(ctx, u, through)
			if err != nil {
				return err
			}
			out := newTerminal(cmd.OutOrStdout())
			if asJSON {
				return printJSON(out, discoveredJSON(found))
			}
			printDiscovered(out, args[0], found)
			if out.err != nil || acceptNew == "" {
				return out.err
			}
			return pinAfterAsking(cmd, acceptNew, found)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&acceptNew, "accept-new", "", "ask whether to append the pin to `file`")
	cmd.Flags().StringVar(&proxy, "proxy", "", proxyUsage)
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "give up after this `time`")
	return cmd
}

// addressURL takes host:port and https URLs.
func addressURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, usagef("this is no address: expected HOST:PORT or https://HOST:PORT")
	}
	if u.Scheme == "wss" || u.Scheme == "rpc" { // the certificate is that of the port
		u = &url.URL{Scheme: "https", Host: u.Host}
	}
	return u, nil
}

func isTerminal(cmd *cobra.Command) bool {
	in, ok := cmd.InOrStdin().(*os.File)
	return ok && term.IsTerminal(int(in.Fd()))
}

func printDiscovered(out *terminal, asked string, found halibut.Discovered) {
	if scheme, _, ok := strings.Cut(asked, "://"); !ok || scheme == "https" {
		asked = found.URL.String()
	}
	out.printf("address     %s (%s)\n", found.URL, found.Addr)
	out.printf("connected   in %s, handshake in %s\n", duration(found.Connecting), duration(found.Handshake))
	out.printf("TLS         %s\n", found.TLS)
	showCertificate(out, found.Raw)
	out.printf("\nTo call what listens there:\n  halibut ping %s --pin %s\n", asked, found.Thumbprint)
	out.printf("%s whoever answered has shown this certificate. Compare the thumbprint with its\nowner's before you pin it: nothing has been pinned.\n",
		out.paint(yellow, "This is trust on first use:"))
}

// discoveredJSON is what a program is told.
func discoveredJSON(found halibut.Discovered) any {
	return struct {
		URL         string       `json:"url"`
		Addr        string       `json:"addr"`
		Thumbprint  halibut.Pin  `json:"thumbprint"`
		SHA256      halibut.Pin  `json:"sha256"`
		Subject     string       `json:"subject"`
		NotBefore   time.Time    `json:"notBefore"`
		NotAfter    time.Time    `json:"notAfter"`
		TLS         string       `json:"tls"`
		ConnectMS   milliseconds `json:"connectMs"`
		HandshakeMS milliseconds `json:"handshakeMs"`
		Warnings    []string     `json:"warnings"`
	}{
		found.URL.String(), found.Addr, found.Thumbprint, found.SHA256,
		found.Certificate.Subject.String(), found.Certificate.NotBefore, found.Certificate.NotAfter, found.TLS.String(),
		milliseconds(found.Connecting), milliseconds(found.Handshake),
		append([]string{}, certificateWarnings(found.Certificate, nil, time.Now())...),
	}
}

// printJSON writes one JSON value, indented.
func printJSON(out *terminal, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	out.printf("%s\n", text)
	return out.err
}

// pinAfterAsking appends a pin to a trust file if the user says yes.
func pinAfterAsking(cmd *cobra.Command, file string, found halibut.Discovered) error {
	if content, err := os.ReadFile(file); err == nil && bytes.Contains(bytes.ToUpper(content), []byte(found.Thumbprint.String())) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s has this pin already.\n", file)
		return nil
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Append %s to %s? Type yes: ", found.Thumbprint, file)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "yes" {
		return fmt.Errorf("nothing was pinned")
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "\n[[trust]]\nname = %q\npin = %q\n", found.URL.String(), found.Thumbprint)
	if err = errors.Join(err, f.Close()); err == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "Pinned: %s has it.\n", file)
	}
	return err
}
