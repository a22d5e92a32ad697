package main

import (
	"net/http"
	"strings"

	"github.com/spf13/pflag"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/jsonrpc"
	"github.com/halibut-go/halibut/websocket"
)

// transports reach endpoints that the library does not reach by itself.
var transports = map[string]halibut.Transport{"rpc": &jsonrpc.Transport{}, "wss": &websocket.Transport{}}

// protocolFlags say what a verb that listens speaks besides Halibut.
type protocolFlags struct{ websocket string }

func (f *protocolFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.websocket, "websocket", "", "where this side listens, take peers that come over a websocket too, at this `path` of wss://")
}

// protocols are those that the flags ask for, on the port of all others.
func (f *protocolFlags) protocols() ([]halibut.Protocol, error) {
	if f.websocket == "" {
		return nil, nil
	}
	if !strings.HasPrefix(f.websocket, "/") || strings.ContainsAny(f.websocket, " {}?#") {
		return nil, usagef("--websocket is %q: expected the path of a URL, such as /agents", f.websocket)
	}
	mux := http.NewServeMux()
	mux.Handle(f.websocket, &websocket.Handler{})
	return []halibut.Protocol{websocket.HTTP(mux)}, nil
}

// urls are the ways to an address on which this side listens.
func (f *protocolFlags) urls(address string) []string {
	urls := []string{"https://" + address + "/"}
	if f.websocket != "" {
		urls = append(urls, "wss://"+address+f.websocket)
	}
	return urls
}
