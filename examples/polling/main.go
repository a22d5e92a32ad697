// Polling: the client has an open port; the service connects to it and asks for work.
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

	// The client: where it listens, and who may poll it for poll://build-7.
	var trust halibut.TrustList
	if err := trust.AllowPolling(halibut.PinOf(serviceCert), "poll://build-7"); err != nil {
		log.Fatal(err)
	}
	client := must(halibut.New(clientCert, &halibut.Options{Authorizer: &trust}))
	defer client.Close()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	go client.Serve(ctx, listener)

	// The service: what it offers, and where the client is. It has no open port.
	var services halibut.Services
	halibut.Register[Greeter](&services, "IGreeter", greeter{})
	service := must(halibut.New(serviceCert, &halibut.Options{Services: &services}))
	defer service.Close()
	go service.Poll(ctx, "poll://build-7", must(halibut.ParseEndpoint(
		"https://"+listener.Addr().String(), halibut.PinOf(clientCert).String())))

	// The call waits until the service collects it; nothing else is different.
	greeter := client.Client(must(halibut.ParseEndpoint("poll://build-7")))
	fmt.Println(must(halibut.Call[string](ctx, greeter, "IGreeter", "Greet", "polling service")))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
