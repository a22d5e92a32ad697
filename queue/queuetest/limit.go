package queuetest

import (
	"context"
	"errors"
	"strings"

	"github.com/halibut-go/halibut/queue"
)

var limitTests = []test{
	{"NotCollectedInTime", notCollectedInTime},
	{"PickUpDoesNotBoundTheWork", pickUpDoesNotBoundTheWork},
	{"PickUpLimitOff", pickUpLimitOff},
	{"EachHasItsOwnPickUpLimit", eachHasItsOwnPickUpLimit},
	{"CallersDeadline", callersDeadline},
}

const notCollectedText = "A request was sent to a polling endpoint, but the polling endpoint did not collect the request within the allowed time (00:00:00.1500000), so the request timed out."

func notCollectedInTime(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{PickUp: shortPickUp})
	s.fails(queue.ErrNotCollected, queue.Queued)
	if got := s.err.Error(); got != notCollectedText {
		f.Errorf("error text\n%q, want\n%q", got, notCollectedText)
	}
	f.nothingFor(alice)
	f.eventually("the queue is empty", func() bool { return f.sender.Stats().Length == 0 })
}

func pickUpDoesNotBoundTheWork(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{PickUp: shortPickUp})
	d := f.next(alice, "1")
	f.begin(d)
	f.pass(2 * shortPickUp)
	f.running(d)
	if !s.waits() {
		f.Error("the pick-up limit ended a collected request")
	}
	f.respond(d, "1")
	s.succeeds("1")
}

func pickUpLimitOff(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{PickUp: -1})
	f.pass(shortPickUp)
	f.respond(f.next(alice, "1"), "1")
	s.succeeds("1")
}

func eachHasItsOwnPickUpLimit(f *fixture) {
	long := f.enqueue("long", queue.SendOptions{})
	short := f.enqueue("short", queue.SendOptions{PickUp: shortPickUp})
	short.fails(queue.ErrNotCollected, queue.Queued)
	f.respond(f.next(alice, "long"), "long")
	long.succeeds("long")
}

func callersDeadline(f *fixture) {
	ctx, cancel := context.WithTimeout(f.Context(), shortPickUp)
	defer cancel()
	s := f.start(ctx, request("1"), queue.SendOptions{})
	d := f.next(alice, "1")
	f.begin(d)
	want, _ := ctx.Deadline()
	if got, ok := d.Context().Deadline(); !f.apart() && (!ok || !got.Equal(want)) {
		f.Errorf("the delivery's deadline is %v (%v), the caller's %v", got, ok, want)
	}
	f.ended(d)
	e := s.fails(context.DeadlineExceeded, queue.Started)
	if !strings.Contains(e.Error(), f.subscription) || errors.Is(e, queue.ErrNotCollected) {
		f.Errorf("error %q", e)
	}
}
