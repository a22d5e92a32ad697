// Dotnet: a contract in C# (contracts.cs), and Go on both sides of it.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

//go:generate go run ../../cmd/halibutgen -from-csharp contracts.cs -dotnet -package main -out contracts_halibut.go

// builds implements the contract.
type builds struct{}

func (builds) Build(_ context.Context, request *BuildRequest) (*BuildResult, error) {
	id := fmt.Sprintf("%s-%d", request.Project, request.Attempt)
	return &BuildResult{BuildId: id, Succeeded: true, Took: wire.TimeSpanOf(90 * time.Second)}, nil
}

func (builds) GetLog(_ context.Context, buildID string) (*halibut.DataStream, error) {
	return halibut.StreamBytes([]byte("log of " + buildID)), nil
}

func main() {
	ctx := context.Background()
	serviceCert := must(halibut.GenerateCertificate("service", nil))
	clientCert := must(halibut.GenerateCertificate("client", nil))

	var services halibut.Services
	RegisterBuildService(&services, builds{})
	var trust halibut.TrustList
	trust.AllowCalls(halibut.PinOf(clientCert))
	service := must(halibut.New(serviceCert, &halibut.Options{Services: &services, Authorizer: &trust}))
	defer service.Close()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	go service.Serve(ctx, listener)

	client := must(halibut.New(clientCert, nil))
	defer client.Close()
	endpoint := must(halibut.ParseEndpoint("https://"+listener.Addr().String(), halibut.PinOf(serviceCert).String()))
	build := NewBuildServiceClient(client.Client(endpoint))
	source := halibut.StreamBytes([]byte("package main"))
	result := must(build.Build(ctx, &BuildRequest{Project: "web", Attempt: 1, Targets: []string{"all"}, Source: source}))
	buildLog := must(build.GetLog(ctx, result.BuildId))
	defer buildLog.Close()
	fmt.Printf("%s took %v: %s\n", result.BuildId, result.Took, must(buildLog.Bytes(1<<20)))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
