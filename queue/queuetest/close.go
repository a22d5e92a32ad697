package queuetest

import (
	"errors"

	"github.com/halibut-go/halibut/queue"
)

var closeTests = []test{
	{"CloseEndsEveryWait", closeEndsEveryWait},
	{"ClosedStaysClosed", closedStaysClosed},
}

func closeEndsEveryWait(f *fixture) {
	if f.apart() {
		f.Skip("closing one node ends the waits of that node only")
	}
	collected := f.enqueue("collected", queue.SendOptions{})
	d := f.next(alice, "collected")
	started := f.enqueue("started", queue.SendOptions{})
	begun := f.next(alice, "started")
	f.begin(begun)
	queued := f.enqueue("queued", boundTo(bob.Thumbprint))
	c := f.collect(alice)

	if err := f.senders.Close(); err != nil {
		f.Fatal(err)
	}
	queued.fails(queue.ErrClosed, queue.Queued)
	collected.fails(queue.ErrClosed, queue.Collected)
	started.fails(queue.ErrClosed, queue.Started)
	c.wait()
	if !errors.Is(c.err, queue.ErrClosed) {
		f.Errorf("Next: %v, want ErrClosed", c.err)
	}
	f.ended(d)
	f.ended(begun)
	if d.Started() || d.Respond(response("collected")) {
		f.Error("after Close somebody still waits")
	}
	d.Return(errDied)
	begun.Fail(errDied)
}

func closedStaysClosed(f *fixture) {
	for range 2 {
		if err := errors.Join(f.senders.Close(), f.collectors.Close()); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := f.senders.Queue(f.subscription); !errors.Is(err, queue.ErrClosed) {
		f.Errorf("Queue: %v, want ErrClosed", err)
	}
	if _, err := f.senders.Queue("another"); !errors.Is(err, queue.ErrClosed) {
		f.Errorf("Queue: %v, want ErrClosed", err)
	}
	f.start(f.Context(), request("1"), queue.SendOptions{}).fails(queue.ErrClosed, queue.Queued)
	if _, err := f.collector.Next(f.Context(), alice); !errors.Is(err, queue.ErrClosed) {
		f.Errorf("Next: %v, want ErrClosed", err)
	}
	if _, ok := f.collector.TryNext(alice); ok {
		f.Error("TryNext delivered something")
	}
	if s := f.collector.Stats(); s != (queue.Stats{}) {
		f.Errorf("Stats: %+v", s)
	}
}
