package dial

import (
	"context"
	"net"
	"time"
)

// KeepAlive finds a peer that is gone while nothing is under way, in about 65
// seconds (docs/protocol.md section 1.1), or 70 where [Unanswered] is in force.
var KeepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 10}

// Func opens a connection, as net.Dialer.DialContext does.
type Func func(ctx context.Context, network, addr string) (net.Conn, error)

// TCP connects to addr within limit, trying each address of its name, and tunes
// the connection. Limit zero or less is none but ctx's own.
func TCP(ctx context.Context, addr string, limit time.Duration, dial Func) (net.Conn, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", addr)
	if err == nil {
		// A connection that is closed already tells when it is used, and one that
		// refuses an option is still a connection.
		_ = Tune(conn)
	}
	return conn, err
}
