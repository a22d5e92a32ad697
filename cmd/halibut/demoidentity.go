package main

import (
	"crypto/tls"

	"github.com/halibut-go/halibut"
)

// identity is a certificate, and the pin by which the other side knows it.
type identity struct {
	name string
	cert tls.Certificate
	pin  halibut.Pin
}

func newIdentity(name string) (identity, error) {
	cert, err := halibut.GenerateCertificate("halibut demo "+name, nil)
	return identity{name: name, cert: cert, pin: halibut.PinOf(cert)}, err
}
