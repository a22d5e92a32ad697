package halibut

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/halibut-go/halibut/internal/dial"
)

// ProxyFromEnvironment is a value for [Options].Proxy: it names the proxy in the
// environment variable HTTPS_PROXY or https_proxy for every endpoint that is
// dialled, whatever its scheme, except those that NO_PROXY names and those on
// this machine. The environment is read once in the life of the process.
func ProxyFromEnvironment(to Endpoint) (*url.URL, error) {
	// net/http takes one that it cannot parse for none.
	if text := cmp.Or(os.Getenv("HTTPS_PROXY"), os.Getenv("https_proxy")); text != "" {
		if !strings.Contains(text, "://") {
			text = "http://" + text
		}
		if u, err := url.Parse(text); err != nil || u.Hostname() == "" {
			return nil, errors.New("the environment variable HTTPS_PROXY does not hold the URL of a proxy") // err holds its password
		}
	}
	target := &url.URL{Scheme: "https", Host: to.Addr()}
	return http.ProxyFromEnvironment(&http.Request{URL: target})
}

// dialTCP opens the connection under TLS to an endpoint, through its own proxy
// or the one that Options.Proxy names.
func (rt *Runtime) dialTCP(ctx context.Context, to Endpoint) (net.Conn, error) {
	proxy := to.Proxy()
	if proxy == nil && rt.options.Proxy != nil {
		var err error
		if proxy, err = rt.options.Proxy(to); err != nil {
			return nil, &dial.ProxyError{Proxy: "of Options.Proxy", Target: to.Addr(), Lasts: true, Err: err}
		}
	}
	if proxy == nil {
		return dial.TCP(ctx, to.Addr(), rt.limits.Connect, rt.options.DialContext)
	}
	through := dial.Proxy{URL: proxy, TLS: rt.options.ProxyTLS, Dial: rt.options.DialContext}
	return through.Connect(ctx, to.Addr(), rt.limits.Connect)
}
