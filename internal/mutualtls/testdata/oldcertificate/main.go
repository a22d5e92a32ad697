// Command oldcertificate calls a service whose certificate, as its own, has a
// critical authority key identifier. It fails unless it is built with the overlay
// of docs/decisions/015-old-certificates.md.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"log"
	"math/big"
	"net"
	"time"

	"github.com/halibut-go/halibut"
)

// old is a certificate of the shape that Halibut's generator of 2013 made.
func old() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	id, err := asn1.Marshal(struct {
		ID []byte `asn1:"tag:0"`
	}{[]byte("twenty bytes of a key")})
	check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2013), Subject: pkix.Name{CommonName: "Octopus Tentacle"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 35}, Critical: true, Value: id}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key} // X509KeyPair would parse it
}

func main() {
	log.SetFlags(0)
	mine, theirs := old(), old()
	trust := new(halibut.TrustList)
	trust.AllowCalls(halibut.PinOf(mine))
	services := new(halibut.Services)
	services.Handle("IEchoService", "SayHello", func(ctx context.Context, name string) (string, error) {
		peer, _ := halibut.PeerFromContext(ctx)
		return fmt.Sprint(name, " ", peer.Is(halibut.PinOf(mine))), nil
	})
	service, err := halibut.New(theirs, &halibut.Options{Services: services, Authorizer: trust})
	check(err)
	defer service.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go service.Serve(context.Background(), l)

	client, err := halibut.New(mine, nil)
	check(err)
	defer client.Close()
	to, err := halibut.ParseEndpoint("https://"+l.Addr().String(), halibut.PinOf(theirs).String())
	check(err)
	answer, err := halibut.Call[string](context.Background(), client.Client(to, halibut.Retries(0)), "IEchoService", "SayHello", "hello")
	check(err)
	fmt.Println(answer)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
