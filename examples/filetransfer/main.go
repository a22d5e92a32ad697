// File transfer: a file goes up as an argument and comes back as a result.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/halibut-go/halibut"
)

func main() {
	ctx := context.Background()
	folder := must(os.MkdirTemp("", "filetransfer-"))
	defer os.RemoveAll(folder)
	serviceCert := must(halibut.GenerateCertificate("service", nil))
	clientCert := must(halibut.GenerateCertificate("client", nil))

	// The service keeps one file. SaveTo puts it in place when it is complete.
	kept := filepath.Join(folder, "kept")
	var services halibut.Services
	services.Handle("IFiles", "Store", func(_ context.Context, content *halibut.DataStream) (int64, error) {
		return content.Size(), content.SaveTo(kept)
	})
	services.Handle("IFiles", "Fetch", func(context.Context) (*halibut.DataStream, error) {
		return halibut.StreamFile(kept)
	})
	var trust halibut.TrustList
	trust.AllowCalls(halibut.PinOf(clientCert))
	service := must(halibut.New(serviceCert, &halibut.Options{Services: &services, Authorizer: &trust}))
	defer service.Close()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	go service.Serve(ctx, listener)

	client := must(halibut.New(clientCert, nil))
	defer client.Close()
	files := client.Client(must(halibut.ParseEndpoint("https://"+listener.Addr().String(), halibut.PinOf(serviceCert).String())))

	source, back := must(os.CreateTemp(folder, "source")), filepath.Join(folder, "back")
	must(source.WriteString("a file of any length"))
	fmt.Println(must(halibut.Call[int64](ctx, files, "IFiles", "Store", must(halibut.StreamFile(source.Name())))), "bytes stored")

	// What comes back goes straight into a file, which appears when it is complete.
	content := must(halibut.Call[*halibut.DataStream](halibut.WithStreamToFile(ctx, back), files, "IFiles", "Fetch"))
	fmt.Printf("%d bytes fetched: %s\n", content.Size(), must(os.ReadFile(back)))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
