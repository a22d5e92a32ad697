package halibut_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
)

// A service that listens: the client connects to it and calls it.
func ExampleRuntime_Serve() {
	serviceCert, err := halibut.GenerateCertificate("service", nil)
	if err != nil {
		log.Fatal(err)
	}
	clientCert, err := halibut.GenerateCertificate("client", nil)
	if err != nil {
		log.Fatal(err)
	}

	// The service: what it offers, and who may call it.
	var services halibut.Services
	services.Handle("ICalculator", "Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })
	var trust halibut.TrustList
	trust.AllowCalls(halibut.PinOf(clientCert))
	service, err := halibut.New(serviceCert, &halibut.Options{Services: &services, Authorizer: &trust})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go service.Serve(context.Background(), listener)

	// The client: where the service is, and which certificate it must show.
	client, err := halibut.New(clientCert, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	endpoint, err := halibut.ParseEndpoint("https://"+listener.Addr().String(), halibut.PinOf(serviceCert).String())
	if err != nil {
		log.Fatal(err)
	}
	sum, err := halibut.Call[int64](context.Background(), client.Client(endpoint), "ICalculator", "Add", 2, 40)
	fmt.Println(sum, err)
	// Output: 42 <nil>
}

// Calls straight from a queue: no connection between caller and service. Here the
// queue is in memory, and both are one program; package redisqueue has queues
// that nodes share.
func ExampleRuntime_ServeQueue() {
	cert, err := halibut.GenerateCertificate("node", nil)
	if err != nil {
		log.Fatal(err)
	}
	var services halibut.Services
	services.Handle("ICalculator", "Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })
	node, err := halibut.New(cert, &halibut.Options{Services: &services})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	go node.ServeQueue(context.Background(), "sums")

	endpoint, err := halibut.ParseEndpoint("queue://sums")
	if err != nil {
		log.Fatal(err)
	}
	sum, err := halibut.Call[int64](context.Background(), node.Client(endpoint), "ICalculator", "Add", 2, 40)
	fmt.Println(sum, err)
	// Output: 42 <nil>
}

// The stream of a result goes to a writer, or into a file, while it comes.
func ExampleWithStreamTo() {
	fetch := func(ctx context.Context, files *halibut.Client, w io.Writer) error {
		_, err := halibut.Call[*halibut.DataStream](halibut.WithStreamTo(ctx, w), files, "IFiles", "Fetch")
		_, err = halibut.Call[*halibut.DataStream](halibut.WithStreamToFile(ctx, "site.zip"), files, "IFiles", "Fetch")
		return err
	}
	_ = fetch
}

// A service without an open port: it connects to its client and asks for work.
func ExampleRuntime_Poll() {
	serviceCert, err := halibut.GenerateCertificate("service", nil)
	if err != nil {
		log.Fatal(err)
	}
	clientCert, err := halibut.GenerateCertificate("client", nil)
	if err != nil {
		log.Fatal(err)
	}

	// The client: where it listens, and who may poll it for which subscription.
	var trust halibut.TrustList
	if err := trust.AllowPolling(halibut.PinOf(serviceCert), "poll://calculator-3"); err != nil {
		log.Fatal(err)
	}
	client, err := halibut.New(clientCert, &halibut.Options{Authorizer: &trust})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go client.Serve(context.Background(), listener)

	// The service: what it offers, and where the client is.
	var services halibut.Services
	services.Handle("ICalculator", "Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })
	service, err := halibut.New(serviceCert, &halibut.Options{Services: &services})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	clientAt, err := halibut.ParseEndpoint("https://"+listener.Addr().String(), halibut.PinOf(clientCert).String())
	if err != nil {
		log.Fatal(err)
	}
	go service.Poll(context.Background(), "poll://calculator-3", clientAt)

	// The call is the same; it waits until the service collects it.
	calculator, err := halibut.ParseEndpoint("poll://calculator-3")
	if err != nil {
		log.Fatal(err)
	}
	sum, err := halibut.Call[int64](context.Background(), client.Client(calculator), "ICalculator", "Add", 2, 40)
	fmt.Println(sum, err)
	// Output: 42 <nil>
}

// Streams go up as arguments and come down as results, alone or inside of
// other values.
func ExampleDataStream() {
	type page struct {
		Name    string
		Content *halibut.DataStream
	}
	var services halibut.Services
	services.Handle("IPages", "Capitals", func(_ context.Context, p page) (*halibut.DataStream, error) {
		content, err := p.Content.Bytes(1 << 20) // a longer one is an error
		if err != nil {
			return nil, err
		}
		return halibut.StreamBytes([]byte(p.Name + ": " + strings.ToUpper(string(content)))), nil
	})
	pair, err := halibuttest.Connect(halibuttest.Listening, &services, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pair.Close()

	const text = "streams have a length"
	up := halibut.StreamOf(strings.NewReader(text), int64(len(text)))
	down, err := halibut.Call[*halibut.DataStream](context.Background(), pair.Client, "IPages", "Capitals", page{"first", up})
	if err != nil {
		log.Fatal(err)
	}
	defer down.Close() // a received stream holds memory or a temporary file
	r, err := down.Open()
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	fmt.Printf("%d bytes: %s %v\n", down.Size(), content, err)
	// Output: 28 bytes: first: STREAMS HAVE A LENGTH <nil>
}

// An error says what failed and whether the method can have run.
func ExampleError() {
	var services halibut.Services
	services.Handle("IBank", "Withdraw", func(_ context.Context, amount int64) error {
		return fmt.Errorf("there are no %d coins", amount)
	})
	pair, err := halibuttest.Connect(halibuttest.Polling, &services, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pair.Close()

	for _, method := range []string{"Withdraw", "Rob"} {
		err := pair.Client.Call(context.Background(), "IBank", method, nil, 100)
		fmt.Println(halibut.CodeOf(err), "- safe to retry:", halibut.SafeToRetry(err))
		var e *halibut.Error
		if errors.As(err, &e) {
			fmt.Println(" ", e.Method, e.Outcome, "-", e.Message)
		}
	}
	// Output:
	// service failed - safe to retry: false
	//   IBank.Withdraw ran - there are no 100 coins
	// method not found - safe to retry: true
	//   IBank.Rob not run - Method IBank::RobAsync not found
}

// Greeter is a contract: what it has can be called, and nothing else of the
// value that is registered.
type Greeter interface {
	Greet(ctx context.Context, name string) (string, error)
}

// greeter implements Greeter.
type greeter struct{ greeting string }

func (g greeter) Greet(_ context.Context, name string) (string, error) {
	return g.greeting + ", " + name, nil
}

func (g greeter) Secret(context.Context) (string, error) { return g.greeting, nil }

func ExampleRegister() {
	var services halibut.Services
	halibut.Register[Greeter](&services, "IGreeter", greeter{"Hello"})
	pair, err := halibuttest.Connect(halibuttest.Listening, &services, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pair.Close()

	greeting, err := halibut.Call[string](context.Background(), pair.Client, "IGreeter", "Greet", "Go")
	fmt.Println(greeting, err)
	_, err = halibut.Call[string](context.Background(), pair.Client, "IGreeter", "Secret")
	fmt.Println(halibut.CodeOf(err))
	// Output:
	// Hello, Go <nil>
	// method not found
}
