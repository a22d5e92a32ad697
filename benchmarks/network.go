package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/halibut-go/halibut"
)

// network is where the peers of one case meet: loopback, with or without a
// delay, and one pair of certificates for everybody.
type network struct {
	client, service tls.Certificate
	delay           time.Duration // each way
}

// newNetwork makes the certificates: RSA with 2048 bits, as Tentacle has them.
func newNetwork() (*network, error) {
	client, err := halibut.GenerateCertificate("client", nil)
	if err != nil {
		return nil, err
	}
	service, err := halibut.GenerateCertificate("service", nil)
	return &network{client: client, service: service}, err
}

func (n *network) slow(delay time.Duration) *network {
	slow := *n
	slow.delay = delay
	return &slow
}

// listen opens a port, and returns the address that reaches it over the link.
func (n *network) listen() (l net.Listener, addr string, stop func(), err error) {
	l, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, err
	}
	if n.delay == 0 {
		return l, l.Addr().String(), func() {}, nil
	}
	link, err := newLink(l.Addr().String(), n.delay)
	if err != nil {
		_ = l.Close()
		return nil, "", nil, err
	}
	return l, link.addr(), link.close, nil
}

// reversed is the network of a service that polls: the client accepts.
func (n *network) reversed() *network {
	reversed := *n
	reversed.client, reversed.service = n.service, n.client
	return &reversed
}

// clientTLS and serviceTLS are what peers use that are not Halibut: TLS 1.3,
// both sides show a certificate, and the other's is compared with the one that
// is expected, as Halibut's pins are. The rest is as Halibut has it too: no
// resumption, and records of full size from the start.
func (n *network) clientTLS() *tls.Config {
	config := common(n.client, n.service)
	config.InsecureSkipVerify = true // VerifyConnection decides
	return config
}

func (n *network) serviceTLS() *tls.Config {
	config := common(n.service, n.client)
	config.ClientAuth = tls.RequireAnyClientCert
	return config
}

func common(own, other tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates:                []tls.Certificate{own},
		MinVersion:                  tls.VersionTLS13,
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 || !bytes.Equal(state.PeerCertificates[0].Raw, other.Certificate[0]) {
				return errors.New("this is not the peer's certificate")
			}
			return nil
		},
	}
}
