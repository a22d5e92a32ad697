// Listening: the service has an open port, and the client connects to it.
package main

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/halibut-go/halibut"
)

// Greeter is the contract. Both sides know it as IGreeter.
type Greeter interface {
	Greet(ctx context.Context, name string) (string, error)
}

type greeter struct{}

func (greeter) Greet(_ context.Context, name string) (string, error) {
	return "Hello, " + name + "!", nil
}

func main() {
	ctx := context.Background()
	// Each side has a certificate, and is told the other's thumbprint.
	serviceCert := must(halibut.GenerateCertificate("service", nil))
	clientCert := must(halibut.GenerateCertificate("client", nil))

	// The service: what it offers, who may call it, and where it listens.
	var services halibut.Services
	halibut.Register[Greeter](&services, "IGreeter", greeter{})
	var trust halibut.TrustList
	trust.AllowCalls(halibut.PinOf(clientCert))
	service := must(halibut.New(serviceCert, &halibut.Options{Services: &services, Authorizer: &trust}))
	defer service.Close()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	go service.Serve(ctx, listener)

	// The client: where the service is, and which certificate it must show.
	client := must(halibut.New(clientCert, nil))
	defer client.Close()
	greeter := client.Client(must(halibut.ParseEndpoint(
		"https://"+listener.Addr().String(), halibut.PinOf(serviceCert).String())))
	fmt.Println(must(halibut.Call[string](ctx, greeter, "IGreeter", "Greet", "listening service")))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
