package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/mutualtls"
)

func newRelayCommand() *cobra.Command {
	r := &relay{}
	cmd := &cobra.Command{
		Use:   "relay",
		Short: "Stand between two peers that agree to it, and show what they say",
		Long: `Listens at --listen for the peer whose certificate is --from-pin, connects each of
its connections to --to, which must show --pin, and prints what passes, item by item.
--record keeps it in a file that only you may read, for 'halibut inspect'.

It shows its own certificate to both sides, and nobody else's. So it works only where
both trust it: the one that connects needs the relay's address and pin in place of
the other's, and the one that is connected to needs the relay's pin among those that
it trusts. When it ends it says what to take away again.

--redact leaves out all values: the recording then holds what kinds of things were
said, and no bytes.`,
		Example: "  halibut relay -i relay --listen 127.0.0.1:10934 --from-pin 12AB... --to https://build-7:10933 --pin 36E0... --record session.jsonl",
		Args:    cobra.NoArgs,
		RunE:    r.run,
	}
	flags := cmd.Flags()
	r.identity.add(flags)
	flags.StringVar(&r.listen, "listen", "127.0.0.1:10934", "listen at this `address`")
	flags.StringVar(&r.fromPin, "from-pin", "", "the certificate of the peer that connects, as a `pin`")
	flags.StringVar(&r.to, "to", "", "connect to the peer at this https:// `URL`")
	flags.StringVar(&r.pin, "pin", "", "the certificate of the peer at --to, as a `pin`")
	flags.StringVar(&r.record, "record", "", "keep what passes in this new `file`")
	flags.BoolVar(&r.redacted, "redact", false, "leave out all values, and show their kinds")
	flags.BoolVar(&r.whole, "whole", false, "show whole documents, and not arguments and results alone")
	return cmd
}

// relay is one run of the verb.
type relay struct {
	identity        identityFlags
	listen, fromPin string
	to, pin, record string
	redacted, whole bool

	from     halibut.Pin
	endpoint halibut.Endpoint
	cert     tls.Certificate
	recorder *recorder

	mu          sync.Mutex // of what is printed
	out         *terminal
	connections int
}

func (r *relay) run(cmd *cobra.Command, _ []string) (err error) {
	if err := r.understand(cmd); err != nil {
		return err
	}
	listener, err := listen(r.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	if r.recorder, err = newRecorder(r.record); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.recorder.close()) }()
	r.out = newTerminal(cmd.OutOrStdout())
	own := halibut.PinOf(r.cert)
	r.out.printf("relaying    https://%s/ to %s\nthumbprint  %s\n", listener.Addr(), r.endpoint, own)
	err = r.accept(cmd.Context(), listener)
	r.out.printf("The relay is over. Take its certificate away from both sides again:\n")
	r.out.printf("  %s at %s, among those that it trusts\n", own, r.endpoint)
	r.out.printf("  %s in the endpoint that the peer %s connects to\n", own, r.from)
	if err == nil {
		err = r.out.err
	}
	return err
}

func (r *relay) understand(cmd *cobra.Command) (err error) {
	for flag, value := range map[string]string{"--from-pin": r.fromPin, "--to": r.to, "--pin": r.pin} {
		if value == "" {
			return usagef("%s is missing: the relay stands between two peers that are named", flag)
		}
	}
	if r.from, err = halibut.ParsePin(r.fromPin); err != nil {
		return &usageError{err}
	}
	if r.endpoint, err = halibut.ParseEndpoint(r.to, r.pin); err != nil {
		return &usageError{err}
	}
	if r.endpoint.Scheme() != "https" {
		return usagef("--to is %s: expected an https:// URL", r.endpoint)
	}
	r.cert, err = r.identity.load(cmd)
	return err
}

// accept relays connections until ctx ends, or nobody reads what is printed.
func (r *relay) accept(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for r.printable() {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		r.connections++
		number := "" // the first one has none
		if r.connections > 1 {
			number = strconv.Itoa(r.connections)
		}
		running.Go(func() { r.connection(ctx, conn, number) })
	}
	return nil
}

func (r *relay) printable() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.err == nil
}

func (r *relay) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.printf("%s\n", r.out.paint(dim, "# "+harmless(fmt.Sprintf(format, args...))))
}

// connection relays one connection until either side ends it.
func (r *relay) connection(ctx context.Context, accepted net.Conn, number string) {
	defer accepted.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dialler, err := mutualtls.AcceptHandshake(ctx, accepted, mutualtls.Config{Certificate: r.cert, Verify: r.verifyDialler}.Server())
	if err != nil {
		r.note("%s was refused: %v", accepted.RemoteAddr(), err)
		return
	}
	p := &probe{to: r.endpoint, cert: r.cert}
	defer p.close()
	if _, err := p.connect(ctx, r.endpoint.Addr()); err != nil {
		r.note("%s cannot be reached: %v", r.endpoint, diagnoseConnect(err))
		return
	}
	if _, err := p.handshake(ctx); err != nil {
		r.note("%s: %v", r.endpoint, diagnoseHandshake(err))
		return
	}
	r.note("connection %s from %s", cmp.Or(number, "1"), accepted.RemoteAddr())
	dialled := p.conn
	stop := context.AfterFunc(ctx, func() {
		_ = accepted.Close()
		_ = dialled.Close()
	})
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { r.pass(dialler, p.secured, fromDialler+number) })
	running.Go(func() { r.pass(p.secured, dialler, fromAcceptor+number) })
	running.Wait()
}

func (r *relay) verifyDialler(der []byte, _ tls.ConnectionState) error {
	if !r.from.Matches(der) {
		return fmt.Errorf("it shows the certificate %q, expected %s", halibut.PinSHA1(der).String(), r.from)
	}
	return nil
}

// pass hands on what one side says, and shows and records it.
func (r *relay) pass(from, to *tls.Conn, name string) {
	said, saying := io.Pipe()
	var showing sync.WaitGroup
	showing.Go(func() {
		arrow := connectionOf(name) + arrowOf(name)
		newSideReader(said, r.redacted, r.whole, func(i item) { r.show(name, arrow, i) }).read()
		_, _ = io.Copy(io.Discard, said) // after what breaks the protocol
	})
	defer showing.Wait()
	defer saying.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				_ = from.Close()
				return
			}
			if !r.redacted {
				r.recorder.write(record{From: name, Hex: fmt.Sprintf("%x", buffer[:n])})
			}
			_, _ = saying.Write(buffer[:n])
		}
		if err != nil {
			r.recorder.write(record{From: name, Closed: true})
			_ = to.CloseWrite()
			if !errors.Is(err, io.EOF) {
				_ = to.Close() // it was cut off, and the other side is told so
			}
			return
		}
	}
}

func (r *relay) show(name, arrow string, i item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	printItem(r.out, arrow, i)
	if r.redacted {
		r.recorder.write(record{From: name, Text: strings.Join(append([]string{i.title}, i.body...), "\n")})
	}
}
