package queuetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/halibut-go/halibut/queue"
)

var returnTests = []test{
	{"ReturnedTakesItsOldPlace", returnedTakesItsOldPlace},
	{"ReturnedIsOfferedAtOnce", returnedIsOfferedAtOnce},
	{"ReturnedAndCollectedAgain", returnedAndCollectedAgain},
	{"ReturnedAfterPickUpTime", returnedAfterPickUpTime},
	{"ReturnedAndNotCollectedAgain", returnedAndNotCollectedAgain},
	{"ReturnedAfterStart", returnedAfterStart},
	{"ReturnedAfterStartAndPickUpTime", returnedAfterStartAndPickUpTime},
	{"ReturnedAndCancelled", returnedAndCancelled},
}

var errDied = errors.New("the connection was closed by the peer")

func returnedTakesItsOldPlace(f *fixture) {
	for _, id := range []string{"1", "2", "3"} {
		f.enqueue(id, queue.SendOptions{})
	}
	first, second := f.next(alice, "1"), f.next(bob, "2")
	first.Return(errDied)
	second.Return(errDied)
	for _, id := range []string{"1", "2", "3"} {
		f.respond(f.next(alice, id), id)
	}

	f.enqueue("4", queue.SendOptions{})
	f.enqueue("5", queue.SendOptions{})
	first, second = f.next(alice, "4"), f.next(bob, "5")
	second.Return(errDied)
	first.Return(errDied)
	f.next(alice, "4")
	f.next(alice, "5")
}

func returnedIsOfferedAtOnce(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{})
	d := f.next(alice, "1")
	waiting := f.collect(bob)
	d.Return(errDied)
	f.respond(waiting.gets("1"), "1")
	s.succeeds("1")
}

// returnedAndCollectedAgain: what the first collector still says has no effect.
func returnedAndCollectedAgain(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{})
	dead := f.next(alice, "1")
	ctx := dead.Context()
	dead.Return(errDied)
	d := f.next(bob, "1")
	f.begin(d)
	if dead.Started() || dead.Respond(response("from the dead")) {
		f.Error("a delivery that was returned can still be used")
	}
	dead.Fail(errDied)
	dead.Return(errDied)
	if !s.waits() {
		f.Fatal("a delivery that was returned ended the call")
	}
	f.running(d)
	f.respond(d, "1")
	s.succeeds("1")
	if ctx.Err() != nil {
		f.Errorf("the context of the returned delivery has ended: %v", ctx.Err())
	}
	f.nothingFor(alice)
}

func returnedAfterPickUpTime(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{PickUp: shortPickUp})
	d := f.next(alice, "1")
	f.pass(2 * shortPickUp)
	if !s.waits() {
		f.Fatal("the pick-up limit ended a collected request")
	}
	other := f.collect(bob)
	d.Return(errDied)
	s.fails(queue.ErrNotCollected, queue.Queued, queue.Collected)
	if !other.waits() {
		f.Errorf("a request was delivered after its pick-up time: %+v, %v", other.delivery, other.err)
	}
	if !f.apart() && !errors.Is(s.err, errDied) {
		f.Errorf("the error %q does not tell why the connection died", s.err)
	}
	f.nothingFor(bob)
}

func returnedAndNotCollectedAgain(f *fixture) {
	begin := time.Now()
	s := f.enqueue("1", queue.SendOptions{PickUp: shortPickUp})
	f.next(alice, "1").Return(errDied)
	s.fails(queue.ErrNotCollected, queue.Queued, queue.Collected)
	if waited := time.Since(begin); waited < shortPickUp {
		f.Errorf("ended after %v, before the pick-up time of %v", waited, shortPickUp)
	}
	if !strings.HasPrefix(s.err.Error(), notCollectedText) {
		f.Errorf("error text\n%q, want it to begin with\n%q", s.err, notCollectedText)
	}
	f.nothingFor(bob)
}

// returnedAfterStart: the first write failed and had taken nothing.
func returnedAfterStart(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{})
	d := f.next(alice, "1")
	f.begin(d)
	d.Return(errDied)
	f.respond(f.next(bob, "1"), "1")
	s.succeeds("1")
}

func returnedAfterStartAndPickUpTime(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{PickUp: shortPickUp})
	d := f.next(alice, "1")
	f.begin(d)
	f.pass(2 * shortPickUp)
	d.Return(errDied)
	s.fails(queue.ErrNotCollected, queue.Queued, queue.Collected)
	f.nothingFor(bob)
}

func returnedAndCancelled(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{})
	f.next(alice, "1").Return(errDied)
	f.eventually("the request is queued again", func() bool { return f.sender.Stats().Length == 1 })
	s.cancel()
	s.fails(context.Canceled, queue.Queued)
	f.nothingFor(bob)
}
