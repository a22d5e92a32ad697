// Package halibut makes calls between programs over mutually authenticated
// TLS. Who a peer is, is told by its certificate's thumbprint: there is no
// certificate authority. Either side may be the one that opens the TCP
// connection, and neither the code that makes a call nor the one that answers
// it can tell. It speaks the protocol of Octopus Deploy's Halibut for .NET,
// releases 4.4 to 8.1, with .NET programs and with its own kind.
//
// # Two sides, two directions
//
// A client makes calls, a service answers them. A [Runtime] is either, or both.
//
// A service that can be reached listens ([Runtime.Serve]), and clients call it
// at an endpoint such as https://host:10933. A service behind a firewall polls
// ([Runtime.Poll]): it opens the connection, says which subscription it is, and
// collects what clients have called at the endpoint poll://subscription. The
// client then is the one that listens, with the same Serve.
//
// Where several nodes share their queues ([Options].Queues, package
// redisqueue), any of them can call a service that polls another, and a service
// can take calls straight from a queue, without a connection
// ([Runtime.ServeQueue]): they are made at queue://name.
//
//	c := rt.Client(endpoint) // https://…, poll://… or queue://…
//	greeting, err := halibut.Call[string](ctx, c, "IEchoService", "SayHello", "World")
//
// # Trust
//
// A [Pin] is the SHA-1 thumbprint of a certificate, as .NET has it, or
// its SHA-256. Who dials names the pins that it accepts in the [Endpoint]; who
// listens decides by an [Authorizer], most often a [TrustList], which tells
// peers that may call from peers that may poll, and for which subscriptions.
// Without an authoriser nobody is admitted. Expiry dates and names in
// certificates mean nothing: the pin is the identity. Trust that is taken away
// ends the connections that rest on it.
//
// # Services and contracts
//
// [Services] hold functions under the names of a contract: one by one
// ([Services.Handle]) or an interface at once ([Register]). A method takes a
// context first, which ends when its caller goes away or gives up, and returns
// an error last. Overloads are told apart by their parameters. Structs travel
// as .NET classes, by the names of their fields; see docs/dotnet-types.md for
// what a .NET peer makes of each Go type, docs/interop.md for a .NET program and
// a Go program step by step, and cmd/halibutgen for typed clients. The contracts
// of Octopus Tentacle are in contracts/tentacle.
//
// # Data streams
//
// A *[DataStream] as an argument, as a result, or anywhere inside of one
// carries any number of bytes beside the message, in constant memory.
// [StreamFile], [StreamFunc], [StreamBytes] and [StreamOf] make them. A received
// stream was read from the connection before the method ran or the call
// returned, into memory while it is small and a temporary file beyond; a method
// whose last parameter is an io.Reader reads from the connection itself.
//
// # Errors
//
// Every call fails with an *[Error]. Its Code says what went wrong, its Outcome
// what is known of the method: that it ran, that it did not, or that nobody can
// tell. [SafeToRetry] is true only if it certainly did not run. A call is tried
// again by itself only while nothing of it can have reached the peer;
// [RepeatCalls] goes further, for calls that are marked as idempotent.
//
// # Shutdown
//
// [Runtime.Serve] and [Runtime.Poll] block, and return when everything that
// they started has ended. [Runtime.Shutdown] ends a runtime without losing
// what is under way, [Runtime.Close] at once.
package halibut
