package queuetest

import "github.com/halibut-go/halibut/queue"

var pinTests = []test{
	{"BoundRequestGoesToNoOther", boundRequestGoesToNoOther},
	{"BoundByEitherKindOfPin", boundByEitherKindOfPin},
	{"OrderAmongThoseOnePeerMayHave", orderAmongThoseOnePeerMayHave},
	{"BoundRequestPassesOtherCollectors", boundRequestPassesOtherCollectors},
	{"ReturnedStaysBound", returnedStaysBound},
	{"PeerWithoutPins", peerWithoutPins},
}

func boundTo(pins ...string) queue.SendOptions { return queue.SendOptions{Pins: pins} }

func boundRequestGoesToNoOther(f *fixture) {
	s := f.enqueue("1", boundTo(alice.Thumbprint))
	f.nothingFor(bob)
	f.respond(f.next(alice, "1"), "1")
	s.succeeds("1")
}

func boundByEitherKindOfPin(f *fixture) {
	f.enqueue("1", boundTo(alice.SHA256))
	f.nothingFor(bob)
	f.next(alice, "1")
	f.enqueue("2", boundTo("an old one", bob.Thumbprint))
	f.nothingFor(alice)
	f.next(bob, "2")
}

func orderAmongThoseOnePeerMayHave(f *fixture) {
	f.enqueue("1", boundTo(alice.Thumbprint))
	f.enqueue("2", queue.SendOptions{})
	f.enqueue("3", boundTo(bob.SHA256))
	f.enqueue("4", boundTo(alice.SHA256, bob.SHA256))
	f.next(bob, "2")
	f.next(bob, "3")
	f.next(alice, "1")
	f.next(alice, "4")
}

func boundRequestPassesOtherCollectors(f *fixture) {
	right, wrong := f.collect(alice), f.collect(bob)
	f.start(f.Context(), request("1"), boundTo(alice.Thumbprint))
	right.gets("1")
	if !wrong.waits() {
		f.Errorf("a collector that may not have the request was woken: %+v, %v", wrong.delivery, wrong.err)
	}
}

func returnedStaysBound(f *fixture) {
	f.enqueue("1", boundTo(alice.Thumbprint))
	wrong := f.collect(bob)
	f.next(alice, "1").Return(errDied)
	f.next(alice, "1")
	if !wrong.waits() {
		f.Errorf("a collector that may not have the request was woken: %+v, %v", wrong.delivery, wrong.err)
	}
}

// peerWithoutPins: an empty text in a list of pins lets nobody in.
func peerWithoutPins(f *fixture) {
	f.enqueue("1", boundTo("", alice.Thumbprint))
	f.nothingFor(queue.Peer{Addr: "192.0.2.9:9"})
	f.enqueue("2", queue.SendOptions{})
	f.next(queue.Peer{Addr: "192.0.2.9:9"}, "2")
}
