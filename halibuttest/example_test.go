package halibuttest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
)

// In a test, NewPair also closes the pair and reports its errors.
func ExampleConnect() {
	var services halibut.Services
	services.Handle("ICalculator", "Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })

	for _, direction := range halibuttest.Directions() {
		pair, err := halibuttest.Connect(direction, &services, nil)
		if err != nil {
			log.Fatal(err)
		}
		sum, err := halibut.Call[int64](context.Background(), pair.Client, "ICalculator", "Add", 2, 40)
		fmt.Println(direction, sum, err)
		if err := pair.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// listening 42 <nil>
	// polling 42 <nil>
}

// Services of another runtime can be given the certificates of a pair.
func ExampleCertificate() {
	cert := halibuttest.Certificate("build-7")
	fmt.Println(cert.Leaf.Subject)
	fmt.Println(halibut.PinOf(cert) == halibut.PinOf(halibuttest.Certificate("build-7")))
	// Output:
	// CN=build-7
	// true
}
