package main

import (
	"context"
	"net/url"
	"time"

	"github.com/halibut-go/halibut"
)

// withTimeout is context.WithTimeout, where 0 is no limit.
func withTimeout(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// discover asks with a runtime that is made for it: the certificate that it has
// is not shown.
func discover(ctx context.Context, u, proxy *url.URL) (halibut.Discovered, error) {
	cert, err := halibut.GenerateCertificate("halibut discover", &halibut.CertificateOptions{ECDSA: true})
	if err != nil {
		return halibut.Discovered{}, err
	}
	options := &halibut.Options{Proxy: halibut.ProxyFromEnvironment}
	if proxy != nil {
		options.Proxy = func(halibut.Endpoint) (*url.URL, error) { return proxy, nil }
	}
	rt, err := halibut.New(cert, options)
	if err != nil {
		return halibut.Discovered{}, err
	}
	defer rt.Close()
	return rt.Discover(ctx, u)
}
