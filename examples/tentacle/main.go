// Tentacle: a script runs on a Tentacle, and its log arrives while it runs. The
// Tentacle is played: to a real one only the endpoint is another.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
	"github.com/halibut-go/halibut/contracts/tentacle/tentacletest"
)

func main() {
	ctx := context.Background()
	serverCert := must(halibut.GenerateCertificate("server", nil))
	tentacleCert := must(halibut.GenerateCertificate("tentacle", nil))

	// The Tentacle listens, and trusts the server. What its scripts do is a function.
	played := &tentacletest.Tentacle{Run: func(_ context.Context, script *tentacletest.Script) int {
		script.Print("running: " + script.Body)
		script.Print("with " + string(script.Files["settings.json"]))
		return 0
	}}
	defer played.Close()
	var services halibut.Services
	played.Register(&services)
	var trust halibut.TrustList
	trust.AllowCalls(halibut.PinOf(serverCert))
	agent := must(halibut.New(tentacleCert, &halibut.Options{Services: &services, Authorizer: &trust}))
	defer agent.Close()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	go agent.Serve(ctx, listener)

	// The server knows the Tentacle's address and thumbprint. One that polls is poll://… here.
	server := must(halibut.New(serverCert, nil))
	defer server.Close()
	client := tentacle.NewClient(server.Client(must(halibut.ParseEndpoint(
		"https://"+listener.Addr().String(), halibut.PinOf(tentacleCert).String()))), nil)
	err := client.RunScript(ctx, &tentacle.Script{
		Body:  "./deploy.sh",
		Files: []tentacle.ScriptFile{{Name: "settings.json", Contents: halibut.StreamBytes([]byte(`{"replicas": 3}`))}},
	}, os.Stdout)
	fmt.Println("done:", err)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
