package halibuttest_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
)

// A service that cannot be reached at first is called all the same: nothing of
// the call was sent, and so it may be tried again.
func ExampleFaultyDialler() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	var services halibut.Services
	services.Handle("ICalculator", "Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })
	var trust halibut.TrustList
	trust.AllowCalls(halibut.PinOf(halibuttest.Certificate("client")))
	service, err := halibut.New(halibuttest.Certificate("service"), &halibut.Options{Services: &services, Authorizer: &trust})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	go service.Serve(context.Background(), l)

	dial := halibuttest.FaultyDialler(nil, func(n int) []halibuttest.Fault {
		if n == 0 {
			return []halibuttest.Fault{{Kind: halibuttest.Reset, Flow: halibuttest.Reads, After: 100}}
		}
		return nil
	})
	client, err := halibut.New(halibuttest.Certificate("client"), &halibut.Options{
		DialContext: dial, Limits: halibut.Limits{ConnectPause: time.Millisecond},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	to, err := halibut.ParseEndpoint("https://"+l.Addr().String(), halibut.PinOf(halibuttest.Certificate("service")).String())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(halibut.Call[int64](context.Background(), client.Client(to), "ICalculator", "Add", 2, 40))
	// Output: 42 <nil>
}
