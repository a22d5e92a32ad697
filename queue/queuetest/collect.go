package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/halibut-go/halibut/queue"
)

var collectTests = []test{
	{"OrderIsKept", orderIsKept},
	{"WaitingCollectorIsServed", waitingCollectorIsServed},
	{"OneOfManyCollectorsIsServed", oneOfManyCollectorsIsServed},
	{"LastCollectorIsServedFirst", lastCollectorIsServedFirst},
	{"EachCollectedOnce", eachCollectedOnce},
	{"NextEndsWithItsContext", nextEndsWithItsContext},
	{"CollectorThatLeftIsNotServed", collectorThatLeftIsNotServed},
	{"TryNextDoesNotWait", tryNextDoesNotWait},
}

func orderIsKept(f *fixture) {
	const n = 10
	for i := range n {
		f.enqueue(fmt.Sprint(i), queue.SendOptions{})
	}
	for i := range n {
		f.respond(f.next(alice, fmt.Sprint(i)), fmt.Sprint(i))
	}
	f.nothingFor(alice)
}

func waitingCollectorIsServed(f *fixture) {
	c := f.collect(alice)
	s := f.start(f.Context(), request("1"), queue.SendOptions{})
	f.respond(c.gets("1"), "1")
	s.succeeds("1")
}

func oneOfManyCollectorsIsServed(f *fixture) {
	const n = 30
	var waiting []*collecting
	for range n {
		waiting = append(waiting, f.collect(alice))
	}
	s := f.start(f.Context(), request("1"), queue.SendOptions{})
	f.eventually("one collector fewer waits", func() bool { return f.collector.Stats().Waiting < n })
	served := 0
	for _, c := range waiting {
		if c.waits() {
			c.cancel()
		}
		c.wait()
		switch {
		case c.err == nil:
			served++
			f.respond(c.delivery, "1")
		case !errors.Is(c.err, context.Canceled):
			f.Errorf("Next: %v", c.err)
		}
	}
	if served != 1 {
		f.Fatalf("%d collectors got the one request", served)
	}
	s.succeeds("1")
}

func lastCollectorIsServedFirst(f *fixture) {
	first, second, third := f.collect(alice), f.collect(bob), f.collect(alice)
	f.start(f.Context(), request("1"), queue.SendOptions{})
	third.gets("1")
	f.start(f.Context(), request("2"), queue.SendOptions{})
	second.gets("2")
	f.start(f.Context(), request("3"), queue.SendOptions{})
	first.gets("3")
}

func eachCollectedOnce(f *fixture) {
	const senders, each, collectors = 20, 25, 6
	ctx, stop := context.WithCancel(f.Context())
	defer stop()
	var mu sync.Mutex
	seen := map[string]int{}
	var working, calling sync.WaitGroup
	for range collectors {
		working.Go(func() {
			for {
				d, err := f.collector.Next(ctx, alice)
				if err != nil {
					return
				}
				id := d.Request().ID
				mu.Lock()
				seen[id]++
				mu.Unlock()
				if !d.Started() || !d.Respond(response(id)) {
					f.Errorf("nobody waits for %s", id)
				}
			}
		})
	}
	for s := range senders {
		calling.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d/%d", s, i)
				r, err := f.sender.Send(ctx, request(id), queue.SendOptions{})
				if err != nil || r.ID != id {
					f.Errorf("Send of %s returned %+v, %v", id, r, err)
				}
			}
		})
	}
	calling.Wait()
	stop()
	working.Wait()
	if len(seen) != senders*each {
		f.Errorf("%d requests were delivered, want %d", len(seen), senders*each)
	}
	for id, n := range seen {
		if n != 1 {
			f.Errorf("request %s was delivered %d times", id, n)
		}
	}
}

func nextEndsWithItsContext(f *fixture) {
	ended, cancel := context.WithCancel(f.Context())
	cancel()
	f.enqueue("1", queue.SendOptions{})
	if d, err := f.collector.Next(ended, alice); !errors.Is(err, context.Canceled) {
		f.Errorf("Next with an ended context returned %+v, %v", d, err)
	}
	f.next(alice, "1")

	c := f.collect(alice)
	c.cancel()
	c.wait()
	if !errors.Is(c.err, context.Canceled) || c.delivery != nil {
		f.Errorf("a cancelled Next returned %+v, %v", c.delivery, c.err)
	}
	f.nothingFor(alice) // and ends by its deadline
}

func collectorThatLeftIsNotServed(f *fixture) {
	stays, leaves := f.collect(alice), f.collect(bob)
	leaves.cancel()
	leaves.wait()
	f.start(f.Context(), request("1"), queue.SendOptions{})
	stays.gets("1")
}

func tryNextDoesNotWait(f *fixture) {
	if _, ok := f.collector.TryNext(alice); ok {
		f.Error("TryNext of an empty queue delivered something")
	}
	s := f.enqueue("1", queue.SendOptions{})
	var d queue.Delivery
	f.eventually("TryNext delivers", func() (ok bool) { d, ok = f.collector.TryNext(alice); return ok })
	f.respond(d, "1")
	s.succeeds("1")
}
