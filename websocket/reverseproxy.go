package websocket

import (
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/halibut-go/halibut"
)

// ReverseProxy is a server that ends TLS in front of a [Handler] and tells it
// which certificate the client has shown, after the client has proved that it
// holds the key. Who controls the proxy, or its connection to us, can be any
// client: so that connection has to be authenticated itself, and agents pin the
// proxy's certificate, not ours.
//
// nginx: proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
// HAProxy: http-request set-header X-Client-Cert %[ssl_c_der,base64]
type ReverseProxy struct {
	// Header has the whole certificate: DER in base64, as it is or between
	// colons (RFC 9440), or PEM with percent-encoding. The proxy must replace
	// what a client sends under this name.
	Header string
	// Pins are the certificates that the proxy shows us, one or more.
	Pins []halibut.Pin
	// UnixSocket accepts connections on a Unix socket in place of a pin: who may
	// open the socket's file is who is trusted.
	UnixSocket bool
}

// peer is the client for which an authenticated proxy speaks.
func (p *ReverseProxy) peer(r *http.Request) (halibut.Peer, error) {
	via, err := p.authenticate(r)
	if err != nil {
		return halibut.Peer{}, err
	}
	values := r.Header.Values(p.Header)
	if p.Header == "" || len(values) != 1 {
		return halibut.Peer{}, fmt.Errorf("the reverse proxy sent %d headers %q: exactly one has the client's certificate", len(values), p.Header)
	}
	der, err := decodeCertificate(values[0])
	if err != nil {
		return halibut.Peer{}, fmt.Errorf("the reverse proxy's header %q: %w", p.Header, err)
	}
	peer := halibut.PeerOfDER(der, remoteAddr(r))
	peer.Via = via
	return peer, nil
}

func (p *ReverseProxy) authenticate(r *http.Request) (via string, err error) {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && p.UnixSocket && local.Network() == "unix" {
		return "unix:" + local.String(), nil
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		der := r.TLS.PeerCertificates[0].Raw
		if slices.ContainsFunc(p.Pins, func(pin halibut.Pin) bool { return pin.Matches(der) }) {
			return halibut.PinSHA1(der).String(), nil
		}
	}
	return "", errors.New("only the reverse proxy may connect here")
}

// decodeCertificate accepts the whole of one certificate and nothing else. That
// Go can parse all of it is not asked for.
func decodeCertificate(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "-----BEGIN") {
		plain, err := url.PathUnescape(text)
		if err != nil {
			return nil, errors.New("it is not PEM with percent-encoding")
		}
		block, rest := pem.Decode([]byte(plain))
		if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
			return nil, errors.New("it is not the PEM of one certificate")
		}
		return block.Bytes, checkCertificate(block.Bytes)
	}
	if len(text) > 1 && strings.HasPrefix(text, ":") && strings.HasSuffix(text, ":") {
		text = text[1 : len(text)-1]
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("it is neither PEM nor base64 of a whole certificate: a fingerprint is not enough")
	}
	return der, checkCertificate(der)
}

// checkCertificate tells a certificate from other bytes by its outermost parts
// (RFC 5280 section 4.1).
func checkCertificate(der []byte) error {
	var outer struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	rest, err := asn1.Unmarshal(der, &outer)
	if err != nil || len(rest) > 0 || outer.TBS.Tag != asn1.TagSequence || outer.Algorithm.Tag != asn1.TagSequence {
		return errors.New("it is not a whole certificate: a fingerprint is not enough")
	}
	return nil
}
