package halibut

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Endpoint says where a peer is and which certificate it must show:
//
//	https://host:port   a service that listens, or a client that listens for pollers
//	wss://host/path     the same through a websocket
//	poll://name         a service that polls us for the subscription name
//	queue://name        whoever works off the shared queue name
//	rpc://host:port     a service that speaks the protocol of 2013
//
// An Endpoint is a comparable value, fit for == and as a map key: URL, pins and
// proxy make it up, in normal form. The zero Endpoint names nothing.
type Endpoint struct {
	url   string // normal form
	addr  string // host:port to dial; "" for poll and queue
	pins  string // texts of the pins, sorted, joined by a space
	proxy string // URL, with its password; never printed
}

// ParseEndpoint makes an Endpoint of a URL and the pins (see ParsePin) of the
// certificates that the peer may show; several while a certificate is being
// changed. Their order does not matter.
//
// https, wss and rpc need at least one pin. For poll, pins are optional: they
// bind the calls made by this Endpoint to a poller with one of these
// certificates, whoever else may poll the subscription. For queue they must not
// be given, since whoever collects from a shared queue shows no certificate.
//
// The URL is brought to the form that .NET prints: scheme and host in lower
// case, a slash at the end, for wss the path and query kept, for https and rpc
// dropped. A port that is the scheme's own (443 for https and wss) is left out,
// and is meant where none is given: Tentacle's 10933 must be written. rpc has no
// port of its own. User names in the URL are refused.
func ParseEndpoint(rawURL string, pins ...string) (Endpoint, error) {
	u, err := parseURL("endpoint", strings.TrimSpace(rawURL))
	if err != nil {
		return Endpoint{}, err
	}
	parsed, err := parsePins(pins)
	if err != nil {
		return Endpoint{}, fmt.Errorf("endpoint %s: %w", quoteStart(rawURL), err)
	}
	e := Endpoint{pins: joinPins(parsed)}
	switch u.Scheme {
	case schemePoll, schemeQueue:
		if e.url, err = normalName("endpoint", rawURL, u); err != nil {
			return Endpoint{}, err
		}
		if u.Scheme == schemeQueue && len(parsed) > 0 {
			return Endpoint{}, fmt.Errorf("endpoint %s takes no pin: who collects from a shared queue shows no certificate", quoteStart(rawURL))
		}
		return e, nil
	case schemeHTTPS, schemeWSS, schemeRPC:
		if e.url, e.addr, err = normalURL(u); err != nil {
			return Endpoint{}, fmt.Errorf("endpoint %s: %w", quoteStart(rawURL), err)
		}
		if len(parsed) == 0 {
			return Endpoint{}, fmt.Errorf("endpoint %s has no pin: give the thumbprint of the certificate that the peer shows", quoteStart(rawURL))
		}
		return e, nil
	default:
		return Endpoint{}, fmt.Errorf("endpoint %s: unknown scheme %q, expected https, wss, poll, queue or rpc", quoteStart(rawURL), u.Scheme)
	}
}

// normalURL gives the normal form of a URL with a host, and the address to dial.
func normalURL(u *url.URL) (normal, addr string, err error) {
	host, err := normalHost(u.Hostname())
	if err != nil {
		return "", "", err
	}
	port, own := u.Port(), ""
	if u.Scheme != schemeRPC {
		own = "443"
	}
	if port == "" {
		port = own
	}
	if port == "" {
		return "", "", fmt.Errorf("no port: expected %s://host:port", u.Scheme)
	}
	if port, err = normalPort(port); err != nil {
		return "", "", err
	}

	out := url.URL{Scheme: u.Scheme, Host: host, Path: "/"}
	if strings.Contains(host, ":") {
		out.Host = "[" + host + "]"
	}
	if port != own {
		out.Host += ":" + port
	}
	if u.Scheme == schemeWSS {
		out.RawQuery = u.RawQuery
		if u.Path != "" {
			out.Path, out.RawPath = u.Path, u.RawPath
		}
	}
	return out.String(), net.JoinHostPort(host, port), nil
}

func normalHost(host string) (string, error) {
	if host == "" {
		return "", errors.New("the host is empty")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String(), nil
	}
	if strings.Contains(host, ":") {
		return "", fmt.Errorf("%s is not an IPv6 address", quoteStart(host))
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`%"<>\^{}|`+"`", c) >= 0 {
			return "", fmt.Errorf("host %s: write a name in its ASCII form (xn--...)", quoteStart(host))
		}
	}
	return strings.ToLower(host), nil
}

// WithProxy is the endpoint reached through a proxy; nil takes the proxy away.
// Which proxies can be dialled (http, https, socks5) is checked when it is used.
// Endpoints that are not dialled (poll, queue) have no use for it.
func (e Endpoint) WithProxy(u *url.URL) Endpoint {
	e.proxy = ""
	if u != nil {
		e.proxy = u.String()
	}
	return e
}

// Proxy is the URL given to WithProxy, with its password, or nil.
func (e Endpoint) Proxy() *url.URL {
	if e.proxy == "" {
		return nil
	}
	u, err := url.Parse(e.proxy)
	if err != nil {
		// A URL put together by hand need not parse. Nil would mean to dial
		// without the proxy, which is worse than a proxy that cannot be dialled.
		return &url.URL{}
	}
	return u
}

// Scheme is https, wss, poll, queue or rpc.
func (e Endpoint) Scheme() string {
	scheme, _, _ := strings.Cut(e.url, "://")
	return scheme
}

// Addr is host:port to dial, and "" for poll and queue, which are not dialled.
func (e Endpoint) Addr() string { return e.addr }

// ServerName is the host that a TLS dialler asks for, without brackets or zone.
func (e Endpoint) ServerName() string {
	host, _, err := net.SplitHostPort(e.addr)
	if err != nil {
		return ""
	}
	host, _, _ = strings.Cut(host, "%")
	return host
}

// Subscription is poll://name/ of a poll endpoint, otherwise "".
func (e Endpoint) Subscription() string {
	if e.Scheme() != schemePoll {
		return ""
	}
	return e.url
}

// QueueName is the name of a queue endpoint, otherwise "".
func (e Endpoint) QueueName() string {
	name, ok := strings.CutPrefix(e.url, schemeQueue+"://")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(name, "/")
}

// Pins are the certificates that the peer may show, sorted by their text.
func (e Endpoint) Pins() []Pin {
	if e.pins == "" {
		return nil
	}
	pins, err := parsePins(strings.Split(e.pins, " "))
	if err != nil {
		panic("halibut: pins of an endpoint do not parse: " + err.Error())
	}
	return pins
}

// URL is a fresh copy of the endpoint's URL.
func (e Endpoint) URL() *url.URL {
	u, err := url.Parse(e.url)
	if err != nil {
		panic("halibut: URL of an endpoint does not parse: " + err.Error())
	}
	return u
}

// IsZero reports whether e is the zero Endpoint.
func (e Endpoint) IsZero() bool { return e == Endpoint{} }

// String is the URL as .NET prints it, without pins and proxy.
func (e Endpoint) String() string { return e.url }

// GoString names URL, pins and proxy, the proxy's password hidden.
func (e Endpoint) GoString() string {
	text := "halibut.Endpoint{" + e.url
	if e.pins != "" {
		text += " pins " + e.pins
	}
	if proxy := e.Proxy(); proxy != nil {
		text += " proxy " + proxy.Redacted()
	}
	return text + "}"
}

// LogValue makes an Endpoint its URL in a log.
func (e Endpoint) LogValue() slog.Value { return slog.StringValue(e.url) }

// unexpectedCertificateError says that a dialled peer showed none of the
// certificates that its endpoint names.
type unexpectedCertificateError struct {
	Expected []Pin
	Received Pin // of the kind that was expected
	Subject  string
}

func (e *unexpectedCertificateError) Error() string {
	expected := make([]string, len(e.Expected))
	for i, pin := range e.Expected {
		expected[i] = pin.String()
	}
	subject := ""
	if e.Subject != "" {
		subject = " of " + quoteStart(e.Subject)
	}
	return fmt.Sprintf("unexpected certificate: expected %s, received %s%s", strings.Join(expected, " or "), e.Received, subject)
}

// verify returns the check that the peer's certificate is one that the endpoint
// names, in the form that mutualtls takes. It refuses everything if e has no pins.
func (e Endpoint) verify() func(der []byte, state tls.ConnectionState) error {
	pins := e.Pins()
	return func(der []byte, state tls.ConnectionState) error {
		if slices.ContainsFunc(pins, func(pin Pin) bool { return pin.Matches(der) }) {
			return nil
		}
		var certificate *x509.Certificate
		if len(state.PeerCertificates) > 0 {
			certificate = state.PeerCertificates[0]
		}
		return newUnexpectedCertificateError(pins, der, certificate)
	}
}

func newUnexpectedCertificateError(pins []Pin, der []byte, certificate *x509.Certificate) error {
	mismatch := &unexpectedCertificateError{Expected: pins, Received: PinSHA1(der)}
	sha256 := func(pin Pin) bool { return pin.digest == digestSHA256 }
	if len(pins) > 0 && !slices.ContainsFunc(pins, func(pin Pin) bool { return !sha256(pin) }) {
		mismatch.Received = PinSHA256(der)
	}
	if certificate != nil {
		mismatch.Subject = certificate.Subject.String()
	}
	return mismatch
}

func sortPins(pins []Pin) []Pin {
	slices.SortFunc(pins, func(a, b Pin) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(pins)
}

func joinPins(pins []Pin) string {
	texts := make([]string, len(pins))
	for i, pin := range pins {
		texts[i] = pin.String()
	}
	return strings.Join(texts, " ")
}
