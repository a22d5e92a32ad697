package queue

import "slices"

// Peer is who asks for work: the canonical texts of the pins of its
// certificate, and where it comes from.
type Peer struct {
	Thumbprint string // SHA-1 of the certificate, 40 upper-case hexadecimal digits
	SHA256     string // "SHA256:…"
	Addr       string // for logs and errors
	Connection uint64 // which of the peer's connections, for logs and errors
}

// MayCollect reports whether a request bound to pins may go to this peer. A
// request that is bound to none may go to any.
func (p Peer) MayCollect(pins []string) bool {
	if len(pins) == 0 {
		return true
	}
	return p.Thumbprint != "" && slices.Contains(pins, p.Thumbprint) ||
		p.SHA256 != "" && slices.Contains(pins, p.SHA256)
}
