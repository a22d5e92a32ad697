package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

func newDoctorCommand() *cobra.Command {
	d := &doctor{}
	cmd := &cobra.Command{
		Use:   "doctor [ENDPOINT]",
		Short: "Find out why a connection fails",
		Long: `Takes a connection to https://host:port, wss://host:port/path or rpc://host:port
apart into its steps (name, addresses, TCP, proxy, TLS, certificate, websocket,
identification, a call) and says of each whether it went well, or why not and what to do.

With --subscription it connects as a service that polls does. A request that waits
for that subscription at this moment may be handed to the doctor, and fails.

With poll://name it listens at --listen and waits for the service that polls, and
says why each that comes is refused. Without an ENDPOINT it waits for any, and tells
which certificate and subscription come: nobody is let in.

--json prints each step and the verdict, one of ok, name-not-found, refused,
filtered, unreachable, proxy, proxy-authentication, not-tls, tls-version, tls-failed,
certificate-unreadable, intercepted, wrong-certificate, not-websocket, not-trusted,
subscription-refused, connection-limit, not-halibut, never-polls and call-failed.`,
		Example: "  halibut doctor https://build-7:10933 -i me --pin 36E0...\n  halibut doctor poll://build-7 -i me --pin 36E0... --listen :10943",
		Args:    cobra.MaximumNArgs(1),
		RunE:    d.run,
	}
	flags := cmd.Flags()
	d.peer.add(flags)
	flags.StringVar(&d.subscription, "subscription", "", "connect as the service that polls for this `poll://name`")
	flags.BoolVar(&d.asJSON, "json", false, "print JSON, at the end")
	return cmd
}

// doctor is one run of the verb.
type doctor struct {
	peer         peerFlags
	subscription string
	asJSON       bool

	out   *terminal
	steps []doctorStep
}

// doctorStep is one step as a program is told of it.
type doctorStep struct {
	Step    string       `json:"step"`
	OK      bool         `json:"ok"`
	Detail  string       `json:"detail,omitempty"`
	Verdict verdict      `json:"verdict,omitempty"`
	Advice  string       `json:"advice,omitempty"`
	TookMS  milliseconds `json:"tookMs"`
}

func (d *doctor) run(cmd *cobra.Command, args []string) error {
	d.out = newTerminal(cmd.OutOrStdout())
	if len(args) == 0 || strings.HasPrefix(args[0], "poll:") {
		if d.subscription != "" {
			return usagef("--subscription is for an https:// or wss:// endpoint, as a service that polls has it")
		}
		return d.waitForAgent(cmd, args)
	}
	to, err := d.peer.endpoint(args[0])
	if err != nil {
		return err
	}
	self := callingIdentity
	if d.subscription != "" {
		named, err := halibut.ParseEndpoint(d.subscription)
		if err != nil || named.Subscription() == "" {
			return usagef("--subscription is %q: expected poll://name", d.subscription)
		}
		self = wire.Identity{Role: wire.RoleSubscriber, Subscription: named.Subscription()}
	}
	if to.Scheme() == "rpc" && d.subscription != "" {
		return usagef("--subscription is for an https:// or wss:// endpoint: nobody polls in the protocol of 2013")
	}
	cert, err := d.peer.identity.load(cmd)
	if err != nil {
		return err
	}
	p, err := d.peer.newProbe(to, cert)
	if err != nil {
		return err
	}
	defer p.close()
	found := d.examine(cmd.Context(), p, cert, self)
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	return d.conclude(to.String(), found)
}

// examine takes all steps until one fails.
func (d *doctor) examine(ctx context.Context, p *probe, cert tls.Certificate, self wire.Identity) *finding {
	d.own(cert)
	found := d.reach(ctx, p)
	if found == nil {
		found = d.handshake(ctx, p)
	}
	if found == nil && p.upgrades() {
		found = d.upgrade(ctx, p, cert)
	}
	if found == nil && p.to.Scheme() != "rpc" { // in 2013 nobody said who they are
		found = d.identify(ctx, p, cert, self)
	}
	if found == nil && self.Role == wire.RoleClient {
		found = d.call(ctx, p, cert)
	}
	return found
}

// own tells who we are: the peer must trust it.
func (d *doctor) own(cert tls.Certificate) {
	detail := "we are " + halibut.PinOf(cert).String()
	if cert.Leaf != nil {
		detail += fmt.Sprintf(" (%s, %s)", cert.Leaf.Subject, describeKey(cert.Leaf))
		for _, warning := range certificateWarnings(cert.Leaf, nil, time.Now()) {
			detail += "; " + warning
		}
	}
	d.ok("identity", detail, 0)
}

// reach opens the connection, through the proxy if there is one: then it is the
// proxy that resolves the name.
func (d *doctor) reach(ctx context.Context, p *probe) *finding {
	if p.proxy != nil {
		took, err := p.connect(ctx, p.to.Addr())
		if err != nil {
			return d.failed("proxy", diagnoseConnect(err), took)
		}
		d.ok("proxy", p.proxy.Scheme+"://"+p.proxy.Host+" leads to "+p.to.Addr(), took)
		return nil
	}
	addresses, found := d.resolve(ctx, p)
	if found != nil {
		return found
	}
	return d.connect(ctx, p, addresses)
}

func (d *doctor) resolve(ctx context.Context, p *probe) ([]string, *finding) {
	host, port, err := net.SplitHostPort(p.to.Addr())
	if err != nil {
		return nil, d.failed("name", diagnoseName(err), 0)
	}
	if net.ParseIP(host) != nil {
		return []string{p.to.Addr()}, nil
	}
	var found []string
	took, err := p.timed(ctx, func(ctx context.Context) (err error) {
		found, err = net.DefaultResolver.LookupHost(ctx, host)
		return err
	})
	if err != nil {
		return nil, d.failed("name", diagnoseName(err), took)
	}
	d.ok("name", fmt.Sprintf("%s is %s", host, strings.Join(found, ", ")), took)
	addresses := make([]string, len(found))
	for i, ip := range found {
		addresses[i] = net.JoinHostPort(ip, port)
	}
	return addresses, nil
}

// connect tries each address, and goes on with the first that answers.
func (d *doctor) connect(ctx context.Context, p *probe, addresses []string) *finding {
	var first *finding
	answering := ""
	for _, addr := range addresses {
		took, err := p.connect(ctx, addr)
		switch {
		case err == nil:
			d.ok("connect", addr, took)
			if len(addresses) == 1 {
				return nil // the peer need not see two connections
			}
			if answering == "" {
				answering = addr
			}
			p.close()
		case ctx.Err() != nil:
			return diagnoseConnect(ctx.Err())
		default:
			found := diagnoseConnect(err)
			found.reason = addr + ": " + found.reason
			d.failed("connect", found, took)
			if first == nil {
				first = found
			}
		}
	}
	if answering == "" {
		return first
	}
	if _, err := p.connect(ctx, answering); err != nil {
		return d.failed("connect", diagnoseConnect(err), 0)
	}
	return nil
}

func (d *doctor) handshake(ctx context.Context, p *probe) *finding {
	took, err := p.handshake(ctx)
	if err != nil {
		return d.failed("TLS", diagnoseHandshake(err), took)
	}
	d.ok("TLS", tlsName(p), took)
	d.ok("certificate", fmt.Sprintf("%s, as expected", halibut.PinSHA1(p.peerDER)), 0)
	return nil
}

func (d *doctor) upgrade(ctx context.Context, p *probe, cert tls.Certificate) *finding {
	took, err := p.upgrade(ctx)
	if err != nil {
		return d.failed("websocket", diagnoseUpgrade(err, halibut.PinOf(cert)), took)
	}
	d.ok("websocket", fmt.Sprintf(`the server answers "101 Switching Protocols" for %s`, p.to.URL().Path), took)
	return nil
}

func (d *doctor) identify(ctx context.Context, p *probe, cert tls.Certificate, self wire.Identity) *finding {
	took, err := p.identify(ctx, self)
	if err != nil {
		found := diagnoseIdentify(err, halibut.PinOf(cert))
		if self.Role == wire.RoleSubscriber && found.verdict == verdictNotTrusted {
			d.whySubscriber(ctx, p, self, found)
		}
		return d.failed("identification", found, took)
	}
	detail := "the peer is a Halibut peer that trusts us to call"
	if self.Role == wire.RoleSubscriber {
		detail = "the peer lets us poll for " + self.Subscription
	}
	if p.peer.Has("go/1") {
		detail += ", written in Go"
	}
	d.ok("identification", detail, took)
	return nil
}

// whySubscriber finds out whether the peer refuses us, the subscription or one
// connection more. It is told nothing in any of the three cases, so it tries what
// else is let in.
func (d *doctor) whySubscriber(ctx context.Context, p *probe, self wire.Identity, found *finding) {
	another := wire.Identity{Role: wire.RoleSubscriber, Subscription: "poll://halibut-doctor-" + strings.ToLower(rand.Text()) + "/"}
	switch {
	case d.letsIn(ctx, p, another):
		found.verdict = verdictConnectionLimit
		found.reason = "the peer closed the connection, and lets us poll under another name"
		found.advice = self.Subscription + " has as many connections as the peer allows: is another agent polling for it?"
	case d.letsIn(ctx, p, callingIdentity):
		found.verdict = verdictSubscriptionRefused
		found.reason = "the peer closed the connection, and lets us call"
		found.advice = "Our certificate may not poll for " + self.Subscription + ": have that allowed, or correct the name"
	default:
		found.advice += ", and allowed to poll for " + self.Subscription
	}
}

func (d *doctor) letsIn(ctx context.Context, p *probe, self wire.Identity) bool {
	addr := p.conn.RemoteAddr().String()
	if p.proxy != nil {
		addr = p.to.Addr()
	}
	p.close()
	_, err := p.open(ctx, addr, self)
	return err == nil
}

func (d *doctor) call(ctx context.Context, p *probe, cert tls.Certificate) *finding {
	took, err := p.call(ctx)
	switch {
	case err == nil:
	case p.to.Scheme() == "rpc":
		return d.failed("call", diagnoseRPC(err, halibut.PinOf(cert)), took)
	default:
		return d.failed("call", diagnoseCall(err), took)
	}
	d.ok("call", "answered that the service is not there, as it should", took)
	return nil
}

func (d *doctor) ok(step, detail string, took time.Duration) {
	d.tell(doctorStep{Step: step, OK: true, Detail: detail, TookMS: milliseconds(took)})
}

func (d *doctor) failed(step string, found *finding, took time.Duration) *finding {
	d.tell(doctorStep{Step: step, Detail: found.reason, Verdict: found.verdict, Advice: found.advice, TookMS: milliseconds(took)})
	return found
}

func (d *doctor) tell(s doctorStep) {
	d.steps = append(d.steps, s)
	if d.asJSON {
		return
	}
	mark := d.out.paint(green, "ok  ")
	if !s.OK {
		mark = d.out.paint(red, "FAIL")
	}
	const indent = "                     "
	lines := wrap(harmless(s.Detail), 76)
	suffix := ""
	if took := time.Duration(s.TookMS); took > 0 {
		suffix = d.out.paint(dim, "  "+duration(took))
	}
	d.out.printf("%s %-15s %s", mark, s.Step, lines[0])
	for _, line := range lines[1:] {
		d.out.printf("\n%s%s", indent, line)
	}
	if utf8.RuneCountInString(lines[len(lines)-1]) > 76 {
		suffix = ""
	}
	d.out.printf("%s\n", suffix)
	if s.Advice != "" {
		text, command, _ := strings.Cut(harmless(s.Advice), "\n")
		if command == "" {
			text += "."
		}
		for _, line := range append(wrap(text, 76), command) {
			if line != "" {
				d.out.printf("%s%s\n", indent, d.out.paint(yellow, line))
			}
		}
	}
}

// conclude says what it came to.
func (d *doctor) conclude(endpoint string, found *finding) error {
	if d.asJSON {
		report := struct {
			Endpoint string       `json:"endpoint,omitempty"`
			Verdict  verdict      `json:"verdict"`
			Steps    []doctorStep `json:"steps"`
		}{endpoint, verdictOK, d.steps}
		if found != nil {
			report.Verdict = found.verdict
		}
		if err := printJSON(d.out, report); err != nil {
			return err
		}
	} else if found == nil {
		d.out.printf("%s\n", d.out.paint(bold, d.out.paint(green, endpoint+" can be used.")))
	}
	switch {
	case d.out.err != nil:
		return d.out.err
	case found != nil:
		return &statusError{found.status(), fmt.Errorf("%s: %s", cmp.Or(endpoint, "waiting for an agent"), found.verdict)}
	default:
		return nil
	}
}
