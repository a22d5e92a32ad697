// Package websocket carries Halibut over websockets, for places where nothing
// but HTTPS passes. What travels is the reference's: sub-protocol Octopus, the
// text MX, then the conversation in binary frames (docs/networking.md).
//
// [Transport] reaches wss:// endpoints, to call them and to poll them:
//
//	rt, err := halibut.New(cert, &halibut.Options{
//		Transports: map[string]halibut.Transport{"wss": &websocket.Transport{}},
//	})
//	to, err := halibut.ParseEndpoint("wss://octopus.example.com/agents", thumbprint)
//	err = rt.Poll(ctx, "poll://machine-7", to)
//
// [Handler] is the other side, an http.Handler. It goes into a server that is
// there already, or, by [HTTP], into a listener of the runtime, which then
// speaks Halibut, websockets and HTTPS on one port:
//
//	mux.Handle("/agents", &websocket.Handler{})
//	rt, err := halibut.New(cert, &halibut.Options{Authorizer: trust, Protocols: []halibut.Protocol{websocket.HTTP(mux)}})
package websocket
