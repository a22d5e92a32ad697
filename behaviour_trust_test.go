package halibut_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
)

// TestTrustTakenAway ends the connections that rest on it, those with a call
// under way too, and no others; trust given back lets the peer in again.
func TestTrustTakenAway(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				certs := certificates()
				trust, log := new(halibut.TrustList), newLogBook()
				allow := func() {
					trust.AllowCalls(halibut.PinOf(certs[0]))
					if err := trust.AllowPolling(halibut.PinOf(certs[1]), subscription); err != nil {
						t.Fatal(err)
					}
				}
				allow()
				services, running, _ := slowServices()
				guard := halibut.Options{Authorizer: trust, Logger: log.logger()}
				p := setting{network: network, services: services, client: guard, service: guard, limits: halibut.Limits{PickUp: time.Minute}}.pair(t, mode)
				hello(t, p)
				removed, role := halibut.PinOf(certs[0]), "role=client"
				if polls(mode) {
					removed, role = halibut.PinOf(certs[1]), "role=poller"
				}
				failed := make(chan error, 1)
				go func() {
					failed <- p.client.Client(p.to).Call(context.Background(), "IEchoService", "Wait", nil)
				}()
				<-running
				trust.AllowCalls(halibut.PinOf(certs[2])) // of no concern to these two
				synctest.Wait()
				if len(failed) > 0 {
					t.Errorf("another's trust ended the connection: %v", <-failed)
				}
				trust.Remove(removed)
				if err := <-failed; halibut.CodeOf(err) != halibut.CodeTransfer || halibut.SafeToRetry(err) {
					t.Errorf("the call under way: %v", err)
				}
				log.await(t, "WARN peer dropped: it is trusted no longer", removed.String(), role)
				err := p.client.Client(p.to, halibut.Retries(0)).Call(t.Context(), "IEchoService", "SayHello", nil, "x")
				if code := halibut.CodeOf(err); code != halibut.CodeUntrusted && code != halibut.CodeQueueTimeout || !halibut.SafeToRetry(err) {
					t.Errorf("a call after it: %v", err)
				}
				allow()
				time.Sleep(5 * time.Minute) // a polling service comes again
				hello(t, p)
			})
		})
	}
}

// TestAuthorizerMayAddTrust: a function may let an unknown peer in, and put it on
// the list, as the reference's callback can.
func TestAuthorizerMayAddTrust(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			certs := certificates()
			var list halibut.TrustList
			var asked atomic.Int64
			first := halibut.AuthorizerFunc(func(ctx context.Context, peer halibut.Peer) error {
				if list.Authorize(ctx, peer) == nil {
					return nil
				}
				asked.Add(1)
				list.AllowCalls(peer.Thumbprint)
				return list.AllowPolling(peer.Thumbprint, subscription)
			})
			p := setting{
				services: echoServices(), client: halibut.Options{Authorizer: first}, service: halibut.Options{Authorizer: first},
				limits: halibut.Limits{ReconnectMin: time.Millisecond},
			}.pair(t, mode)
			hello(t, p)
			p.client.Disconnect(p.to)
			hello(t, p)
			stranger := halibut.PinOf(certs[0])
			if polls(mode) {
				stranger = halibut.PinOf(certs[1])
			}
			if entries := list.All(); asked.Load() != 1 || len(entries) != 1 || entries[0].Pin != stranger {
				t.Errorf("asked %d times, the list is %v", asked.Load(), entries)
			}
		})
	}
}

// TestInterceptorsSeeEachCallOnce, on both sides, whatever becomes of it.
func TestInterceptorsSeeEachCallOnce(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			var seen [3]atomic.Int64
			observe := func(ctx context.Context, call *halibut.CallInfo, next func(context.Context) error) error {
				seen[call.Side].Add(1)
				if call.Service != "IEchoService" || call.ID == "" {
					t.Errorf("%+v", call)
				}
				return next(ctx)
			}
			with := halibut.Options{Intercept: []halibut.Interceptor{observe}}
			p := setting{services: echoServices(), client: with, service: with}.pair(t, mode)
			hello(t, p)
			_ = p.client.Client(p.to).Call(t.Context(), "IEchoService", "Fail", nil, "x")
			_ = p.client.Client(p.to).Call(t.Context(), "IEchoService", "Missing", nil, "x")
			if client, service := seen[halibut.ClientSide].Load(), seen[halibut.ServiceSide].Load(); client != 3 || service != 2 {
				t.Errorf("the client's side saw %d, the service's %d", client, service)
			}
			nobody := p.client.Client(endpoint(t, "poll://nobody"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if err := nobody.Call(ctx, "IEchoService", "SayHello", nil, "x"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want the deadline", err)
			}
			if client := seen[halibut.ClientSide].Load(); client != 4 {
				t.Errorf("a call that nobody answers was seen %d times", client-3)
			}
		})
	}
}
