package redisqueue

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Open connects to Redis and returns a Provider that keeps its requests there.
// A nil opts is all defaults.
//
//	redis://user:password@host:6379/0         one server; rediss:// with TLS
//	unix:///run/redis.sock?db=0               the same through a socket
//	redis://host:26379?master_set=mymaster    the primary that Sentinel names
//	redis://host:7000?addr=other:7000         a Cluster, by any of its servers
//
// Of the server it needs keys, channels and scripts under the prefix. It is an
// error when it cannot be reached, is a replica, or has replicas without
// Options.AllowReplicas. Later, when it goes away for a while, requests wait
// for it (see the package documentation).
func Open(ctx context.Context, rawURL string, opts *Options) (*Provider, error) {
	return open(ctx, rawURL, opts, defaultTiming())
}

func open(ctx context.Context, rawURL string, opts *Options, t timing) (*Provider, error) {
	if opts == nil {
		opts = &Options{}
	}
	option, err := rueidis.ParseURL(rawURL)
	if err != nil {
		return nil, fmt.Errorf("redis queue: %w", withoutPassword(err))
	}
	if opts.TLS != nil && option.TLSConfig != nil {
		name := option.TLSConfig.ServerName
		if option.TLSConfig = opts.TLS.Clone(); option.TLSConfig.ServerName == "" {
			option.TLSConfig.ServerName = name
		}
	}
	configure(&option, t)
	client, err := rueidis.NewClient(option)
	if err != nil {
		return nil, fmt.Errorf("redis queue: connecting to %s: %w%s", strings.Join(option.InitAddress, ", "), err, advice(err))
	}
	p := newProvider(client, opts, t)
	p.storage.cluster = client.Mode() == rueidis.ClientModeCluster
	if err := p.prepare(ctx, opts); err != nil {
		p.end()
		p.stop()
		client.Close()
		return nil, fmt.Errorf("redis queue at %s: %w", strings.Join(option.InitAddress, ", "), err)
	}
	p.start()
	return p, nil
}

// configure sets what this package relies on.
func configure(option *rueidis.ClientOption, t timing) {
	option.DisableCache = true // no tracking of keys
	option.DisableRetry = true // which steps can be repeated is known here
	option.PipelineMultiplex = -1
	option.ReadBufferEachConn, option.WriteBufferEachConn = 64<<10, 64<<10
	if option.ConnWriteTimeout == 0 {
		option.ConnWriteTimeout = 2 * t.attempt
	}
	if option.Sentinel.MasterSet != "" {
		option.Sentinel.TopologyRefreshInterval = 5 * time.Second
	}
}

// withoutPassword is err without the URL that it may hold.
func withoutPassword(err error) error {
	if parse, ok := err.(*url.Error); ok {
		return parse.Err
	}
	return err
}

// prepare finds out whether the server can be used.
func (p *Provider) prepare(ctx context.Context, opts *Options) error {
	if err := p.checkRole(ctx, opts.AllowReplicas); err != nil {
		return err
	}
	if err := p.sentinel.write(ctx); err != nil {
		return &Error{Step: "writing the sentinel", Key: p.keys.sentinel(p.sentinel.id), Err: err, Attempts: 1}
	}
	return nil
}
