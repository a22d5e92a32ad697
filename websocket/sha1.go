package websocket

import "crypto/fips140"

// withSHA1 runs the opening handshake of a websocket, in which SHA-1 shows that
// a server knows what a websocket is and protects nothing (RFC 6455 section
// 1.3), also where GODEBUG=fips140=only forbids SHA-1. TLS stands by then.
func withSHA1(handshake func()) {
	if fips140.Enforced() {
		fips140.WithoutEnforcement(handshake)
		return
	}
	handshake()
}
