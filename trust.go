package halibut

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Authorizer decides whether a peer is let in. It is asked once for each
// connection that a Runtime accepts, after the peer has proved its certificate
// and said what it wants, and before anything is called or handed out.
//
// A nil error admits. Any error refuses; its text goes to the log and not to the
// peer. Authorize may be called by many goroutines at once. An Authorizer that
// also has a method Changed() <-chan struct{}, as TrustList has, is asked again
// about every live peer when that channel is closed; who is refused then is
// disconnected.
type Authorizer interface {
	Authorize(ctx context.Context, p Peer) error
}

// AuthorizerFunc makes a function an Authorizer.
type AuthorizerFunc func(ctx context.Context, p Peer) error

// Authorize calls f.
func (f AuthorizerFunc) Authorize(ctx context.Context, p Peer) error { return f(ctx, p) }

// AnySubscription allows polling of every subscription. It is meant for
// TrustList.AllowPolling.
const AnySubscription = "*"

// TrustList is an Authorizer that admits the certificates it was told of, each
// for what it was told. Being trusted to poll is not being trusted to call, nor
// the other way round.
//
// The zero TrustList is ready and trusts nobody. All methods may be called by
// many goroutines at once. A TrustList must not be copied after its first use.
type TrustList struct {
	mu      sync.RWMutex
	grants  map[Pin]grant
	changed chan struct{} // made by the first Changed, closed by the next change
}

// TrustEntry says what a TrustList allows one certificate to do.
type TrustEntry struct {
	Pin   Pin  `json:"pin"`
	Calls bool `json:"calls,omitempty"`
	// Subscriptions may be polled; AnySubscription stands for all of them.
	Subscriptions []string `json:"subscriptions,omitempty"`
}

type grant struct {
	calls         bool
	subscriptions []string // normal forms, sorted; never changed in place
}

func (g grant) empty() bool { return !g.calls && len(g.subscriptions) == 0 }

func (g grant) equal(other grant) bool {
	return g.calls == other.calls && slices.Equal(g.subscriptions, other.subscriptions)
}

func (g grant) polls(subscription string) bool {
	return slices.Contains(g.subscriptions, subscription) || slices.Contains(g.subscriptions, AnySubscription)
}

// merge is what either of two grants allows.
func (g grant) merge(other grant) grant {
	subscriptions := slices.Concat(g.subscriptions, other.subscriptions)
	slices.Sort(subscriptions)
	return grant{calls: g.calls || other.calls, subscriptions: slices.Compact(subscriptions)}
}

// AllowCalls lets certificates call the services of the Runtime, beside what
// they may do already. The zero Pin names nobody and is passed over.
func (t *TrustList) AllowCalls(pins ...Pin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := false
	for _, pin := range pins {
		changed = t.allow(pin, grant{calls: true}) || changed
	}
	t.announce(changed)
}

// AllowPolling lets a certificate poll for the named subscriptions (poll://name),
// or for all of them with AnySubscription, beside what it may do already. With
// no subscription it allows nothing. If one is not a subscription, nothing is
// allowed and the error says which. The zero Pin names nobody and is passed over.
func (t *TrustList) AllowPolling(pin Pin, subscriptions ...string) error {
	g, err := newGrant(TrustEntry{Subscriptions: subscriptions})
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.announce(t.allow(pin, g))
	return nil
}

// Remove takes all trust from certificates. A Runtime drops their connections.
func (t *TrustList) Remove(pins ...Pin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := len(t.grants)
	for _, pin := range pins {
		delete(t.grants, pin)
	}
	t.announce(len(t.grants) != before)
}

// Replace makes entries the whole list, in one step: whoever stands in the old
// and in the new list is trusted throughout. Entries of the same pin add up. If
// one names something that is not a subscription, the list stays as it was.
func (t *TrustList) Replace(entries []TrustEntry) error {
	var next TrustList
	for _, entry := range entries {
		g, err := newGrant(entry)
		if err != nil {
			return fmt.Errorf("trust of %s: %w", entry.Pin, err)
		}
		next.allow(entry.Pin, g)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := !maps.EqualFunc(t.grants, next.grants, grant.equal)
	t.grants = next.grants
	t.announce(changed)
	return nil
}

// All is a copy of the list, sorted by pin.
func (t *TrustList) All() []TrustEntry {
	t.mu.RLock()
	entries := make([]TrustEntry, 0, len(t.grants))
	for pin, g := range t.grants {
		entries = append(entries, TrustEntry{Pin: pin, Calls: g.calls, Subscriptions: slices.Clone(g.subscriptions)})
	}
	t.mu.RUnlock()
	slices.SortFunc(entries, func(a, b TrustEntry) int { return strings.Compare(a.Pin.String(), b.Pin.String()) })
	return entries
}

// Changed is a channel that the next change of the list closes. Get it before
// reading the list, and anew after each change. A call that changes nothing
// closes nothing.
func (t *TrustList) Changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}

// Authorize admits a peer whose certificate is on the list, by SHA-1 or SHA-256,
// for what the peer wants: calls from a RoleClient, polling of its subscription
// from a RolePoller. The error says what was presented and what is missing.
func (t *TrustList) Authorize(_ context.Context, p Peer) error {
	if !p.Presented() {
		return errors.New("the peer presented no certificate")
	}
	t.mu.RLock()
	bySHA1, known1 := t.grants[p.Thumbprint]
	bySHA256, known256 := t.grants[p.SHA256]
	t.mu.RUnlock()
	if !known1 && !known256 {
		return fmt.Errorf("the certificate %s (%s) is not trusted", p.Thumbprint, p.SHA256)
	}
	allowed := bySHA1.merge(bySHA256)
	switch p.Role {
	case RoleClient:
		if !allowed.calls {
			return fmt.Errorf("the certificate %s is trusted to poll %s but not to call", p.Thumbprint, strings.Join(allowed.subscriptions, ", "))
		}
		return nil
	case RolePoller:
		subscription, err := normalSubscription(p.Subscription)
		if err != nil {
			return err
		}
		if !allowed.polls(subscription) {
			return fmt.Errorf("the certificate %s is trusted to %s but not to poll %s", p.Thumbprint, allowed, subscription)
		}
		return nil
	default:
		return fmt.Errorf("the certificate %s is trusted, but a peer of role %s may do nothing", p.Thumbprint, p.Role)
	}
}

// String says what the grant allows, as part of a sentence.
func (g grant) String() string {
	polling := "poll " + strings.Join(g.subscriptions, ", ")
	switch {
	case len(g.subscriptions) == 0:
		return "call"
	case !g.calls:
		return polling
	default:
		return "call and to " + polling
	}
}

// allow adds a grant and reports whether that changed anything. The caller holds
// t.mu.
func (t *TrustList) allow(pin Pin, g grant) bool {
	if pin.IsZero() || g.empty() {
		return false
	}
	old := t.grants[pin]
	merged := old.merge(g)
	if merged.equal(old) {
		return false
	}
	if t.grants == nil {
		t.grants = make(map[Pin]grant)
	}
	t.grants[pin] = merged
	return true
}

// announce tells those who wait for a change. The caller holds t.mu.
func (t *TrustList) announce(changed bool) {
	if changed && t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

func newGrant(entry TrustEntry) (grant, error) {
	g := grant{calls: entry.Calls}
	for _, text := range entry.Subscriptions {
		if text != AnySubscription {
			normal, err := normalSubscription(text)
			if err != nil {
				return grant{}, err
			}
			text = normal
		}
		g.subscriptions = append(g.subscriptions, text)
	}
	return g.merge(grant{}), nil
}
