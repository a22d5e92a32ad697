package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut"
)

// agentWait is how long the doctor waits for a service that polls, unless it is
// told: an agent that has lost its client tries again after 2 minutes at most.
const agentWait = 150 * time.Second

// waitForAgent listens, and tells of each agent that comes why it is refused.
func (d *doctor) waitForAgent(cmd *cobra.Command, args []string) error {
	var trust halibut.TrustList
	to, endpoint := halibut.Endpoint{}, ""
	if len(args) > 0 {
		var err error
		if to, err = d.peer.endpoint(args[0]); err != nil {
			return err
		}
		endpoint = to.String()
		for _, pin := range to.Pins() {
			if err := trust.AllowPolling(pin, to.Subscription()); err != nil {
				return err
			}
		}
	}
	cert, err := d.peer.identity.load(cmd)
	if err != nil {
		return err
	}
	d.own(cert)
	wait := d.peer.timeout
	if wait <= 0 {
		wait = agentWait
	}
	protocols, err := d.peer.protocols()
	if err != nil {
		return err
	}
	rt, err := halibut.New(cert, &halibut.Options{Authorizer: &trust, Protocols: protocols, Limits: halibut.Limits{PickUp: wait}})
	if err != nil {
		return err
	}
	listener, err := listen(d.peer.listen)
	if err != nil {
		return err
	}
	d.ok("listening", strings.Join(d.peer.urls(listener.Addr().String()), " and "), 0)
	var running sync.WaitGroup
	defer running.Wait()
	defer rt.Close()
	running.Go(func() { _ = rt.Serve(context.Background(), listener) })
	found := d.watchAgents(cmd.Context(), wait, rt, to, halibut.PinOf(cert))
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	return d.conclude(endpoint, found)
}

// watchAgents waits until the agent has answered a call, or for as long as it
// was told.
func (d *doctor) watchAgents(ctx context.Context, wait time.Duration, rt *halibut.Runtime, to halibut.Endpoint, own halibut.Pin) *finding {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	answered := make(chan error, 1)
	begun := time.Now()
	if !to.IsZero() {
		go func() { answered <- rt.Client(to).Call(ctx, pingService, pingMethod, nil) }()
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	var last *finding
	told := map[string]bool{} // an agent comes again and again, for the same reason
	for {
		for _, refused := range rt.Rejections() {
			host, _, _ := net.SplitHostPort(refused.Addr)
			key := fmt.Sprint(host, refused.Thumbprint, refused.Subscription, refused.Role)
			if !told[key] {
				told[key] = true
				last = d.failed("agent", diagnoseAgent(refused, to, own), time.Since(begun))
			}
		}
		select {
		case err := <-answered:
			if ctx.Err() == nil {
				return d.agentAnswered(rt, err, time.Since(begun))
			}
			answered <- err // the context below says the same
		case <-look.C:
			continue
		case <-ctx.Done():
		}
		<-ctx.Done()
		if last != nil {
			return last
		}
		return d.failed("agent", &finding{verdict: verdictNeverPolls, reason: fmt.Sprintf("no agent has come in %s", duration(wait)),
			advice: "Is the agent running, and does it poll this address and port? A firewall between must let it connect to here"}, time.Since(begun))
	}
}

// agentAnswered tells of the agent that took the call.
func (d *doctor) agentAnswered(rt *halibut.Runtime, err error, took time.Duration) *finding {
	for _, s := range rt.Subscribers() {
		d.ok("agent", fmt.Sprintf("%s polls for %s from %s, with %s", s.Peer.Thumbprint, s.Subscription, s.Peer.Addr, s.Peer.TLS), took)
	}
	var e *halibut.Error
	if err != nil && (!errors.As(err, &e) || !e.Remote) {
		return d.failed("call", diagnoseCall(err), took)
	}
	d.ok("call", "answered that the service is not there, as it should", took)
	return nil
}

// diagnoseAgent explains why an agent was refused.
func diagnoseAgent(refused halibut.Rejection, to halibut.Endpoint, own halibut.Pin) *finding {
	who := refused.Addr
	if refused.Subscription != "" {
		who += " polls for " + refused.Subscription
	}
	f := &finding{verdict: verdictNotTrusted, reason: fmt.Sprintf("%s: %v", who, refused.Reason), err: refused.Reason}
	var notTLS tls.RecordHeaderError
	switch {
	case errors.As(refused.Reason, &notTLS):
		f.verdict, f.advice = verdictNotTLS, "What connects does not speak TLS, so it is no agent"
	case refused.Thumbprint.IsZero() && refused.Role == halibut.RoleUnknown && containsAny(refused.Reason.Error(), "bad certificate|unknown certificate|certificate unknown|certificate required|access denied"):
		f.verdict, f.advice = verdictWrongCertificate, "The agent does not accept our certificate: have it poll with the thumbprint "+own.String()
	case containsAny(refused.Reason.Error(), "protocol version|unsupported versions"):
		f.verdict, f.advice = verdictTLSVersion, "The agent's system speaks no TLS 1.2 or 1.3"
	case refused.Role == halibut.RoleUnknown:
		f.verdict, f.advice = verdictTLSFailed, "The agent may not accept our certificate "+own.String()+", or something between has broken the connection"
	case refused.Role == halibut.RoleClient:
		f.verdict, f.advice = verdictSubscriptionRefused, "It connects to call, and not to poll: it is no agent"
	case to.IsZero():
		f.advice = fmt.Sprintf("To let it in:\nhalibut doctor %s --pin %s", refused.Subscription, refused.Thumbprint)
	case refused.Subscription != to.Subscription():
		f.verdict, f.advice = verdictSubscriptionRefused, fmt.Sprintf("We wait for %s: correct the name at one of the two sides", to.Subscription())
	case containsAny(refused.Reason.Error(), "SubscriptionConnections"):
		f.verdict, f.advice = verdictConnectionLimit, "Are several agents polling under one name?"
	default:
		f.advice = fmt.Sprintf("If that is the agent, its pin is %s", refused.Thumbprint)
	}
	return f
}
