package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/halibut-go/halibut/queue"
)

var cancelTests = []test{
	{"CancelledBeforeSend", cancelledBeforeSend},
	{"CancelledWhileQueued", cancelledWhileQueued},
	{"CancelledWhileCollected", cancelledWhileCollected},
	{"CancelledWhileStarted", cancelledWhileStarted},
	{"CancelAgainstStarted", cancelAgainstStarted},
	{"CancelAgainstRespond", cancelAgainstRespond},
	{"CancelAgainstNext", cancelAgainstNext},
	{"ManyCancelledWhileCollected", manyCancelledWhileCollected},
}

func cancelledBeforeSend(f *fixture) {
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	f.start(ctx, request("1"), queue.SendOptions{}).fails(context.Canceled, queue.Queued)
	f.nothingFor(alice)
}

func cancelledWhileQueued(f *fixture) {
	first := f.enqueue("1", queue.SendOptions{})
	second := f.enqueue("2", queue.SendOptions{})
	third := f.enqueue("3", queue.SendOptions{})
	second.cancel()
	second.fails(context.Canceled, queue.Queued)
	f.eventually("two requests are queued", func() bool { return f.sender.Stats().Length == 2 })
	f.respond(f.next(alice, "1"), "1")
	f.respond(f.next(alice, "3"), "3")
	first.succeeds("1")
	third.succeeds("3")
}

func cancelledWhileCollected(f *fixture) {
	ctx, cancel := context.WithCancelCause(f.Context())
	reason := errors.New("the user has left")
	s := f.start(ctx, request("1"), queue.SendOptions{})
	d := f.next(alice, "1")
	f.running(d)
	cancel(reason)
	s.fails(context.Canceled, f.collectedStage()...)
	s.fails(reason, f.collectedStage()...)
	f.ended(d)
	if f.apart() {
		return
	}
	if d.Started() {
		f.Error("Started reports that somebody waits, who was told that nothing was sent")
	}
	if d.Respond(response("1")) {
		f.Error("Respond reports that somebody waits")
	}
	d.Return(errors.New("the connection died too"))
	f.nothingFor(alice)
}

func cancelledWhileStarted(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{})
	d := f.next(alice, "1")
	f.begin(d)
	s.cancel()
	e := s.fails(context.Canceled, queue.Started)
	if !f.apart() && e.Peer != alice {
		f.Errorf("the error names %+v, want %+v", e.Peer, alice)
	}
	f.ended(d)
	d.Fail(context.Cause(d.Context()))
	f.nothingFor(alice)
}

// cancelAgainstStarted: the collector is told to send, or the caller is told
// that nothing was sent; never both.
func cancelAgainstStarted(f *fixture) {
	if f.apart() {
		f.Skip("the caller's node cannot know")
	}
	for i := range 300 {
		s := f.start(f.Context(), request(fmt.Sprint(i)), queue.SendOptions{})
		d := f.next(alice, fmt.Sprint(i))
		var started bool
		var both sync.WaitGroup
		both.Go(s.cancel)
		both.Go(func() { started = d.Started() })
		both.Wait()
		want := queue.Collected
		if started {
			want = queue.Started
		}
		s.fails(context.Canceled, want)
	}
}

// cancelAgainstRespond: the response is taken, or it still belongs to the
// collector.
func cancelAgainstRespond(f *fixture) {
	if f.apart() {
		f.Skip("the collector's node cannot know")
	}
	for i := range 300 {
		id := fmt.Sprint(i)
		s := f.start(f.Context(), request(id), queue.SendOptions{})
		d := f.next(alice, id)
		f.begin(d)
		var taken bool
		var both sync.WaitGroup
		both.Go(s.cancel)
		both.Go(func() { taken = d.Respond(response(id)) })
		both.Wait()
		if taken {
			s.succeeds(id)
		} else {
			s.fails(context.Canceled, queue.Started)
		}
	}
}

// cancelAgainstNext: a request that is handed to a collector which leaves at the
// same moment is not lost.
func cancelAgainstNext(f *fixture) {
	for i := range 100 {
		id := fmt.Sprint(i)
		c := f.collect(alice)
		s := f.start(f.Context(), request(id), queue.SendOptions{})
		c.cancel()
		c.wait()
		if c.err != nil {
			c.delivery = f.next(bob, id)
		}
		f.respond(c.delivery, id)
		s.succeeds(id)
	}
}

// manyCancelledWhileCollected cancels one call in two while all are collected.
func manyCancelledWhileCollected(f *fixture) {
	const n = 500
	ctx, stop := context.WithCancel(f.Context())
	defer stop()
	var answered, cancelled atomic.Int64
	var calling, working sync.WaitGroup
	for i := range n {
		calling.Go(func() {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			if i%2 == 0 {
				go cancel()
			}
			id := fmt.Sprint(i)
			r, err := f.sender.Send(ctx, request(id), queue.SendOptions{})
			switch {
			case err == nil && r.ID == id:
				answered.Add(1)
			case errors.Is(err, context.Canceled) && i%2 == 0:
				cancelled.Add(1)
			default:
				f.Errorf("Send of %s returned %+v, %v", id, r, err)
			}
		})
	}
	for range 4 {
		working.Go(func() {
			for {
				d, err := f.collector.Next(ctx, alice)
				if err != nil {
					return
				}
				d.Respond(response(d.Request().ID))
			}
		})
	}
	calling.Wait()
	stop()
	working.Wait()
	if answered.Load() < n/2 || answered.Load()+cancelled.Load() != n {
		f.Errorf("of %d calls %d were answered and %d cancelled", n, answered.Load(), cancelled.Load())
	}
	f.eventually("the queue is empty", func() bool {
		s := f.sender.Stats()
		return s.Length == 0 && s.Collected == 0
	})
}
