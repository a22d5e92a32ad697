package main

import (
	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/jsonrpc"
)

// transports reach endpoints that the library does not reach by itself.
var transports = map[string]halibut.Transport{"rpc": &jsonrpc.Transport{}}
