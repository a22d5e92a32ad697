// Package halibuttest is for tests of services and of the code that calls them:
// a client and a service that are connected in memory, by the same TLS, trust
// and protocol as over a network, and certificates that cost nothing.
//
//	func TestGreeting(t *testing.T) {
//		var services halibut.Services
//		halibut.Register[Greeter](&services, "IGreeter", greeter{})
//		for _, direction := range halibuttest.Directions() {
//			t.Run(direction.String(), func(t *testing.T) {
//				pair := halibuttest.NewPair(t, direction, &services, nil)
//				greeting, err := halibut.Call[string](t.Context(), pair.Client, "IGreeter", "Greet", "Go")
//				...
//			})
//		}
//	}
//
// What a program does when connections fail is tested with FaultyDialler and
// FaultyListener, which take the place of a runtime's dialler or listener:
// their connections are delayed, cut, reset, stalled or lost where a test says.
//
// No socket is opened and no real time is needed, so that a pair also works in
// the bubbles of testing/synctest, where waits of minutes end at once.
package halibuttest
