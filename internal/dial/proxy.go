package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Proxy is the way to peers through an HTTP CONNECT or a SOCKS5 proxy.
type Proxy struct {
	// URL is http, https, socks5 or socks5h, with a user and password where the
	// proxy wants them.
	URL *url.URL
	// TLS verifies an https proxy; nil trusts the system's roots.
	TLS *tls.Config
	// Dial connects to the proxy itself; nil is a net.Dialer.
	Dial Func
}

// ProxyError says which proxy did not lead to which peer, and why. It never
// holds the proxy's user or password.
type ProxyError struct {
	Proxy  string // scheme://host:port
	Target string // host:port
	Status string // the status line of an HTTP proxy that answered, otherwise ""
	Lasts  bool   // asking again at once would be answered in the same way
	Advice string // what to do about it, "" where there is nothing to say
	Err    error
}

func (e *ProxyError) Error() string {
	return fmt.Sprintf("no connection to %s through the proxy %s: %v", e.Target, e.Proxy, e.Err)
}

func (e *ProxyError) Unwrap() error { return e.Err }

// Connect opens a connection through the proxy to addr, whose name the proxy
// resolves, within limit; zero or less is none but ctx's own. Its errors, other
// than the end of ctx, are *ProxyError.
func (p *Proxy) Connect(ctx context.Context, addr string, limit time.Duration) (net.Conn, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	conn, err := p.connect(ctx, addr)
	if err == nil {
		return conn, nil
	}
	var known *ProxyError
	if !errors.As(err, &known) {
		known = &ProxyError{Err: err}
	}
	if ctx.Err() != nil {
		known.Err = fmt.Errorf("gave up: %w", ctx.Err())
	}
	known.Proxy, known.Target = p.name(), addr
	return nil, known
}

func (p *Proxy) connect(ctx context.Context, addr string) (net.Conn, error) {
	port, ok := map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[p.URL.Scheme]
	switch {
	case !ok:
		return nil, &ProxyError{Lasts: true, Err: fmt.Errorf("a proxy's URL begins with http, https or socks5, not %q", p.URL.Scheme)}
	case p.URL.Hostname() == "":
		return nil, &ProxyError{Lasts: true, Err: errors.New("the proxy's URL names no host")}
	}
	if given := p.URL.Port(); given != "" {
		port = given
	}
	conn, err := TCP(ctx, net.JoinHostPort(p.URL.Hostname(), port), 0, p.Dial)
	if err != nil {
		return nil, fmt.Errorf("the proxy cannot be reached: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	through, err := p.ask(ctx, conn, addr)
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return through, nil
}

// ask has the proxy connect to addr. What it returns reads from where the
// proxy's answer ends.
func (p *Proxy) ask(ctx context.Context, conn net.Conn, addr string) (net.Conn, error) {
	switch p.URL.Scheme {
	case "http":
		return httpConnect(conn, p.URL.User, addr)
	case "https":
		secured := tls.Client(conn, p.tlsConfig())
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("the TLS handshake with the proxy failed: %w", err)
		}
		return httpConnect(secured, p.URL.User, addr)
	default:
		return conn, socksConnect(conn, p.URL.User, addr)
	}
}

func (p *Proxy) tlsConfig() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.TLS != nil {
		config = p.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = p.URL.Hostname()
	}
	config.NextProtos = nil // CONNECT is asked in HTTP/1.1
	return config
}

// name is the proxy without user and password.
func (p *Proxy) name() string {
	return (&url.URL{Scheme: p.URL.Scheme, Host: p.URL.Host}).String()
}
