// Package jsonrpc speaks the protocol of the first Halibut, of 2013, whose
// endpoints begin with rpc:// (docs/protocol.md section 5): one BSON document
// each way over TLS, and a connection for each call. There are no data streams
// in it, nobody polls, and no metadata travels.
//
// [Transport] calls services that speak it:
//
//	rt, err := halibut.New(cert, &halibut.Options{
//		Transports: map[string]halibut.Transport{"rpc": &jsonrpc.Transport{}},
//	})
//	to, err := halibut.ParseEndpoint("rpc://old.example.com:10933", thumbprint)
//	sum, err := halibut.Call[int64](ctx, rt.Client(to), "ICalculatorService", "Add", 12, 18)
//
// [Protocol] answers such callers, on the port where Halibut is served, too:
//
//	Protocols: []halibut.Protocol{&jsonrpc.Protocol{Services: []string{"ICalculatorService"}}}
//
// The bytes are those of the recording in wire/testdata/2013-rpc.json.
package jsonrpc
