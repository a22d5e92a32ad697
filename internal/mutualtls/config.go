// Package mutualtls makes the TLS configurations of both sides of a Halibut
// connection: each shows a certificate, and which certificate the peer shows is
// all that is checked. There are no chains, names or expiry dates, and no
// resumption: a resumed session proves no key and shows the old certificate.
package mutualtls

import (
	"context"
	"crypto/tls"
	"net"
)

// Verify judges the certificate of a peer, given as DER and nil if there is
// none, at the end of each handshake. Its error ends the handshake and comes out
// of it as it is, for errors.As.
type Verify func(der []byte, state tls.ConnectionState) error

// Config says who we are and what a peer must show. It is safe to use from many
// goroutines once it is filled in.
type Config struct {
	// Certificate is our identity. Without one the client side shows none, and
	// the server side cannot work.
	Certificate tls.Certificate
	// GetCertificate and GetClientCertificate, when set, choose the identity for
	// each connection in its place.
	GetCertificate       func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	GetClientCertificate func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	// Verify judges the peer. Nil accepts every certificate, and on the server
	// side a client that shows none.
	Verify Verify
	// MinVersion is the oldest TLS version; 0 is TLS 1.2.
	MinVersion uint16
	// NextProtos are offered or chosen from by ALPN. Halibut uses none.
	NextProtos []string
}

// Client is the configuration of the dialling side. It is meant to be made once
// for an endpoint and used for all its connections. The server name is sent as
// SNI unless it is empty or an IP address.
func (c Config) Client(serverName string) *tls.Config {
	config := c.common()
	config.ServerName = serverName
	config.InsecureSkipVerify = true // VerifyConnection decides
	config.GetClientCertificate = c.GetClientCertificate
	if config.GetClientCertificate == nil {
		// A static tls.Config.Certificates would be withheld when the server's
		// list of acceptable issuers or algorithms does not name it.
		certificate := &c.Certificate
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate, nil
		}
	}
	return config
}

// Server is the configuration of the accepting side, to be made once for a
// listener. It asks for a certificate and lets the handshake pass without one,
// so that a browser can be given a page; whoever goes on must look.
func (c Config) Server() *tls.Config {
	config := c.common()
	config.ClientAuth = tls.RequestClientCert
	config.GetCertificate = c.GetCertificate
	if config.GetCertificate == nil {
		config.Certificates = []tls.Certificate{c.Certificate}
	}
	return config
}

func (c Config) common() *tls.Config {
	config := &tls.Config{
		MinVersion:             c.MinVersion,
		NextProtos:             c.NextProtos,
		SessionTicketsDisabled: true,
		// Records that start small cost a system call each (four for the first
		// 16 KiB), and messages are read whole anyway.
		DynamicRecordSizingDisabled: true,
	}
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS12
	}
	if verify := c.Verify; verify != nil {
		config.VerifyConnection = func(state tls.ConnectionState) error {
			return verify(PeerDER(&state), state)
		}
	}
	return config
}

// PeerDER is the certificate that the peer showed, or nil.
func PeerDER(state *tls.ConnectionState) []byte {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0].Raw
}

// DialHandshake is the TLS handshake of the dialling side over conn. It ends with
// ctx. After an error conn is closed.
func DialHandshake(ctx context.Context, conn net.Conn, config *tls.Config) (*tls.Conn, error) {
	return handshake(ctx, tls.Client(conn, config))
}

// AcceptHandshake is the TLS handshake of the accepting side over conn. It ends
// with ctx. After an error conn is closed.
func AcceptHandshake(ctx context.Context, conn net.Conn, config *tls.Config) (*tls.Conn, error) {
	return handshake(ctx, tls.Server(conn, config))
}

func handshake(ctx context.Context, conn *tls.Conn) (*tls.Conn, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.NetConn().Close() // the handshake's error is the one that counts
		return nil, Explain(err)
	}
	return conn, nil
}
