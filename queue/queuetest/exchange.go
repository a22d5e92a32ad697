package queuetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

var exchangeTests = []test{
	{"ResponseReachesItsCaller", responseReachesItsCaller},
	{"RequestArrivesWhole", requestArrivesWhole},
	{"FailureReachesItsCaller", failureReachesItsCaller},
	{"FailureAfterStartIsTold", failureAfterStartIsTold},
	{"OneOutcomeOnly", oneOutcomeOnly},
	{"ResponsesInAnyOrder", responsesInAnyOrder},
	{"SameIDTwice", sameIDTwice},
	{"NilResponseIsAFailure", nilResponseIsAFailure},
	{"SubscriptionsAreApart", subscriptionsAreApart},
	{"StatsCount", statsCount},
}

func responseReachesItsCaller(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{})
	d := f.next(alice, "1")
	f.begin(d)
	if !s.waits() {
		f.Error("Send returned before there was a response")
	}
	f.running(d)
	f.respond(d, "1")
	s.succeeds("1")
	f.nothingFor(alice)
}

func requestArrivesWhole(f *fixture) {
	want := request("whole")
	want.Params = wire.Raw{Type: wire.KindArray, Data: []byte{5, 0, 0, 0, 0}}
	f.enqueueRequest(want, queue.SendOptions{})
	got := f.next(alice, "whole").Request()
	if got.ActivityID != want.ActivityID || got.Service != want.Service || got.Method != want.Method || string(got.Params.Data) != string(want.Params.Data) {
		f.Errorf("the delivered request is %+v, want %+v", got, want)
	}
}

func failureReachesItsCaller(f *fixture) {
	cause := errors.New("the peer speaks nonsense")
	s := f.enqueue("1", queue.SendOptions{})
	f.next(alice, "1").Fail(cause)
	if f.apart() {
		s.wait() // an error may have to be told as a response
		return
	}
	e := s.fails(cause, queue.Collected)
	if e.Peer != alice || e.Subscription != f.subscription {
		f.Errorf("the error names %+v at %s, want %+v at %s", e.Peer, e.Subscription, alice, f.subscription)
	}
}

func failureAfterStartIsTold(f *fixture) {
	cause := errors.New("connection reset")
	s := f.enqueue("1", queue.SendOptions{})
	d := f.next(alice, "1")
	f.begin(d)
	d.Fail(cause)
	if f.apart() {
		s.wait()
		return
	}
	s.fails(cause, queue.Started)
}

func oneOutcomeOnly(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{})
	d := f.next(alice, "1")
	f.respond(d, "first")
	if !f.apart() && d.Respond(response("second")) {
		f.Error("a second Respond reports that somebody waits")
	}
	d.Fail(errors.New("too late"))
	d.Return(errors.New("too late"))
	if d.Started() {
		f.Error("Started after the end of the call reports that somebody waits")
	}
	s.succeeds("first")
	f.nothingFor(alice)
}

func responsesInAnyOrder(f *fixture) {
	var sent []*sending
	var held []queue.Delivery
	for i := range 5 {
		id := fmt.Sprint(i)
		sent = append(sent, f.enqueue(id, queue.SendOptions{}))
	}
	for i := range 5 {
		held = append(held, f.next(alice, fmt.Sprint(i)))
	}
	for _, i := range []int{3, 0, 4, 2, 1} {
		f.respond(held[i], fmt.Sprint(i))
	}
	for i, s := range sent {
		s.succeeds(fmt.Sprint(i))
	}
}

func sameIDTwice(f *fixture) {
	one := f.enqueue("twin", queue.SendOptions{})
	two := f.enqueue("twin", queue.SendOptions{})
	first, second := f.next(alice, "twin"), f.next(alice, "twin")
	f.respond(second, "for the second")
	two.succeeds("for the second")
	if !one.waits() {
		f.Error("the response to the second request ended the first")
	}
	f.respond(first, "for the first")
	one.succeeds("for the first")
}

func nilResponseIsAFailure(f *fixture) {
	s := f.enqueue("1", queue.SendOptions{})
	if f.next(alice, "1").Respond(nil) {
		f.Error("Respond took no response for one")
	}
	s.wait()
	if s.response != nil || s.err == nil {
		f.Errorf("Send returned %v, %v; want an error", s.response, s.err)
	}
}

func subscriptionsAreApart(f *fixture) {
	other := f.queue(f.collectors, f.subscription+"other")
	f.enqueue("1", queue.SendOptions{})
	if d, ok := other.TryNext(alice); ok {
		f.Errorf("request %s came out of another subscription's queue", d.Request().ID)
	}
	if _, ok := f.queue(f.collectors, f.subscription).TryNext(alice); !ok {
		f.Error("asked for again, the queue of the subscription is another one")
	}
}

func statsCount(f *fixture) {
	if s := f.sender.Stats(); s.Length != 0 || !s.Oldest.IsZero() || s.Collected != 0 || s.Waiting != 0 {
		f.Errorf("a new queue tells %+v", s)
	}
	before := time.Now()
	f.enqueue("1", queue.SendOptions{})
	between := time.Now()
	f.enqueue("2", queue.SendOptions{})
	if s := f.sender.Stats(); s.Length != 2 || s.Oldest.Before(before) || s.Oldest.After(between) {
		f.Errorf("two requests queued: %+v, the first between %v and %v", s, before, between)
	}
	d := f.next(alice, "1")
	f.eventually("one queued, one collected", func() bool {
		return f.sender.Stats().Length == 1 && f.collector.Stats().Collected == 1
	})
	if s := f.sender.Stats(); !f.apart() && s.Oldest.Before(between) {
		f.Errorf("the oldest is still that of the collected request: %+v", s)
	}
	f.respond(d, "1")
	f.eventually("none collected", func() bool { return f.collector.Stats().Collected == 0 })
	f.next(bob, "2").Fail(errors.New("done"))
}
