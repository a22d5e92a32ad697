package halibut

import (
	"net"
	"time"
)

// clonePause is the time between two reports of one subscription.
const clonePause = time.Minute

// cloneOf finds a live connection of the same subscription and certificate that
// belongs to another program. Programs of this library say which they are; of
// others only the host is known, so that two connections of one host, and the
// IPv4 and IPv6 address of one machine, which differ in kind, are taken for one
// program. The caller holds l.mu.
func (l *liveConnections) cloneOf(c *liveConnection) *liveConnection {
	for _, other := range l.perName[c.peer.Subscription] {
		if other == c || other.peer.SHA256 != c.peer.SHA256 {
			continue
		}
		if c.instance != "" && other.instance != "" {
			if c.instance != other.instance {
				return other
			}
			continue
		}
		if a, b := hostOf(c.peer.Addr), hostOf(other.peer.Addr); a != nil && b != nil && !a.Equal(b) && (a.To4() == nil) == (b.To4() == nil) {
			return other
		}
	}
	return nil
}

func hostOf(addr net.Addr) net.IP {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return nil
	}
	return net.ParseIP(host)
}

// watchClones tells of a polling service that is there twice, at most once a
// minute.
func (a *accepted) watchClones() {
	if a.peer.Role != RolePoller {
		return
	}
	l := &a.rt.live
	now := time.Now()
	l.mu.Lock()
	earlier := l.cloneOf(a.live)
	if earlier != nil && now.Sub(l.clonesTold[a.peer.Subscription]) < clonePause {
		earlier = nil
	}
	if earlier != nil {
		if l.clonesTold == nil {
			l.clonesTold = make(map[string]time.Time)
		}
		l.clonesTold[a.peer.Subscription] = now
	}
	l.mu.Unlock()
	if earlier == nil {
		return
	}
	clone := Clone{Subscription: a.peer.Subscription, Peer: a.peer, Addr: a.peer.Addr.String(), Earlier: earlier.peer.Addr.String()}
	a.log.Warn("two programs poll one subscription with one certificate: one of them may be a clone of the other",
		"subscription", clone.Subscription, "thumbprint", a.peer.Thumbprint, "earlier", clone.Earlier)
	a.rt.options.Trace.cloned(clone)
}
