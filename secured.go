package halibut

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/halibut-go/halibut/internal/mutualtls"
)

// securedConn is a connection whose peer has proved who it is.
type securedConn interface {
	net.Conn
	ConnectionState() tls.ConnectionState
	CloseWrite() error
}

// handshake makes a connection a secured one. It ends with ctx; after an error
// conn is closed.
type handshake func(ctx context.Context, conn net.Conn, config *tls.Config) (securedConn, error)

func dialHandshake(ctx context.Context, conn net.Conn, config *tls.Config) (securedConn, error) {
	secured, err := mutualtls.DialHandshake(ctx, conn, config)
	if err != nil {
		return nil, err // not a nil *tls.Conn in an interface
	}
	return secured, nil
}

func acceptHandshake(ctx context.Context, conn net.Conn, config *tls.Config) (securedConn, error) {
	secured, err := mutualtls.AcceptHandshake(ctx, conn, config)
	if err != nil {
		return nil, err
	}
	return secured, nil
}
